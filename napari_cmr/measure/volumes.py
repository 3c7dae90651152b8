"""Volumes of structures, phase by phase, from true slice positions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from napari_cmr.core import FloatArray, Geometry, GeometryError, Segmentation, Structure

WALL = (Structure.MYO, Structure.INFARCT, Structure.MVO)
"""Infarct and microvascular obstruction are part of the wall."""


def volumes_ml(segmentation: Segmentation, structures: Iterable[Structure]) -> FloatArray:
    """Volume of the union of some structures in every phase.

    A slice counts its area times the slab it stands for: half the gap to each neighbour, a
    full slab at either end (see `napari_cmr.core.Geometry.slabs_mm`).

    Returns
    -------
    ``(t,)`` millilitres.

    Raises
    ------
    SpacingUnknownError
        If the source gave no millimetres.
    GeometryError
        If all slices lie at one place.
    """
    return relative_volumes(segmentation, structures) * millilitres_per_unit(segmentation.geometry)


def relative_volumes(segmentation: Segmentation, structures: Iterable[Structure]) -> FloatArray:
    """``(t,)`` volumes up to one unknown common factor: enough for ratios such as EF."""
    return np.asarray(
        _pixel_counts(segmentation, structures) @ relative_slabs(segmentation.geometry)
    )


def millilitres_per_unit(geometry: Geometry) -> float:
    """Millilitres of one unit of `relative_volumes`.

    Raises
    ------
    SpacingUnknownError
        If the source gave no millimetres.
    """
    pixel_mm2 = geometry.pixel_spacing[0] * geometry.pixel_spacing[1]
    mm = float(geometry.slabs_mm.sum() / relative_slabs(geometry).sum())
    return pixel_mm2 * mm / 1000


def relative_slabs(geometry: Geometry) -> FloatArray:
    """``(z,)`` what each slice stands for, up to one unknown common factor.

    Raises
    ------
    GeometryError
        If all slices lie at one place.
    """
    if geometry.n_slices == 1:
        return np.ones(1)
    slabs = replace(geometry, spacing_known=True).slabs_mm
    if not slabs.any():
        raise GeometryError("All slices lie at one place, so there is no volume between them.")
    return slabs


def _pixel_counts(segmentation: Segmentation, structures: Iterable[Structure]) -> FloatArray:
    """``(t, z)`` pixels of the union of the structures."""
    values = sorted({int(s) for s in structures})
    # A pixel has one label, so counts add up; a table lookup would take seven times as long.
    return np.array(
        [[sum(np.count_nonzero(f == v) for v in values) for f in p] for p in segmentation.labels],
        np.float64,
    )
