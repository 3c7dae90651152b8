"""Where one slice cuts the picture of another."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from napari_cmr.core import Geometry

Point: TypeAlias = tuple[float, float]
"""(row, column), counted from the middle of the first pixel."""
_LEAST_SINE = np.sin(np.deg2rad(3.0))  # planes less turned than this have no line worth drawing


def cut_line(
    picture: Geometry, index: int, grid: tuple[int, int], other: Geometry, other_index: int
) -> tuple[Point, Point] | None:
    """The line on which another slice's plane cuts a picture, from border to border.

    A point of the picture is ``origin + row * row_step * down + column * column_step * right``;
    it lies in the other plane where its distance from that plane's origin along that plane's
    normal is zero, which is one linear equation in row and column.

    Parameters
    ----------
    picture, index
        Geometry and slice that the line is drawn in.
    grid
        Rows and columns of the picture.
    other, other_index
        Geometry and slice whose plane cuts it.

    Returns
    -------
    Both ends, on the borders of the outermost pixels; None where the planes are nearly parallel,
    cut outside the picture, or where either source does not say how it lies in the patient.
    """
    if not all(g.oriented and g.spacing_known for g in (picture, other)):
        return None
    normal = _normal(other, other_index)
    down, right = picture.axes[index]
    if np.linalg.norm(np.cross(normal, _normal(picture, index))) < _LEAST_SINE:
        return None
    per_row = float(normal @ down) * picture.pixel_spacing[0]
    per_column = float(normal @ right) * picture.pixel_spacing[1]
    offset = float(normal @ (picture.origins[index] - other.origins[other_index]))
    return _within(per_row, per_column, offset, grid)


def _normal(geometry: Geometry, index: int) -> np.ndarray:
    down, right = geometry.axes[index]
    normal = np.cross(right, down)
    return np.asarray(normal / np.linalg.norm(normal))


def _within(a: float, b: float, c: float, grid: tuple[int, int]) -> tuple[Point, Point] | None:
    """The part of ``a * row + b * column + c = 0`` in the picture (Liang and Barsky 1984)."""
    nearest = np.array([a, b]) * -c / (a * a + b * b)
    along = np.array([-b, a]) / np.hypot(a, b)
    first, last = -np.inf, np.inf
    for start, step, size in zip(nearest, along, grid, strict=True):
        low, high = -0.5 - start, size - 0.5 - start
        if abs(step) < 1e-12:
            if low > 0 or high < 0:
                return None
            continue
        ends = sorted((low / step, high / step))
        first, last = max(first, ends[0]), min(last, ends[1])
    if first >= last:
        return None
    one, two = nearest + first * along, nearest + last * along
    return (float(one[0]), float(one[1])), (float(two[0]), float(two[1]))
