"""Perceptrons between an encoder and a loss; they are thrown away after pretraining."""

from __future__ import annotations

from typing import Literal

from torch import nn

HeadNorm = Literal["batch", "layer", "none"]


def mlp(n_in: int, hidden: int, n_out: int, *, norm: HeadNorm = "none") -> nn.Sequential:
    """Linear, norm, ReLU, linear."""
    layers: list[nn.Module] = [nn.Linear(n_in, hidden)]
    if norm == "batch":
        layers.append(nn.BatchNorm1d(hidden))
    elif norm == "layer":
        layers.append(nn.LayerNorm(hidden))
    return nn.Sequential(*layers, nn.ReLU(inplace=True), nn.Linear(hidden, n_out))
