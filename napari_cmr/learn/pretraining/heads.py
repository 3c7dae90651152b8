"""Perceptrons between an encoder and a loss; they are thrown away after pretraining."""

from __future__ import annotations

from typing import Literal

from torch import nn

HeadNorm = Literal["batch", "layer", "none"]


def norms(width: int, norm: HeadNorm) -> list[nn.Module]:
    """The norm asked for, of ``(n, width)`` features; nothing for none."""
    if norm == "batch":
        return [nn.BatchNorm1d(width)]
    return [nn.LayerNorm(width)] if norm == "layer" else []


def mlp(n_in: int, hidden: int, n_out: int, *, norm: HeadNorm = "none") -> nn.Sequential:
    """Linear, norm, ReLU, linear."""
    return nn.Sequential(
        nn.Linear(n_in, hidden),
        *norms(hidden, norm),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, n_out),
    )
