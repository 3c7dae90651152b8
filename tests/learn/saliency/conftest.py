"""Small networks whose explanations are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_cmr.learn.saliency.question import Explained, Question


class Weighted(Explained):
    """A linear model: each pixel times its weight, summed up."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.encoder = nn.Identity()

    def forward(self, pictures):
        return (pictures * self.weight).sum((1, 2, 3))[:, None]


class Bent(Explained):
    """Two layers with a bend between them, and maps of the first."""

    def __init__(self, channels=1, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Conv2d(channels, 6, 3, padding=1)
        self.last = nn.Linear(6, 2)
        self.encoder = nn.Identity()

    def forward(self, pictures):
        return self.last(torch.tanh(3 * self.first(pictures)).mean((2, 3)) * 4)


def ask(network, inputs, weights=None):
    n = len(inputs)
    outputs = network(inputs).shape[1]
    chosen = torch.ones(n, outputs) if weights is None else weights
    return Question(
        "number",
        "",
        network,
        inputs,
        chosen,
        0.0,
        lambda maps: np.asarray(maps.sum(1).numpy())[None],
        tuple((0, z) for z in range(n)),
    )


@pytest.fixture
def pictures():
    return torch.randn(3, 1, 12, 12, generator=torch.Generator().manual_seed(5))
