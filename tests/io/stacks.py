"""Small stacks whose every pixel says where it belongs."""

from __future__ import annotations

import numpy as np

from napari_cmr.core import Geometry, Sequence, Stack, View

SHAPE = (6, 4, 24, 20)


def geometry(n_slices: int, step: float = 9.0) -> Geometry:
    """Oblique short-axis slices from base to apex, 1.5 x 1.25 mm pixels."""
    column = np.array([0.792067, 0.0, 0.610434])
    row = np.array([0.377686, 0.785613, -0.490067])
    row = row - column * (row @ column) / (column @ column)
    column, row = column / np.linalg.norm(column), row / np.linalg.norm(row)
    apex = -np.cross(column, row)
    origins = np.array([-80.0, -90.0, 40.0]) + step * np.arange(n_slices)[:, None] * apex
    axes = np.tile(np.stack([row, column]), (n_slices, 1, 1))
    return Geometry(origins, axes, (1.5, 1.25), 8.0)


def cine(shape: tuple[int, int, int, int] = SHAPE, dtype: type = np.uint16) -> Stack:
    """A short-axis cine of distinct values, with times that differ by slice."""
    pixels = (np.arange(np.prod(shape)).reshape(shape) % 4093).astype(dtype)
    step = 800.0 / shape[0] + np.arange(shape[1])
    times = np.arange(shape[0])[:, None] * step[None]
    return Stack(
        pixels,
        geometry(shape[1]),
        subject="S1",
        view=View.SAX,
        sequence=Sequence.CINE,
        times_ms=times,
        rr_ms=800.0,
        height_cm=172.0,
        weight_kg=70.0,
    )
