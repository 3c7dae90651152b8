"""Gradients and integrated gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from napari_cmr.learn.saliency.question import Question

STEPS = 24

Tick = Callable[[], None]
"""Called after each piece of work; raises `CancelledError` where the user cancelled."""


def gradient(question: Question, tick: Tick = lambda: None) -> Tensor:
    """``(n, c, h, w)`` the number's derivative by each pixel.

    Simonyan et al., "Deep inside convolutional networks", 2013, with its sign.
    """
    parts = []
    for which in question.batches():
        parts.append(_slope(question, question.inputs[which], which))
        tick()
    return torch.cat(parts)


def integrated_gradients(
    question: Question,
    tick: Tick = lambda: None,
    *,
    steps: int = STEPS,
    baseline: Tensor | None = None,
) -> Tensor:
    """``(n, c, h, w)`` shares of the number that sum to its change from a baseline.

    The mean gradient on the straight way from the baseline to the picture, times how far each
    pixel goes: Sundararajan et al., "Axiomatic attribution for deep networks", ICML 2017.

    Parameters
    ----------
    steps
        Nodes on the way.
    baseline
        ``(n, c, h, w)``; the emptied pictures if None.
    """
    away = question.emptied() if baseline is None else baseline
    nodes, shares = nodes_on_the_way(steps)
    total = torch.zeros_like(question.inputs)
    far = question.inputs - away
    for which in question.batches():
        for node, share in zip(nodes, shares, strict=True):
            total[which] += share * _slope(question, away[which] + node * far[which], which)
            tick()
    return total * far


def nodes_on_the_way(steps: int) -> tuple[list[float], list[float]]:
    """Places from 0 to 1 and their weights, denser near 0, where a network begins to see.

    Gauss-Legendre nodes ``u`` of the integral after the substitution of ``u**3`` for the place.
    """
    nodes, shares = np.polynomial.legendre.leggauss(steps)
    u = (nodes + 1) / 2
    return (u**3).tolist(), (shares / 2 * 3 * u**2).tolist()


def _slope(question: Question, pictures: Tensor, which: Tensor) -> Tensor:
    leaf = pictures.detach().clone().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(question.score(leaf, which).sum(), leaf)
    return slope.detach()
