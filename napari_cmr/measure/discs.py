"""LV volume from one long-axis plane, by Simpson's single-plane summation of discs."""

from __future__ import annotations

import math

import numpy as np

from napari_cmr.core import FloatArray, InputError
from napari_cmr.measure.overlap import Mask

N_DISCS = 20


def disc_volume(length: float, diameters: FloatArray) -> float:
    """Volume of stacked discs, each ``length / n`` thick.

    V = pi / 4 * sum(d_i ** 2) * L / n. Source: Lang et al., J Am Soc Echocardiogr 2015;28:1.

    Parameters
    ----------
    length
        Of the long axis, in any unit.
    diameters
        ``(n,)`` in the same unit; the volume has its cube.

    Raises
    ------
    InputError
        If there is no disc or a number is not finite or negative.
    """
    diameters = np.asarray(diameters, np.float64)
    fine = np.isfinite(diameters).all() and (diameters >= 0).all()
    if diameters.size == 0 or not fine or not math.isfinite(length) or length < 0:
        raise InputError("Discs need a length and at least one diameter, none of them negative.")
    return float(math.pi / 4 * (diameters**2).sum() * length / diameters.size)


def disc_volume_of_mask(
    mask: Mask, spacing: tuple[float, float] = (1.0, 1.0), n_discs: int = N_DISCS
) -> float:
    """The same of a ``(y, x)`` mask whose long axis is its principal axis.

    A disc's diameter is its share of the mask's area over its thickness, so no border needs to
    be found. Needs no apex or annulus; a cavity nearly as wide as long has no clear axis, and
    there the volume is only roughly right.

    Parameters
    ----------
    spacing
        Row and column step; the volume has its unit's cube. An empty mask has no volume.

    Raises
    ------
    InputError
        If the mask has other than two axes or the spacing is not positive.
    """
    if np.ndim(mask) != 2 or min(spacing) <= 0:
        raise InputError("A volume from discs needs a mask of two axes and a positive spacing.")
    points = np.argwhere(mask) * np.asarray(spacing)
    if len(points) == 0:
        return 0.0
    pixel = spacing[0] * spacing[1]
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    along = centred @ axes[:, -1]
    # A pixel reaches half its own extent along the axis beyond its centre.
    reach = float(np.abs(axes[:, -1]) @ np.asarray(spacing)) / 2
    low, high = along.min() - reach, along.max() + reach
    areas, _ = np.histogram(along, n_discs, (low, high))
    length = high - low
    return disc_volume(length, areas * pixel / (length / n_discs))
