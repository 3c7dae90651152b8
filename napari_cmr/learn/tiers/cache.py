"""What a network said of a picture, kept on disk so that it is never asked twice."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_cmr.core import InputError

SUFFIX = ".zarr"


class FeatureCache:
    """Tensors on disk by key, as half precision; owner-only, and free to be thrown away.

    Each is a zarr array of one chunk in a folder of its own, which appears whole or not at all,
    so a run that is killed leaves no half of one.

    Parameters
    ----------
    folder
        Where it lies; made if need be.
    in_memory
        Bytes of the latest tensors that are kept in memory too; reading a study's takes longer
        than using them.

    Attributes
    ----------
    hits, misses
        How often an answer was there, and how often it was not.
    """

    def __init__(self, folder: Path, *, in_memory: int = 0) -> None:
        self.folder = folder
        self.hits = self.misses = 0
        self._in_memory = in_memory
        self._latest: OrderedDict[str, Tensor] = OrderedDict()

    def remember(self, key: str, make: Callable[[], Tensor]) -> Tensor:
        """The tensor of a key as float32, made and kept where it is not there.

        A tensor just made is rounded as a kept one is, so both give the same answer.

        Raises
        ------
        InputError
            If the folder cannot be written to.
        """
        place = self.folder / f"{key}{SUFFIX}"
        kept = self._latest.pop(key, None)
        if kept is None:
            kept = _read(place)
        if kept is not None:
            self.hits += 1
            self._keep(key, kept)
            return kept.float()
        self.misses += 1
        made = make().half()
        try:
            _write(place, made)
        except OSError as error:
            raise InputError(
                f"Cannot write to the cache {self.folder} ({error.strerror or error}); free some "
                "space or clear it."
            ) from error
        self._keep(key, made)
        return made.float()

    def size_bytes(self) -> int:
        """What the cache takes on disk."""
        return sum(p.stat().st_size for p in self._files())

    def clear(self) -> int:
        """Throw everything away and return how many bytes that was."""
        size = self.size_bytes()
        self._latest.clear()
        if self.folder.is_dir():
            for place in self.folder.glob(f"*{SUFFIX}"):
                shutil.rmtree(place, ignore_errors=True)
        return size

    def _keep(self, key: str, tensor: Tensor) -> None:
        if not self._in_memory:
            return
        self._latest[key] = tensor
        while sum(kept.nbytes for kept in self._latest.values()) > self._in_memory:
            self._latest.popitem(last=False)

    def _files(self) -> Iterator[Path]:
        return (p for p in self.folder.glob(f"*{SUFFIX}/**/*") if p.is_file())


def key_of(images: Tensor, *about: str) -> str:
    """Name of a network's answer: a hash of the pixels it sees and of everything in ``about``.

    The pixels are those of the network's own input, so crop, neighbours, flip and scale are in
    the hash; ``about`` says which network it is and on which grid.
    """
    digest = hashlib.sha256("\n".join([*about, str(tuple(images.shape))]).encode())
    digest.update(images.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _read(place: Path) -> Tensor | None:
    if not place.is_dir():
        return None
    import zarr

    try:
        array = zarr.open_array(place, mode="r")
        return torch.from_numpy(np.asarray(array[:]))
    except (OSError, ValueError, KeyError):  # damaged: it is only a cache
        shutil.rmtree(place, ignore_errors=True)
        return None


def _write(place: Path, made: Tensor) -> None:
    import zarr

    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        # Features hardly shrink, and unpacking would take longer than reading.
        array = zarr.create_array(
            part, shape=made.shape, chunks=made.shape, dtype="float16", compressors=None
        )
        array[:] = made.numpy()
        part.chmod(0o700)
        with suppress(FileExistsError):  # another process was faster with the same answer
            _place(part, place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _place(part: Path, place: Path) -> None:
    try:
        part.rename(place)
    except OSError:
        if not place.is_dir():
            raise
