"""Positional contrastive learning: slices at one height of different hearts attract each other.

Zeng et al., "Positional contrastive learning for volumetric medical image segmentation",
MICCAI 2021: a positive is a slice whose normalised position differs by less than 0.1, whoever's
it is; every other slice is a negative.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.learn.pretraining.heads import HeadNorm, mlp
from napari_cmr.learn.pretraining.method import (
    Decay,
    Method,
    MethodConfig,
    Outcome,
    Part,
    Positive,
    Size,
)
from napari_cmr.learn.pretraining.processes import gather, rank
from napari_cmr.learn.pretraining.sampling import Batch
from napari_cmr.learn.pretraining.views import ViewConfig, make_views
from napari_cmr.nets.encoders import as_encoder

ROUNDING = 1e-6


class PCLConfig(MethodConfig):
    """The paper's threshold (0.1), temperature (0.1) and head (128 out)."""

    learning_rate: Positive = 1e-3
    weight_decay: Decay = 1e-4
    warm_up: Part = 0.1
    threshold: Positive = 0.1
    temperature: Positive = 0.1
    hidden: Size = 2048
    out: Size = 128
    head_norm: HeadNorm = "none"
    view: ViewConfig = ViewConfig()


class PCL(Method):
    """An encoder and a projection head under the positional contrast."""

    needs_positions = True
    contrasts = True

    def __init__(self, encoder: nn.Module, config: PCLConfig) -> None:
        super().__init__()
        self.config, self.encoder = config, encoder
        self.view_size = config.view.size
        width = as_encoder(encoder).width
        self.head = mlp(width, config.hidden, config.out, norm=config.head_norm)

    def forward(self, batch: Batch) -> Outcome:
        """Two views a slice, both at its position."""
        one = make_views(batch.images, batch.keys, 0, self.config.view)
        two = make_views(batch.partners, batch.keys, 1, self.config.view)
        features = as_encoder(self.encoder).pooled(torch.cat([one, two]))
        loss = positional_contrast(
            self.head(features),
            batch.positions.repeat(2),
            threshold=self.config.threshold,
            temperature=self.config.temperature,
        )
        return Outcome(loss, features, {})

    def shipped(self) -> dict[str, nn.Module]:
        """The encoder."""
        return {"encoder": self.encoder}


def positional_contrast(
    projected: Tensor, positions: Tensor, *, threshold: float, temperature: float
) -> Tensor:
    """Mean log-probability of the positives, negated; the paper's equation 2.

    Parameters
    ----------
    projected, positions
        ``(n, d)`` and ``(n,)`` of this process; others of all processes count as positives and
        negatives. A view never counts for itself.

    Returns
    -------
    Tensor
        Mean over this process's views. One view without a positive adds nothing, which cannot
        happen with two views a slice.
    """
    own = functional.normalize(projected.float(), dim=1)
    everyone, places = gather(own), gather(positions.float())
    index = torch.arange(len(own), device=own.device)
    itself = torch.zeros(len(own), len(everyone), dtype=torch.bool, device=own.device)
    itself[index, rank() * len(own) + index] = True
    similar = (own @ everyone.T / temperature).masked_fill(itself, -torch.inf)
    chance = functional.log_softmax(similar, dim=1).masked_fill(itself, 0.0)
    positive = positives(positions.float(), places, threshold) & ~itself
    each = (chance * positive).sum(1) / positive.sum(1).clamp_min(1)
    return -each.mean()


def positives(positions: Tensor, places: Tensor, threshold: float) -> Tensor:
    """``(n, m)`` whether two slices lie less than ``threshold`` of the heart apart.

    Slices of a stack of eleven lie 0.1 apart, and rounding must not make some of them positives.
    """
    return (positions[:, None] - places[None]).abs() < threshold - ROUNDING
