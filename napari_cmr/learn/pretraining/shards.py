"""8-bit crops in one sharded zarr array; a crop is read by its place in a shard's file.

Any zarr 3 reader opens the array. Ours reads the bytes itself: zarr looks the shard's table up anew
for every crop, which costs ten times the reading.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import InputError

NAME = "images.zarr"
SHARD_IMAGES = 1024
_CHECKSUM_BYTES = 4
_TABLE = np.dtype([("begin", "<u8"), ("length", "<u8")])
"""What zarr's ``sharding_indexed`` codec writes of each chunk before the checksum at the end."""


class ShardWriter:
    """Appends ``(n, size, size)`` uint8 crops to a new array, whole shards as soon as full.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path, size: int, shard_images: int) -> None:
        import zarr

        self._array: Any = zarr.create_array(
            folder / NAME,
            shape=(0, size, size),
            shards=(shard_images, size, size),
            chunks=(1, size, size),
            dtype="uint8",
            compressors=None,
            # A black crop is a crop too: without this zarr leaves out what equals its fill value.
            config={"write_empty_chunks": True},
        )
        self._per_shard = shard_images
        self._waiting: list[npt.NDArray[np.uint8]] = []

    def add(self, crops: npt.NDArray[np.uint8]) -> None:
        """Take crops; a shard's worth of them is kept in memory until it is written."""
        self._waiting.extend(crops)
        while len(self._waiting) >= self._per_shard:
            self._write(self._per_shard)

    def finish(self) -> None:
        """Write what is left as the last, shorter shard."""
        if self._waiting:
            self._write(len(self._waiting))

    def _write(self, n: int) -> None:
        self._array.append(np.stack(self._waiting[:n]))
        del self._waiting[:n]


class ShardReader:
    """Reads crops of an array that :class:`ShardWriter` wrote.

    Bytes are read, not mapped, so pages once seen do not count to the process.

    Parameters
    ----------
    images
        Number of crops in the array, each ``(size, size)``.
    """

    def __init__(self, folder: Path, images: int, size: int, shard_images: int) -> None:
        self._folder, self._images, self._size = folder, images, size
        self._per_shard = shard_images
        self._shards: dict[int, tuple[int, npt.NDArray[Any]]] = {}

    def read(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The crops with these numbers, ``(n, size, size)``.

        Raises
        ------
        InputError
            If a shard is missing or damaged.
        """
        length = self._size**2
        out = np.empty((len(numbers), self._size, self._size), np.uint8)
        for i, number in enumerate(numbers):
            shard, place = divmod(int(number), self._per_shard)
            file, begins = self._open(shard)
            data = os.pread(file, length, int(begins[place]))
            if len(data) != length:
                raise damaged(self._folder)
            out[i] = np.frombuffer(data, np.uint8).reshape(self._size, self._size)
        return out

    def close(self) -> None:
        """Close the shards; they open again when read."""
        while self._shards:
            os.close(self._shards.popitem()[1][0])

    def _open(self, shard: int) -> tuple[int, npt.NDArray[Any]]:
        if shard not in self._shards:
            file = self._opened(self._folder / NAME / "c" / str(shard) / "0" / "0")
            with _closed_on_error(file):
                self._shards[shard] = file, self._begins(file, shard)
        return self._shards[shard]

    def _opened(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDONLY)
        except OSError as error:
            raise damaged(self._folder) from error

    def _begins(self, file: int, shard: int) -> npt.NDArray[Any]:
        """Where each crop of a shard begins, after a look at whether all of them are there."""
        length = self._per_shard * _TABLE.itemsize
        at = os.fstat(file).st_size - length - _CHECKSUM_BYTES
        if at < 0:
            raise damaged(self._folder)
        written = min(self._per_shard, self._images - shard * self._per_shard)
        table = np.frombuffer(os.pread(file, length, at), _TABLE)[:written]
        if (table["length"] != self._size**2).any() or (table["begin"] > at).any():
            raise damaged(self._folder)
        return table["begin"]


def damaged(folder: Path) -> InputError:
    """What to say of a pack that cannot be read."""
    return InputError(f"The packed images in {folder} are damaged; remove them.")


@contextmanager
def _closed_on_error(file: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.close(file)
        raise
