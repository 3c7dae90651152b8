"""A ruler's length, and the mean and spread of a region that a reader drew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import FloatArray, Geometry


@dataclass(frozen=True)
class Length:
    """A length with its unit: mm, or pixels where the spacing is unknown."""

    value: float
    unit: str

    def __str__(self) -> str:
        return f"{self.value:.1f} {self.unit}"


@dataclass(frozen=True)
class Region:
    """Values of the pixels whose middle lies in a region.

    Parameters
    ----------
    mean, spread
        Of the values; the spread is the sample standard deviation, None for a single pixel.
    pixels
        How many.
    area_mm2
        None where the spacing is unknown.
    """

    mean: float
    spread: float | None
    pixels: int
    area_mm2: float | None

    def __str__(self) -> str:
        spread = "" if self.spread is None else f" ± {self.spread:.1f}"
        if self.area_mm2 is None:
            return f"{self.mean:.1f}{spread}, {self.pixels} pixels"
        return f"{self.mean:.1f}{spread}, {self.area_mm2:.0f} mm²"


def length(points: FloatArray, geometry: Geometry) -> Length:
    """Length of a line through ``(n, 2)`` points in row and column."""
    step = np.array(geometry.pixel_spacing if geometry.spacing_known else (1.0, 1.0))
    steps = np.diff(np.asarray(points, float), axis=0) * step
    unit = "mm" if geometry.spacing_known else "pixels"
    return Length(float(np.linalg.norm(steps, axis=1).sum()), unit)


def pixels_in(
    corners: FloatArray, grid: tuple[int, int], *, round_shape: bool
) -> npt.NDArray[np.bool_]:
    """``(y, x)`` pixels whose middle lies in a rectangle, or the ellipse in it, however turned.

    Parameters
    ----------
    corners
        ``(4, 2)`` in row and column, one after the other round the rectangle.
    """
    corners = np.asarray(corners, float)
    middle = corners.mean(axis=0)
    sides = np.stack([corners[1] - corners[0], corners[2] - corners[1]]) / 2
    if abs(np.linalg.det(sides)) < 1e-9:
        return np.zeros(grid, bool)
    points = np.moveaxis(np.indices(grid), 0, -1) - middle
    along = points @ np.linalg.inv(sides)
    if round_shape:
        return np.asarray((along**2).sum(axis=-1) <= 1)
    return np.asarray((np.abs(along) <= 1).all(axis=-1))


def region(
    picture: npt.NDArray[Any], inside: npt.NDArray[np.bool_], geometry: Geometry
) -> Region | None:
    """Mean and spread of a ``(y, x)`` picture in a region; None where no pixel is in it."""
    values = np.asarray(picture[inside], np.float64)
    if values.size == 0:
        return None
    area = values.size * geometry.pixel_spacing[0] * geometry.pixel_spacing[1]
    return Region(
        float(values.mean()),
        float(values.std(ddof=1)) if values.size > 1 else None,
        int(values.size),
        area if geometry.spacing_known else None,
    )
