"""Values of a DICOM dataset straight from its bytes: fast, and blind to small rule breaks."""

from __future__ import annotations

import math
import re
import struct
from functools import cache
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from napari_cmr.io.header import Orientation

_BINARY = {"US": "H", "UL": "I", "SS": "h", "SL": "i", "FL": "f", "FD": "d"}


@cache
def _vr(keyword: str) -> str:
    """The type of an element, where the file does not name it."""
    return str(dictionary_VR(_tag(keyword)))


@cache
def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return int(tag)


class Values:
    """Reads elements by keyword; what is absent or malformed is None or empty."""

    def __init__(self, dataset: Any, *, big_endian: bool = False) -> None:
        self._dataset = dataset
        self._order = ">" if big_endian else "<"

    @classmethod
    def empty(cls) -> Values:
        """Values of nothing."""
        return cls(Dataset())

    def __contains__(self, keyword: str) -> bool:
        return keyword in self._dataset

    def texts(self, keyword: str) -> list[str]:
        """All values as text."""
        element = self._dataset.get_item(_tag(keyword))
        if element is None or element.value is None:
            return []
        value = element.value
        if isinstance(value, bytes):
            form = _BINARY.get(element.VR or _vr(keyword))
            if form is not None:
                whole = value[: len(value) // struct.calcsize(form) * struct.calcsize(form)]
                return [str(v) for (v,) in struct.iter_unpack(self._order + form, whole)]
            value = value.decode("utf-8", "replace").split("\\")
        elif isinstance(value, str) or not hasattr(value, "__iter__"):
            value = [value]
        return [str(v).strip(" \0") for v in value]

    def text(self, keyword: str) -> str:
        """The first value as text, empty where there is none."""
        return next(iter(self.texts(keyword)), "")

    def numbers(self, keyword: str) -> list[float]:
        """All values as finite numbers; empty if any is not."""
        try:
            values = [float(v) for v in self.texts(keyword) if v]
        except ValueError:
            return []
        return values if all(map(math.isfinite, values)) else []

    def number(self, keyword: str) -> float | None:
        """The first value as a number."""
        return next(iter(self.numbers(keyword)), None)

    def whole(self, keyword: str) -> int | None:
        """The first value as a whole number."""
        value = self.number(keyword)
        return None if value is None else int(value)

    def short(self, keyword: str) -> int:
        """The first value as a whole number, 0 if absent."""
        return self.whole(keyword) or 0

    def tags(self, keyword: str) -> list[int]:
        """All values of an element that holds tags, as group times 0x10000 plus element."""
        element = self._dataset.get_item(_tag(keyword))
        if element is None or element.value is None:
            return []
        value = element.value
        if isinstance(value, bytes):
            pairs = struct.iter_unpack(f"{self._order}HH", value[: len(value) // 4 * 4])
            return [group << 16 | number for group, number in pairs]
        return [int(v) for v in (value if isinstance(value, list | tuple) else [value])]

    def items(self, keyword: str) -> list[Values]:
        """The items of a sequence."""
        big_endian = self._order == ">"
        return [Values(i, big_endian=big_endian) for i in self._dataset.get(keyword) or ()]


_SPACING_MM = (0.05, 20.0)
_PERPENDICULAR = 0.02  # cosine; a degree
_UNIT = 0.05


def pixel_spacing_of(numbers: list[float]) -> tuple[float, float] | None:
    """Row and column step in mm, None where they are not those of a picture of a person."""
    low, high = _SPACING_MM
    if len(numbers) != 2 or not all(low <= step <= high for step in numbers):
        return None
    return numbers[0], numbers[1]


def orientation_of(numbers: list[float]) -> Orientation | None:
    """Directions of a row and a column, None where they are no two perpendicular unit vectors."""
    if len(numbers) != 6:
        return None
    row, column = numbers[:3], numbers[3:]
    lengths = math.hypot(*row), math.hypot(*column)
    if any(abs(length - 1) > _UNIT for length in lengths):
        return None
    cosine = math.fsum(a * b for a, b in zip(row, column, strict=True))
    return tuple(numbers) if abs(cosine) <= _PERPENDICULAR else None  # type: ignore[return-value]


def positive(value: float | None) -> float | None:
    """The value where it is above zero."""
    return value if value is not None and value > 0 else None


def stamp_seconds(stamp: str) -> float | None:
    """Seconds from a DICOM date and time (DT)."""
    return clock_seconds(stamp[:8], stamp[8:])


def clock_seconds(date: str, time: str) -> float | None:
    """Seconds since an arbitrary day, from DA and TM; only differences mean something."""
    match = re.match(r"(\d\d):?(\d\d)?:?(\d\d(?:\.\d+)?)?", time)
    if match is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    dated = len(date) >= 8 and date[:8].isdigit()
    days = int(date[:4]) * 372 + int(date[4:6]) * 31 + int(date[6:8]) if dated else 0
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
