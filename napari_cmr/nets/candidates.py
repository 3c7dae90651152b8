"""Several places that could be the heart, and what speaks for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from napari_cmr.core import Stack
from napari_cmr.nets.crop import Crop
from napari_cmr.nets.neighbours import slice_distance, stride
from napari_cmr.nets.shelf import Model

QUARTER_TURNS = 4
_TOUCHING = ndimage.generate_binary_structure(3, 3)
_BATCH = 16
_LEAST_DOUBT = 1e-6

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Candidates:
    """What is tried as the heart.

    The localiser sees the picture in all four quarter turns, since not every source says how its
    pictures lie. Pieces that are at least ``likely`` heart in the mean of these answers are
    candidates: the ``most`` of them that gather most probability, without those that gather less
    than ``rival`` of what the first does.
    """

    most: int = 3
    likely: float = 0.25
    rival: float = 0.1

    def among(self, heart: Tensor) -> list[Candidate]:
        """The candidates in ``(z, y, x)`` probabilities of heart, the most probable first."""
        values = heart.numpy()
        pieces, n = ndimage.label(values >= self.likely, _TOUCHING)
        gathered = ndimage.sum_labels(values, pieces, np.arange(1, n + 1))
        order = np.argsort(-gathered, kind="stable")[: self.most]
        return [
            Candidate(np.asarray(pieces == number + 1, bool), float(gathered[number]))
            for number in order
            if gathered[number] >= self.rival * gathered[order[0]]
        ]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A ``(z, y, x)`` piece of the localiser's picture and the probability that it gathers."""

    piece: Mask
    gathered: float

    def odds(self, agreement: float) -> float:
        """For this one being the heart: as the localiser says, times the segmenter's odds.

        Neither of them alone knows as often which of two places it is.
        """
        return self.gathered * agreement / max(1 - agreement, _LEAST_DOUBT)


def in_quarter_turns(model: Model, role: str, images: Tensor) -> Tensor:
    """``(4, n, c, size, size)`` probabilities of square pictures, each turn's turned back."""
    answers = [
        model.run(role, torch.rot90(images, turn, (2, 3))).rot90(-turn, (2, 3)).softmax(1)
        for turn in range(QUARTER_TURNS)
    ]
    return torch.stack(answers)


def agreement(
    stack: Stack,
    model: Model,
    centre_mm: tuple[float, float],
    pixel_mm: tuple[float, float],
    phases: Sequence[int],
) -> float:
    """How much the segmenter's answers round a place stay the same in quarter turns, 0 to 1.

    Something that is no heart is drawn too, since the segmenter never saw a crop without one, but
    not alike and not surely. The mean, over pairs of turns, is of the Dice of probabilities
    ``2 sum(p q) / sum(p + q)`` over all that is not background; an answer that is the same in all
    turns has less than 1 where it is not sure.

    Parameters
    ----------
    stack
        ``(t, z, y, x)`` pixels.
    centre_mm
        (row, column) of the crop's middle, from the picture's upper left edge.
    pixel_mm
        The step of rows and columns.
    phases
        Those that are looked at.
    """
    spec = model.card.networks["segmenter"]
    crop = Crop.of(spec.grid, centre_mm, pixel_mm, stack.shape[2:])
    step = stride(slice_distance(stack.geometry), spec.neighbour_mm)
    shared = sizes = 0.0
    for phase in phases:
        inputs = crop.inputs(stack.pixels[phase], spec.neighbours, step)
        for part in torch.split(inputs, _BATCH):
            views = in_quarter_turns(model, "segmenter", part)[:, :, 1:]
            for one, other in combinations(views, 2):
                shared += float((one * other).sum())
                sizes += float((one + other).sum())
    return 2 * shared / sizes if sizes else 0.0
