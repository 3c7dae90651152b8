"""The randomised-weights check: a map that does not depend on what was learnt explains nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.learn.saliency.question import Explained, Question, evenly

ALIKE = 0.5
"""Rank correlation from which two maps count as alike."""
CELL = 4
PICTURES = 4
DRAWS = 2

Maker = Callable[[Question], Tensor]
"""What makes the ``(n, c, h, w)`` maps of a question."""


@dataclass(frozen=True)
class Sanity:
    """How alike a method's maps are before and after the weights were shuffled.

    Parameters
    ----------
    likeness
        Mean Spearman correlation of the maps' absolute values with all weights shuffled.
    stages
        The same as more and more weights are shuffled, from the output's end to the input's:
        (share of the weights' tensors, likeness); empty where only all were.
    """

    likeness: float
    stages: tuple[tuple[float, float], ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the maps depend on what was learnt."""
        return self.likeness < ALIKE

    @property
    def sentence(self) -> str:
        """For a reader."""
        if self.passed:
            return (
                f"Sanity check passed: with shuffled weights the map is another one "
                f"(rank correlation {self.likeness:.2f})."
            )
        return (
            f"FAILED the sanity check: with shuffled weights the map stays alike (rank "
            f"correlation {self.likeness:.2f}), so it shows the picture, not what the model "
            "learnt. Do not read it."
        )


def sanity_check(
    question: Question,
    make: Maker,
    maps: Tensor,
    *,
    stages: Sequence[float] = (),
    seed: int = 0,
) -> Sanity:
    """Make the maps again with shuffled weights, and see how alike they are.

    Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018: the parameters'
    randomisation test. Shuffling a tensor's values keeps their distribution and takes away
    what was learnt.

    Parameters
    ----------
    make, maps
        The method, and what it made of the question.
    stages
        Shares of the weights' tensors to shuffle, from the output's end, for the cascading
        test; all of them are shuffled in any case.
    seed
        Of the shuffling; all weights are shuffled `DRAWS` times.

    Notes
    -----
    At most `PICTURES` pictures, evenly chosen, stand for all.
    """
    chosen = evenly(len(question), PICTURES)
    some, before = question.of(chosen), maps[chosen]

    def likeness(share: float, draw: int) -> float:
        other = replace(some, network=shuffled(some.network, share=share, seed=seed + draw))
        return alike(before, make(other))

    found = tuple((share, likeness(share, 0)) for share in stages)
    return Sanity(float(np.mean([likeness(1.0, draw) for draw in range(DRAWS)])), found)


def shuffled(network: Explained, *, share: float = 1.0, seed: int = 0) -> Explained:
    """A copy whose last weights, a share of the tensors, have their values in another order."""
    other = copy.deepcopy(network)
    tensors = _weights(other)
    first = len(tensors) - round(share * len(tensors))
    order = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in tensors[first:]:
            flat = tensor.detach().cpu().flatten()
            flat = flat[torch.randperm(len(flat), generator=order)]
            tensor.copy_(flat.view(tensor.shape))
    return other


def alike(one: Tensor, other: Tensor) -> float:
    """Mean Spearman correlation of the absolute values of ``(n, c, h, w)`` maps.

    They are summed over channels and averaged over cells of `CELL` pixels, since two noisy maps
    of the same thing would look alike to a reader. A map without any contrast is like none.
    """
    found = []
    for a, b in zip(_cells(one), _cells(other), strict=True):
        flat = np.ptp(a) == 0 or np.ptp(b) == 0
        found.append(0.0 if flat else float(spearmanr(a, b).statistic))
    return float(np.mean(found))


def _cells(maps: Tensor) -> list[np.ndarray]:
    summed = maps.abs().sum(1, keepdim=True)
    cell = min(CELL, *summed.shape[2:])
    return [one.flatten().numpy() for one in functional.avg_pool2d(summed, cell)]


def _weights(network: nn.Module) -> list[Tensor]:
    """Weights and biases, first layers first; a linear head keeps its own as buffers."""
    named = [*network.named_parameters(), *network.named_buffers()]
    return [t for name, t in named if name.rsplit(".", 1)[-1] in _LEARNT or t.requires_grad]


_LEARNT = ("weight", "bias")
