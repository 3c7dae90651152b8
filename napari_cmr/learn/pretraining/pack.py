"""Packed images on disk, read one by one so that memory does not grow with their number."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import InputError

META = "meta.json"
INDEX = "index.npy"
RECORD = np.dtype(
    [("subject", "i4"), ("site", "i4"), ("position", "f4"), ("label", "i2"), ("held", "?")]
)
UNKNOWN_LABEL = -1
_UNKNOWN = {"heart_finder": "", "manifest_sha256": ""}  # the first packs did not say them


def shard_name(number: int) -> str:
    """File of the shard with that number."""
    return f"images-{number:05d}.npy"


class Pack:
    """A folder of 8-bit square images.

    ``records`` has one entry an image: ``subject`` and ``site`` (one slice of one subject, in
    all its phases) as numbers, ``position`` from base (0) to apex (1) or NaN, ``label`` of the
    probe or -1, and ``held`` for images that are never trained on. ``meta`` says how it was made;
    ``made_with`` is what the caller knows of that.

    Raises
    ------
    InputError
        If its description or its index is damaged.
    """

    def __init__(self, folder: Path, made_with: dict[str, Any] | None = None) -> None:
        self.folder = folder
        try:
            written = json.loads((folder / META).read_text(encoding="utf-8"))
            self.meta: dict[str, Any] = _UNKNOWN | written | (made_with or {})
            self.records: npt.NDArray[Any] = np.load(folder / INDEX)
            self.size = int(self.meta["size"])
            self._per_shard = int(self.meta["shard_images"])
        except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
            raise damaged(folder) from error
        n = len(self.records)
        if self.records.dtype != RECORD or self.meta.get("images", n) != n:
            raise damaged(folder)
        self._files: dict[int, tuple[int, int]] = {}

    def read(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The images with these numbers, ``(n, size, size)``.

        Bytes are read, not mapped, so pages once seen do not count to the process.
        """
        length = self.size**2
        out = np.empty((len(numbers), self.size, self.size), np.uint8)
        for i, number in enumerate(numbers):
            shard, place = divmod(int(number), self._per_shard)
            file, begin = self._open(shard)
            data = os.pread(file, length, begin + place * length)
            if len(data) != length:
                raise damaged(self.folder)
            out[i] = np.frombuffer(data, np.uint8).reshape(self.size, self.size)
        return out

    def close(self) -> None:
        """Close the shards; they open again when read."""
        while self._files:
            os.close(self._files.popitem()[1][0])

    def _open(self, shard: int) -> tuple[int, int]:
        if shard not in self._files:
            path = self.folder / shard_name(shard)
            try:
                with path.open("rb") as file:
                    np.lib.format.read_magic(file)
                    np.lib.format.read_array_header_1_0(file)
                    begin = file.tell()
                self._files[shard] = os.open(path, os.O_RDONLY), begin
            except (OSError, ValueError) as error:
                raise damaged(self.folder) from error
        return self._files[shard]


def damaged(folder: Path) -> InputError:
    """What to say of a pack that cannot be read."""
    return InputError(f"The packed images in {folder} are damaged; remove them.")
