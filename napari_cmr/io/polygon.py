"""Contours drawn as points become masks on the pixels' grid.

A point is (x, y): x counts columns and y rows, and a whole number is the centre of a pixel, so
that the picture covers -0.5 to columns - 0.5. A contour is closed by a straight line from its
last point to its first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_cmr.core import FloatArray, InputError

MOST_POINTS = 100_000
_FARTHEST_PX = 1e9


def shoelace_area(points: FloatArray) -> float:
    """Area in square pixels that a contour encloses (Gauss's area formula), never negative.

    Parameters
    ----------
    points
        ``(n, 2)`` of x and y.
    """
    x, y = (points - points[:1]).T
    return float(abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2)


def polygon_mask(points: FloatArray, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Pixels whose centre a contour goes round.

    A centre belongs to the inside by its winding number, so that a small loop where a hand
    crossed its own line leaves no hole. A centre on the line itself counts on one side only
    (half-open rule): contours that share a line share no pixel, and over many contours the
    masks' areas are the polygons' own.

    Parameters
    ----------
    points
        ``(n, 2)`` of x and y, at least three, in pixels; parts outside the picture are cut off.
    shape
        Rows and columns.

    Raises
    ------
    InputError
        If there are fewer than three points or too many, or one lies nowhere.
    """
    _check(points)
    rows, columns = shape
    (x0, y0), (x1, y1) = points.T, np.roll(points, -1, axis=0).T
    first = np.ceil(np.clip(np.minimum(y0, y1), 0, rows)).astype(np.intp)
    last = np.ceil(np.clip(np.maximum(y0, y1), 0, rows)).astype(np.intp)
    # One entry for every row that an edge crosses.
    n_rows = last - first
    edge = np.repeat(np.arange(len(points)), n_rows)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows) + first[edge]
    slope = (x1[edge] - x0[edge]) / (y1[edge] - y0[edge])
    at = x0[edge] + (row - y0[edge]) * slope
    column = np.ceil(np.clip(at, 0, columns)).astype(np.intp)
    winding = np.zeros((rows, columns + 1), np.int32)  # the last column: right of the picture
    np.add.at(winding, (row, column), np.where(y1[edge] > y0[edge], 1, -1))
    return np.asarray(np.cumsum(winding, axis=1)[:, :columns] != 0)


def _check(points: FloatArray) -> None:
    if points.ndim != 2 or points.shape[1] != 2 or not 3 <= len(points) <= MOST_POINTS:
        raise InputError(
            f"A contour needs 3 to {MOST_POINTS} points of x and y; this one has {len(points)}."
        )
    if not (np.abs(points) <= _FARTHEST_PX).all():  # false for what is not a number, too
        raise InputError("A contour holds a coordinate that is no place on a picture.")
