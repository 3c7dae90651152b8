"""Take off what cannot be heart: pieces that do not belong to the largest piece of wall."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cmr.core import LabelArray, Structure
from napari_cmr.measure.volumes import WALL

_TOUCHING = ndimage.generate_binary_structure(3, 3)

Mask = npt.NDArray[np.bool_]


def one_heart(labels: LabelArray) -> LabelArray:
    """Keep the largest piece of wall, and of each cavity the largest piece that touches it.

    Where no wall was found the largest piece of each cavity stays.

    Parameters
    ----------
    labels
        ``(z, y, x)`` in map ``cmr`` with LV, MYO, what is scarred of it, and RV; pixels that
        touch, also across a corner or a slice, are connected.
    """
    (box,) = ndimage.find_objects((labels > 0).astype(np.uint8)) or (None,)
    kept = np.zeros_like(labels)
    if box is not None:  # most of a picture is empty, and looking there takes most of the time
        kept[box] = _one_heart(labels[box])
    return kept


def _one_heart(labels: LabelArray) -> LabelArray:
    wall = _largest(np.isin(labels, WALL))
    beside = ndimage.binary_dilation(wall, _TOUCHING)
    kept = np.zeros_like(labels)
    kept[wall] = labels[wall]
    for cavity in (Structure.LV, Structure.RV):
        pieces, n = ndimage.label(labels == cavity, _TOUCHING)
        if n and wall.any():
            touching = np.unique(pieces[beside & (pieces > 0)])
            pieces = np.where(np.isin(pieces, touching), pieces, 0)
        kept[_largest_of(pieces)] = cavity
    return kept


def _largest(mask: Mask) -> Mask:
    return _largest_of(ndimage.label(mask, _TOUCHING)[0])


def _largest_of(pieces: npt.NDArray[np.int32]) -> Mask:
    """The largest of numbered pieces; nothing where there are none."""
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    if not sizes.any():
        return np.zeros(pieces.shape, bool)
    return np.asarray(pieces == sizes.argmax(), bool)
