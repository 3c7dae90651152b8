"""Which slices, which part of them and which grey values a sheet shows."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_cmr.core import FloatArray, Geometry, Segmentation, Stack, Structure
from napari_cmr.measure import base_to_apex

__all__ = [
    "base_to_apex",
    "columns_for",
    "direction",
    "grey_windows",
    "heart_box",
    "outline",
    "side_letters",
]

_MARGIN_MM = 14.0
_FAINTEST = 0.15  # of the brightest slice's range
_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
_HEART = (Structure.LV, Structure.MYO, Structure.RV, Structure.INFARCT, Structure.MVO)


def heart_box(segmentation: Segmentation, phases: list[int]) -> tuple[slice, slice]:
    """Rows and columns of a square (in millimetres) round the heart; all of them if there is none.

    A square that does not fit into the picture is cut at its border.
    """
    rows, columns = segmentation.labels.shape[2:]
    inside: npt.NDArray[np.bool_] = np.isin(segmentation.labels[phases], _HEART)
    found = np.asarray(inside.any(axis=(0, 1)))
    if not found.any():
        return slice(0, rows), slice(0, columns)
    steps = segmentation.geometry.pixel_spacing
    ends = [np.flatnonzero(lines)[[0, -1]] for lines in (found.max(axis=1), found.max(axis=0))]
    side_mm = max(
        (last - first + 1) * step for (first, last), step in zip(ends, steps, strict=True)
    )
    side_mm += 2 * _MARGIN_MM
    down, right = (
        _around((first + last) / 2, side_mm / step, size)
        for (first, last), step, size in zip(ends, steps, (rows, columns), strict=True)
    )
    return down, right


def _around(middle: float, length: float, size: int) -> slice:
    """So many pixels round a middle, moved inside the picture where it would leave it."""
    n = min(size, math.ceil(length))
    start = min(max(0, round(middle - (n - 1) / 2)), size - n)
    return slice(start, start + n)


def grey_windows(stack: Stack, box: tuple[slice, slice], phases: list[int]) -> FloatArray:
    """Grey values shown as black and white: ``(z, 2)``, for each slice the same in all phases.

    A surface coil makes the slices near it several times brighter, so each slice has its own.
    """
    shown = stack.pixels[phases][(slice(None), slice(None), *box)]
    low, high = np.percentile(shown, [0.5, 99.5], axis=(0, 2, 3))
    faintest = low + max((high - low).max() * _FAINTEST, 1e-6)  # do not stretch mere noise
    return np.stack([low, np.maximum(high, faintest)], axis=1)


def columns_for(n_slices: int) -> int:
    """How many panels stand side by side, so that the sheet is about as wide as a screen."""
    rows = 1 if n_slices <= 6 else 2 if n_slices <= 14 else 3
    return math.ceil(n_slices / rows)


def direction(vector: FloatArray) -> str:
    """Where an LPS vector points, in one or two letters, the larger part first."""
    parts = sorted(range(3), key=lambda i: -abs(vector[i]))
    letters = [_LETTERS[i][0 if vector[i] > 0 else 1] for i in parts if abs(vector[i]) > 0.4]
    return "".join(letters[:2])


def side_letters(geometry: Geometry, z: int) -> tuple[str, str] | None:
    """What lies at the left and at the top of a slice's picture; None where it is unknown."""
    if not geometry.oriented:
        return None
    row, column = geometry.axes[z]
    return direction(-column), direction(-row)


def outline(mask: npt.NDArray[np.bool_]) -> list[FloatArray]:
    """Border lines of a mask, ``(n, 2)`` of (row, column), half-way between pixel centres."""
    from skimage.measure import find_contours

    padded = np.pad(mask, 1).astype(np.float64)
    return [np.asarray(line, np.float64) - 1 for line in find_contours(padded, 0.5)]
