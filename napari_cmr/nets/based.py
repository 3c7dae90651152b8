"""A network kept as what it adds to another: low-rank products, as adapters learn them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

UP, DOWN = ".up", ".down"
LOST = 1e-3
"""Share of a difference that its product may leave out, about what fp16 rounds off."""


def added(weights: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a network has beyond its base.

    Parameters
    ----------
    weights, base
        By the same names. A tensor that the base has in the same shape is left out where it is
        the same, and becomes two thin matrices, ``(out, rank)`` under ``NAME.up`` and
        ``(rank, rest)`` under ``NAME.down``, where they are smaller; any other is kept whole.
    """
    kept: dict[str, Tensor] = {}
    for name, value in weights.items():
        below = base.get(name)
        if below is None or below.shape != value.shape:
            kept[name] = value
        elif not torch.equal(below, value):
            kept |= _factors(name, value, below)
    return kept


def whole(kept: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's weights from what :func:`added` kept; a base's own last layer is replaced."""
    made = {name: value.clone() for name, value in base.items()}
    for name, value in kept.items():
        if name.endswith(UP):
            stem = name.removesuffix(UP)
            made[stem] = made[stem] + (value @ kept[stem + DOWN]).view_as(made[stem])
        elif not name.endswith(DOWN):
            made[name] = value
    return made


def _factors(name: str, value: Tensor, below: Tensor) -> dict[str, Tensor]:
    if value.ndim < 2 or not torch.isfinite(value - below).all():
        return {name: value}
    left, strength, right = torch.linalg.svd((value - below).flatten(1), full_matrices=False)
    beyond = strength.square().flip(0).cumsum(0).flip(0).sqrt()  # left out if cut here
    rank = int((beyond > LOST * beyond[0]).sum())
    if rank * (len(left) + right.shape[1]) >= value.numel():
        return {name: value}
    root = strength[:rank].sqrt()
    return {name + UP: left[:, :rank] * root, name + DOWN: root[:, None] * right[:rank]}
