"""Where a DICOM file's pixel data begin and end, and whether they are all there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

BIG_ENDIAN = "1.2.840.10008.1.2.2"
HEAD_BYTES = 1 << 16
_UNDEFINED = 0xFFFFFFFF


class SkipError(Exception):
    """A file that holds no image for us; its text is the reason, counted in the catalogue."""


@dataclass(frozen=True)
class Head:
    """The first bytes of a file."""

    path: Path
    size: int
    data: bytes


def read_head(path: Path) -> Head:
    """Read the first bytes of a file; runs in a thread, waits on the disk and nothing else."""
    with path.open("rb") as file:
        data = file.read(HEAD_BYTES)
        size = file.seek(0, 2)
    return Head(path, size, data)


def pixel_extent(head: Head, data: bytes, at: int, syntax: str) -> tuple[int, int]:
    """Offset and length of the value of the pixel element that begins at ``at``.

    Raises
    ------
    SkipError
        If it reaches past the end of the file or is not built as the standard says.
    """
    order = ">" if syntax == BIG_ENDIAN else "<"
    explicit = data[at + 4 : at + 6].isalpha()
    start = at + (12 if explicit else 8)
    if len(data) < start:
        raise SkipError("truncated")
    length = int(struct.unpack_from(f"{order}I", data, start - 4)[0])
    if length == _UNDEFINED:
        return start, _encapsulated_length(head, data, start)
    if start + length > head.size:
        raise SkipError("truncated")
    return start, length


def _encapsulated_length(head: Head, data: bytes, start: int) -> int:
    """Walk the items of encapsulated pixel data to the delimiter."""
    with _reader(head, data) as read:
        at = start
        while at < head.size:
            item = read(at, 8)
            if len(item) < 8:
                break
            group, element, length = struct.unpack("<HHI", item)
            at += 8
            if (group, element) == (0xFFFE, 0xE0DD):
                return at - start
            if (group, element) != (0xFFFE, 0xE000) or length == _UNDEFINED:
                raise SkipError("damaged")
            at += length
    raise SkipError("truncated")


class _Read(Protocol):
    def __call__(self, at: int, n: int) -> bytes: ...


@contextmanager
def _reader(head: Head, data: bytes) -> Iterator[_Read]:
    """Read from the bytes at hand, else from the file, which opens only if need be."""
    files: list[Any] = []

    def read(at: int, n: int) -> bytes:
        if at + n <= len(data):
            return data[at : at + n]
        if not files:
            files.append(head.path.open("rb"))
        files[0].seek(at)
        return bytes(files[0].read(n))

    try:
        yield read
    finally:
        for file in files:
            file.close()
