"""What a segmenter's own probabilities say of its errors, gathered while it predicts."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_cmr.core import LabelArray, Structure
from napari_cmr.core.uncertainty import Uncertainty

SMALL_MM2 = 20.0
"""Area that is added to both sides of a slice's Dice: a few pixels' doubt is no doubt there."""


class Doubt:
    """Gathers a stack's uncertainty phase by phase.

    Parameters
    ----------
    shape
        ``(t, z, y, x)`` of the stack.
    structures
        Names of the segmenter's outputs, background first.
    pixel_mm2
        Area of a pixel of the stack.
    """

    def __init__(
        self, shape: tuple[int, int, int, int], structures: tuple[str, ...], pixel_mm2: float
    ) -> None:
        self._values = np.array([Structure[name] for name in structures], np.uint8)
        self._small = SMALL_MM2 / pixel_mm2
        self._entropy = np.zeros(shape, np.float16)
        self._losses = {name: np.full(shape[:2], np.nan) for name in structures[1:]}
        self._disagreements: list[float] = []
        self._likely: list[Tensor] = []
        self._views: list[Tensor] = []

    def take(self, answers: Tensor, scores: Tensor) -> None:
        """Some slices of a phase, in their order.

        Parameters
        ----------
        answers
            ``(v, n, c, size, size)`` logits of each view, turned back.
        scores
            ``(n, c, h, w)`` what was decided by, on the stack's pixels in the crop's window.
        """
        self._likely.append(scores.softmax(1))
        self._views.append(winner(answers, 2))

    def end_phase(self, phase: int, labels: LabelArray, window: tuple[slice, slice]) -> None:
        """What was taken since the last call is this phase.

        Parameters
        ----------
        labels
            ``(z, h, w)`` the phase's labels in the window, after any clean-up.
        """
        likely, views = torch.cat(self._likely), torch.cat(self._views, dim=1)
        self._likely, self._views = [], []
        self._entropy[phase][:, window[0], window[1]] = relative_entropy(likely).numpy()
        for channel, (losses, value) in enumerate(
            zip(self._losses.values(), self._values[1:], strict=True), start=1
        ):
            there = torch.from_numpy(np.asarray(labels == value))
            losses[phase] = dice_to_lose(likely[:, channel], there, self._small).numpy()
        if len(views) > 1:
            self._disagreements.append(disagreement(views, len(self._values)))

    def result(self) -> Uncertainty:
        """All that was gathered."""
        lost = np.concatenate([one.ravel() for one in self._losses.values()])
        whole = self._disagreements or lost[~np.isnan(lost)].tolist()
        return Uncertainty(self._entropy, self._losses, float(np.mean(whole)))


def relative_entropy(likely: Tensor) -> Tensor:
    """``(n, h, w)`` entropy of ``(n, c, h, w)`` probabilities, relative to the largest possible."""
    return -torch.xlogy(likely, likely).sum(1) / math.log(likely.shape[1])


def dice_to_lose(likely: Tensor, there: Tensor, small: float = 0.0) -> Tensor:
    """``(n,)`` one minus the Dice of masks and probabilities ``(n, h, w)``.

    If the probabilities are right, it is close to the Dice that the masks may be expected to
    lose (Dice confidence: Borges et al., "Selective prediction for semantic segmentation", 2024).

    Parameters
    ----------
    small
        Pixels that count as agreed upon; with none, empty masks lose all for the least doubt.
    """
    both = (likely * there).sum((1, 2)) + small / 2
    sizes = likely.sum((1, 2)) + there.sum((1, 2)) + small
    return 1 - 2 * both / sizes.clamp_min(1e-9)


def disagreement(views: Tensor, n_channels: int) -> float:
    """Mean of 1 - Dice over pairs of views and structures; two empty masks agree.

    Parameters
    ----------
    views
        ``(v, n, h, w)`` channel numbers of one phase's slices, 0 background.
    """
    losses = []
    flat = functional.one_hot(views.long(), n_channels)[..., 1:].bool().flatten(1, 3)
    for one, other in combinations(flat, 2):
        sizes = (one.sum(0) + other.sum(0)).double()
        shared = 2.0 * (one & other).sum(0).double()
        losses += torch.where(sizes > 0, 1 - shared / sizes.clamp_min(1), 0.0).tolist()
    return float(np.mean(losses))


def winner(scores: Tensor, axis: int) -> Tensor:
    """Number of the largest score along an axis, the first of equals; uint8.

    One after the other, since argmax over an axis that is not the last is slow on a CPU.
    """
    first, *others = scores.unbind(axis)
    highest, found = first, torch.zeros_like(first, dtype=torch.uint8)
    for number, score in enumerate(others, start=1):
        higher = score > highest
        highest = torch.where(higher, score, highest)
        found.masked_fill_(higher, number)
    return found
