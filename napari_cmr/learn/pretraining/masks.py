"""Which patches of a picture are hidden."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cmr.core import InputError


def n_hidden(n_patches: int, ratio: float) -> int:
    """How many of a picture's patches a ratio hides.

    Raises
    ------
    InputError
        If that is none or all, from which there is nothing to learn.
    """
    hidden = round(ratio * n_patches)
    if not 0 < hidden < n_patches:
        raise InputError(
            f"A ratio of {ratio} hides {hidden} of a view's {n_patches} patch(es); "
            "some must be hidden and some seen."
        )
    return hidden


def random_masks(keys: Tensor, n_patches: int, ratio: float) -> Tensor:
    """``(n, n_patches)`` bool, True where hidden: as many in each row as `n_hidden` says.

    Parameters
    ----------
    keys
        ``(n,)`` int64 seeds, one a picture.
    """
    hidden = n_hidden(n_patches, ratio)
    masks = torch.zeros(len(keys), n_patches, dtype=torch.bool)
    generator = torch.Generator()
    for row, key in zip(masks, keys.tolist(), strict=True):
        row[torch.randperm(n_patches, generator=generator.manual_seed(key))[:hidden]] = True
    return masks


def patches_of(images: Tensor, patch: int) -> Tensor:
    """``(n, 1, h, w)`` to ``(n, h/p * w/p, p * p)``, row by row."""
    n, _, h, w = images.shape
    grid = images.reshape(n, h // patch, patch, w // patch, patch)
    return grid.transpose(2, 3).reshape(n, -1, patch * patch)
