"""A slice with those beside it, so that base and apex are told from what lies beyond them."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cmr.core import Geometry


def slice_distance(geometry: Geometry) -> float | None:
    """Millimetres between neighbouring slices; None where unknown or where there is one slice."""
    known = geometry.spacing_known and geometry.n_slices > 1
    return geometry.slice_step if known else None


def stride(slice_step_mm: float | None, wanted_mm: float) -> int:
    """How many slices to go so that the neighbour lies about as far off as in training.

    Parameters
    ----------
    slice_step_mm
        Distance of neighbouring slices; None where unknown, which counts as the wanted one.
    """
    if slice_step_mm is None:
        return 1
    return max(1, round(wanted_mm / slice_step_mm))


def with_neighbours(slices: Tensor, index: int, reach: int, step: int) -> Tensor:
    """One slice between its neighbours; a neighbour beyond the stack is zero.

    Parameters
    ----------
    slices
        ``(z, h, w)`` of one phase, in the order in which they lie.
    index
        The slice in the middle.
    reach, step
        Neighbours on either side, and how many slices each is further away.

    Returns
    -------
    Tensor
        ``(2 * reach + 1, h, w)``.
    """
    z = len(slices)
    places = [index + k * step for k in range(-reach, reach + 1)]
    return torch.stack([slices[p] if 0 <= p < z else torch.zeros_like(slices[0]) for p in places])
