"""What paper and screen draw, whatever the report is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from napari_cmr.core import Measures, Segmentation, Stack
from napari_cmr.measure import Number

SCAR_COLOURS = ("#f3e9e6", "#a50f15")
"""Of bull's-eyes of scar; the palest still shows its segment on white paper."""


@dataclass(frozen=True, eq=False)
class BullsEye:
    """Values of the 17 segments and the colours they run between.

    Parameters
    ----------
    title, unit
        What is shown.
    values
        Segment to value; missing segments are drawn empty.
    decimals
        Digits after the point.
    low, high
        Values of the palest and the deepest colour.
    colours
        The palest and the deepest colour.
    """

    title: str
    unit: str
    values: Mapping[int, float]
    decimals: int
    low: float
    high: float
    colours: tuple[str, str]


@dataclass(frozen=True, eq=False)
class Region:
    """A region outlined on pictures: ``(z, y, x)`` pixels, with its name and colour."""

    name: str
    colour: str
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Picture:
    """A row of slices of one phase.

    Parameters
    ----------
    title, phase
        What stands above it, and which phase it shows.
    contours
        Whether the labels' contours are drawn.
    regions
        Further outlines.
    """

    title: str
    phase: int
    contours: bool = True
    regions: tuple[Region, ...] = ()


class Content(Protocol):
    """What a page needs of a report."""

    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def subtitle(self) -> str: ...  # noqa: D102
    @property
    def person(self) -> str: ...  # noqa: D102
    @property
    def stack(self) -> Stack: ...  # noqa: D102
    @property
    def segmentation(self) -> Segmentation: ...  # noqa: D102
    @property
    def pictures(self) -> tuple[Picture, ...]: ...  # noqa: D102
    @property
    def curve_of(self) -> Measures | None: ...  # noqa: D102
    @property
    def headings(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def rows(self) -> tuple[tuple[str, ...], ...]: ...  # noqa: D102
    @property
    def others_title(self) -> str: ...  # noqa: D102
    @property
    def others(self) -> tuple[Number, ...]: ...  # noqa: D102
    @property
    def bulls_eyes(self) -> tuple[BullsEye, ...]: ...  # noqa: D102
    @property
    def findings(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def sources(self) -> tuple[str, ...]: ...  # noqa: D102
    def provenance(self, most_records: int | None = None) -> tuple[tuple[str, str], ...]:
        """How the numbers came about: a heading and a sentence each."""


def cell(number: Number | None) -> str:
    """A value with its limits, and a word where it lies outside them: ``28 (48-68, low)``."""
    if number is None:
        return ""
    if number.range is None:
        return number.text
    limits = f"{number.range.low:g}\N{EN DASH}{number.range.high:g}"
    if number.value is None or number.range.holds(number.value):
        return f"{number.text} ({limits})"
    return f"{number.text} ({limits}, {'low' if number.value < number.range.low else 'high'})"


def with_unit(number: Number) -> str:
    """A value with its limits and unit; a dash alone where it is unknown."""
    return number.text if number.value is None else f"{cell(number)} {number.unit}"
