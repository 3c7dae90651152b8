"""Ways of turning a picture over, so that a network answers several times and errors differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from napari_cmr.nets.card import Card

Axis = Literal["transpose", "rows", "columns"]
_DIMENSION = {"rows": -2, "columns": -1}


def turned(images: Tensor, turn: Sequence[str]) -> Tensor:
    """Square ``(..., size, size)`` images, transposed if ``turn`` says so, then flipped.

    With ``transpose`` and one flip an image is turned by a quarter.
    """
    if "transpose" in turn:
        images = images.transpose(-2, -1)
    return images.flip([_DIMENSION[axis] for axis in turn if axis in _DIMENSION])


def turned_back(images: Tensor, turn: Sequence[str]) -> Tensor:
    """What :func:`turned` did, undone."""
    images = images.flip([_DIMENSION[axis] for axis in turn if axis in _DIMENSION])
    return images.transpose(-2, -1) if "transpose" in turn else images


def turns_of(card: Card) -> list[list[str]]:
    """The picture as it is, and each turn that the card's test time averages with it."""
    return [[], *card.test_time.get("flips", [])]
