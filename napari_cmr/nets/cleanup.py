"""Take off what cannot be heart: pieces apart from the largest one."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_cmr.core import LabelArray, Structure

_TOUCHING = ndimage.generate_binary_structure(3, 3)


def largest_pieces(labels: LabelArray) -> LabelArray:
    """Keep of each structure only its largest connected piece.

    Parameters
    ----------
    labels
        ``(z, y, x)`` in map ``cmr``; pixels that touch, also across a corner or a slice, are
        connected.
    """
    kept = np.zeros_like(labels)
    for value in np.unique(labels):
        if value == Structure.BACKGROUND:
            continue
        pieces, n = ndimage.label(labels == value, _TOUCHING)
        if n > 1:
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            pieces = pieces == sizes.argmax()
        kept[pieces > 0] = value
    return kept
