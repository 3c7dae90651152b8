"""GradCAM++: which of an encoder's feature maps speak for the number, and where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.learn.saliency.integrated import Tick
from napari_cmr.learn.saliency.question import Question

COARSEST = 8
"""Pixels of the picture that a pixel of the map may cover at most."""


def gradcam(question: Question, tick: Tick = lambda: None, *, level: int | None = None) -> Tensor:
    """``(n, c, h, w)`` maps that are never negative: what speaks for the number.

    Chattopadhay et al., "Grad-CAM++", WACV 2018, its equations 10, 11 and 19.

    Parameters
    ----------
    level
        Which of the encoder's maps, finest first; the deepest whose pixels cover at most eight
        of the picture's if None.
    """
    parts = []
    for which in question.batches():
        parts.append(_maps(question, which, level))
        tick()
    return torch.cat(parts)


def weighted_maps(maps: Tensor, slopes: Tensor) -> Tensor:
    """``(m, h, w)`` of ``(m, k, h, w)`` maps and the number's derivatives by them.

    Equation 19 takes maps that are never negative, so that no share passes one half. An encoder
    whose maps have both signs brings its denominator through zero, and shares of tens of thousands
    with it; hence what is negative does not count to it.
    """
    upward = functional.relu(slopes)  # equation 11 lets these alone count
    shares = 1 / (2 + functional.relu(maps).sum((2, 3), keepdim=True) * upward)
    weights = (shares * upward).sum((2, 3), keepdim=True)
    return functional.relu((weights * maps).sum(1))


def _maps(question: Question, which: Tensor, level: int | None) -> Tensor:
    pictures = question.inputs[which]
    _, c, h, w = pictures.shape
    with _listening(question.network.encoder) as heard, torch.enable_grad():
        score = question.score(pictures.clone().requires_grad_(), which).sum()
        chosen = [maps[_level(maps, h) if level is None else level] for maps in heard]
        slopes = torch.autograd.grad(score, chosen)
    found = torch.zeros(len(which), c, h, w)
    calls = question.network.calls
    for maps, slope, (channel, quarters) in zip(chosen, slopes, calls, strict=True):
        cam = weighted_maps(maps.detach(), slope).cpu()[:, None]
        cam = functional.interpolate(cam, (h, w), mode="bilinear", align_corners=False)
        found[:, channel] += cam[:, 0].rot90(-quarters, (1, 2))
    return found


def _level(maps: list[Tensor], side: int) -> int:
    fine = [i for i, one in enumerate(maps) if one.shape[2] * COARSEST >= side]
    return fine[-1] if fine else 0


@contextmanager
def _listening(encoder: nn.Module) -> Iterator[list[list[Tensor]]]:
    """The lists of maps that an encoder gives while one listens."""
    heard: list[list[Tensor]] = []

    def hear(_module: nn.Module, _given: Any, maps: list[Tensor]) -> None:
        heard.append(list(maps))

    handle = encoder.register_forward_hook(hear)
    try:
        yield heard
    finally:
        handle.remove()
