"""One line of the log: what changed, who did it, when, and on which model's prediction."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_cmr.core import InputError, LabelArray

Box: TypeAlias = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
"""First and one past the last index along (phase, slice, row, column)."""

Frame: TypeAlias = tuple[int, int]
"""(phase, slice), counted from 0."""

_FAST = 1  # zlib's level: labels are long runs, so more effort saves little
LARGE = 128 * 128
"""Pixels of a box that is packed at once, which takes longer than a brush's dab."""


class Kind(StrEnum):
    """What was done."""

    STROKE = "stroke"
    PREDICTION = "prediction"
    INTERPOLATION = "interpolation"
    PROPAGATION = "propagation"
    START = "start"
    SLICES = "slices"
    LANDMARK = "landmark"
    VERDICT = "verdict"
    FLAG = "flag"
    PHASES = "phases"
    REMOTE = "remote"
    POSITION = "position"
    UNDO = "undo"
    REDO = "redo"


PIXELS = frozenset({Kind.STROKE, Kind.PREDICTION, Kind.INTERPOLATION, Kind.PROPAGATION, Kind.START})
"""Kinds that change labels; each carries a `Patch`."""

STEPS = PIXELS | {Kind.SLICES, Kind.LANDMARK, Kind.VERDICT, Kind.REMOTE}
"""Kinds that undo takes back, one at a time; see `is_step`."""


class Verdict(StrEnum):
    """What a reader says of a frame."""

    NONE = "none"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Patch:
    """Labels of a box before and after.

    Parameters
    ----------
    box
        Where they are.
    before, after
        As `pack` gives them: by zlib, from uint8 in C order.
    """

    __slots__ = ("_labels", "_packed", "box")

    def __init__(self, box: Box, before: bytes, after: bytes) -> None:
        self.box = box
        self._packed: tuple[bytes, bytes] | None = (before, after)
        self._labels: tuple[LabelArray, LabelArray] | None = None

    @classmethod
    def of(cls, box: Box, before: LabelArray, after: LabelArray) -> Patch:
        """From two arrays of the box's shape.

        They are packed now if they are large, and those of a brush, which must not wait for it,
        when the log's thread asks for the bytes.
        """
        patch = cls.__new__(cls)
        patch.box = box
        patch._labels = labels = (before.copy(), after.copy())
        for kept in labels:
            kept.flags.writeable = False
        patch._packed = (pack(before), pack(after)) if before.size > LARGE else None
        return patch

    @property
    def where(self) -> tuple[slice, slice, slice, slice]:
        """Index of the box in an array of (phase, slice, row, column)."""
        return inside(self.box)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the box."""
        return tuple(stop - start for start, stop in self.box)

    def packed(self) -> tuple[bytes, bytes]:
        """The labels before and after, packed; any thread may ask."""
        labels = self._labels  # before looking whether they are packed, as then they go
        if self._packed is None:
            assert labels is not None
            self._packed = pack(labels[0]), pack(labels[1])
            self._labels = None
        return self._packed

    def labels(self) -> tuple[LabelArray, LabelArray]:
        """The labels before and after, read-only.

        Raises
        ------
        InputError
            If what is packed is not of the box's size.
        """
        labels, packed = self._labels, self._packed
        if packed is not None:
            self._labels = None  # large: handed out once, to whom it was made for
        if labels is not None:
            return labels
        assert packed is not None
        return unpack(packed[0], self.shape), unpack(packed[1], self.shape)


@dataclass(frozen=True)
class Record:
    """One line of the log.

    Parameters
    ----------
    stack
        Key of the stack; see `stack_key`.
    reader
        Who did it.
    number
        1, 2, ... within the line of this stack and reader.
    at
        UTC, ISO 8601, with milliseconds.
    model
        Name and version of the prediction that the labels stood on; empty where there was none.
    patch
        The labels that changed; only of the kinds in `PIXELS`.
    body
        Further plain values, by kind.
    """

    stack: str
    reader: str
    number: int
    at: str
    kind: Kind
    model: str = ""
    patch: Patch | None = None
    body: dict[str, Any] = field(default_factory=dict, hash=False)


def is_step(record: Record) -> bool:
    """Whether undo takes a record back.

    A remote wall names its frames since it is a step; logs from before have it as a note, and
    their undos count without it.
    """
    return record.kind in STEPS and (record.kind is not Kind.REMOTE or "frames" in record.body)


def now() -> str:
    """The time for a record."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def inside(box: Box) -> tuple[slice, slice, slice, slice]:
    """Index of a box in an array of (phase, slice, row, column)."""
    (t, t_end), (z, z_end), (y, y_end), (x, x_end) = box
    return slice(t, t_end), slice(z, z_end), slice(y, y_end), slice(x, x_end)


def changed_box(before: LabelArray, after: LabelArray) -> Box | None:
    """The smallest box that holds all differences of two 4-D arrays; None where there is none."""
    if before.shape[:2] == (1, 1):  # a stroke of the brush, which must not wait
        rows, columns = (before[0, 0] != after[0, 0]).nonzero()
        if not rows.size:
            return None
        first, last = int(columns.min()), int(columns.max())
        return (0, 1), (0, 1), (int(rows[0]), int(rows[-1]) + 1), (first, last + 1)
    frames = np.array(
        [
            [not np.array_equal(a, b) for a, b in zip(*pair, strict=True)]
            for pair in zip(before, after, strict=True)
        ],
        np.bool_,
    )
    if not frames.any():
        return None
    t, z = (_ends(np.asarray(frames.any(axis=axis))) for axis in (1, 0))
    near = (slice(*t), slice(*z))
    different = before[near] != after[near]
    y, x = (_ends(np.asarray(different.any(axis=(0, 1, axis)))) for axis in (3, 2))
    return t, z, y, x


def _ends(found: npt.NDArray[np.bool_]) -> tuple[int, int]:
    return int(found.argmax()), len(found) - int(found[::-1].argmax())


def pack(labels: LabelArray) -> bytes:
    """Bytes of a uint8 array, compressed."""
    return zlib.compress(np.ascontiguousarray(labels).tobytes(), _FAST)


def unpack(packed: bytes, shape: tuple[int, ...]) -> LabelArray:
    """The array of `pack`; no more is unpacked than the shape has room for.

    Raises
    ------
    InputError
        If the bytes are damaged or of another size.
    """
    size = int(np.prod(shape))
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, size)
        whole = len(content) == size and not unpacker.decompress(unpacker.unconsumed_tail, 1)
    except zlib.error:
        whole = False
    if not whole:
        raise InputError("The project's log is damaged; restore the project from a copy.")
    return np.frombuffer(content, np.uint8).reshape(shape)
