"""How well two masks agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import FloatArray, InputError

Mask = npt.NDArray[Any]


def dice(a: Mask, b: Mask) -> float:
    """Dice's coefficient of two masks of any one shape: 2 |a and b| / (|a| + |b|).

    Anything but zero counts as inside. Two empty masks agree perfectly (1); one empty and one
    not have nothing in common (0). Source: Dice, Ecology 1945;26:297.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    a, b = _as_masks(a, b)
    total = np.count_nonzero(a) + np.count_nonzero(b)
    if total == 0:
        return 1.0
    return 2 * np.count_nonzero(a & b) / total


def hausdorff95_mm(a: Mask, b: Mask, spacing: tuple[float, ...]) -> float:
    """95th percentile of the distances between two masks' surfaces, the larger direction.

    Surfaces are the pixels of a mask with a face neighbour outside it. Two empty masks are 0
    apart; where only one is empty the distance is undefined and NaN. Source: Taha and Hanbury,
    BMC Med Imaging 2015;15:29, with the percentile taken in each direction.

    Parameters
    ----------
    a, b
        Masks of one shape.
    spacing
        Step along each axis, mm.

    Raises
    ------
    InputError
        If shapes or spacing do not fit.
    """
    a, b = _as_masks(a, b)
    if len(spacing) != a.ndim or min(spacing) <= 0:
        raise InputError(f"Distances need {a.ndim} positive spacings in mm, one for each axis.")
    if not a.any() and not b.any():
        return 0.0
    if not a.any() or not b.any():
        return float("nan")
    a, b = _around_both(a, b)
    return max(_percentile95(a, b, spacing), _percentile95(b, a, spacing))


def _as_masks(a: Mask, b: Mask) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    if a.shape != b.shape:
        raise InputError(f"Masks of different shapes, {a.shape} and {b.shape}, do not compare.")
    return a != 0, b != 0


def _around_both(
    a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Cut both to the box that holds both: distances are the same and take less time."""
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(a | b))
    return a[box], b[box]


def _percentile95(
    a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_], spacing: tuple[float, ...]
) -> float:
    from scipy import ndimage  # a fifth of a second, which a dock that opens must not wait for

    to_b: FloatArray = ndimage.distance_transform_edt(~_surface(b), sampling=spacing)
    return float(np.percentile(to_b[_surface(a)], 95))


def _surface(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    from scipy import ndimage

    inside: npt.NDArray[np.bool_] = ndimage.binary_erosion(mask)
    return mask & ~inside
