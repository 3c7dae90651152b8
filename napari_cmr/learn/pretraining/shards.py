"""8-bit crops in one sharded zarr array; a crop is read by its place in a shard's file.

Any zarr 3 reader opens the array. Ours reads the bytes itself: zarr looks the shard's table up anew
for every crop, which costs a hundred times the reading.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import InputError

NAME = "images.zarr"
SHARD_IMAGES = 1024
OPEN_SHARDS = 128
"""How many a reader keeps open, so that no number of images runs out of files."""
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
    """Reads crops of an array that :class:`ShardWriter` wrote, from any thread.

    Bytes are read, not mapped, so pages once seen do not count to the process.

    Parameters
    ----------
    images
        Number of crops in the array, each ``(size, size)``.

    Raises
    ------
    InputError
        If the array is not described as :class:`ShardWriter` does.
    """

    def __init__(self, folder: Path, images: int, size: int) -> None:
        self._folder, self._images, self._size = folder, images, size
        self._shards: dict[int, tuple[int, npt.NDArray[Any]]] = {}
        self._lock = Lock()  # a shard must not be closed while another thread reads it
        try:
            described = json.loads((folder / NAME / "zarr.json").read_text(encoding="utf-8"))
            self._per_shard = int(described["chunk_grid"]["configuration"]["chunk_shape"][0])
            if not _is_ours(described, images, size, self._per_shard):
                raise damaged(folder)
        except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
            raise damaged(folder) from error

    def read(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The crops with these numbers, ``(n, size, size)``.

        Raises
        ------
        InputError
            If a shard is missing, damaged or cannot be read.
        """
        out = np.empty((len(numbers), self._size, self._size), np.uint8)
        try:
            with self._lock:
                for i, number in enumerate(numbers):
                    out[i] = self._read_one(int(number))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise damaged(self._folder) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"Cannot read the packed images in {self._folder} ({reason})."
            ) from error
        return out

    def close(self) -> None:
        """Close the shards; they open again when read."""
        with self._lock:
            while self._shards:
                os.close(self._shards.popitem()[1][0])

    def _read_one(self, number: int) -> npt.NDArray[np.uint8]:
        shard, place = divmod(number, self._per_shard)
        file, begins = self._open(shard)
        data = os.pread(file, self._size**2, int(begins[place]))
        if len(data) != self._size**2:
            raise damaged(self._folder)
        return np.frombuffer(data, np.uint8).reshape(self._size, self._size)

    def _open(self, shard: int) -> tuple[int, npt.NDArray[Any]]:
        if shard not in self._shards:
            if len(self._shards) >= OPEN_SHARDS:
                os.close(self._shards.pop(next(iter(self._shards)))[0])
            file = os.open(self._folder / NAME / "c" / str(shard) / "0" / "0", os.O_RDONLY)
            try:
                self._shards[shard] = file, self._begins(file, shard)
            except BaseException:
                os.close(file)
                raise
        return self._shards[shard]

    def _begins(self, file: int, shard: int) -> npt.NDArray[Any]:
        """Where each crop of a shard begins, after a look at whether all of them are there."""
        length = self._per_shard * _TABLE.itemsize
        at = os.fstat(file).st_size - length - _CHECKSUM_BYTES
        if at < 0:
            raise damaged(self._folder)
        written = min(self._per_shard, self._images - shard * self._per_shard)
        table = np.frombuffer(os.pread(file, length, at), _TABLE)[:written]
        crop = self._size**2
        if (table["length"] != crop).any() or (table["begin"] + np.uint64(crop) > at).any():
            raise damaged(self._folder)
        return table["begin"]


def damaged(folder: Path) -> InputError:
    """What to say of a pack that cannot be read."""
    return InputError(f"The packed images in {folder} are damaged; remove them.")


def _is_ours(described: dict[str, Any], images: int, size: int, shard_images: int) -> bool:
    """Whether bytes mean what :class:`ShardReader` takes them for."""
    (sharding,) = described["codecs"]
    inside = sharding["configuration"]
    return (
        min(size, shard_images) > 0
        and described["shape"] == [images, size, size]
        and described["data_type"] == "uint8"
        and described["chunk_grid"]["configuration"]["chunk_shape"] == [shard_images, size, size]
        and described["chunk_key_encoding"]
        == {"name": "default", "configuration": {"separator": "/"}}
        and sharding["name"] == "sharding_indexed"
        and inside["chunk_shape"] == [1, size, size]
        and [codec["name"] for codec in inside["codecs"]] == ["bytes"]
        and [codec["name"] for codec in inside["index_codecs"]] == ["bytes", "crc32c"]
        and inside["index_location"] == "end"
    )
