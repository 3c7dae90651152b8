"""The loss for labels that say something of some structures only."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-6
SMALL = 20.0
"""Pixels: what keeps the Dice of a picture with little or nothing of a structure calm."""


def partial_segmentation_loss(
    logits: Tensor, target: Tensor, labelled: Tensor, said: Tensor | None = None
) -> Tensor:
    """Cross-entropy plus soft Dice over what was labelled.

    Classes that a picture's labels do not name are merged with its background, so a network
    may call such pixels myocardium or background alike without being punished.

    Parameters
    ----------
    logits
        ``(n, c, h, w)``, channel 0 background.
    target
        ``(n, h, w)`` int64.
    labelled
        ``(n, c)`` bool: which channels the picture's labels name. Channel 0 is ignored.
    said
        ``(n, h, w)`` bool: pixels of which something was said, as where there are strokes only;
        the others count nowhere. All pixels if None.

    Returns
    -------
    Tensor
        Scalar: mean cross-entropy, plus one minus the mean of two Dices of each labelled
        structure: pooled over the pictures that name it, where large cavities rule, and of each
        picture, where the small cavities of end systole and apex count as much, and a structure
        drawn where there is none counts most.
    """
    p = logits.softmax(1)
    named = labelled.clone()
    named[:, 0] = False
    merged = (p * (~named)[:, :, None, None]).sum(1, keepdim=True)
    p = torch.where(named[:, :, None, None], p, torch.zeros_like(p))
    p = torch.cat([merged, p[:, 1:]], 1)
    surprise = -p.gather(1, target[:, None])[:, 0].clamp_min(EPS).log()
    truth = torch.zeros_like(p).scatter_(1, target[:, None], 1.0)
    if said is None:
        cross_entropy = surprise.mean()
    else:
        cross_entropy = (surprise * said).sum() / said.sum().clamp_min(1)
        p, truth = p * said[:, None], truth * said[:, None]
    weights = named[:, 1:, None, None].float()
    overlap = (p[:, 1:] * truth[:, 1:] * weights).sum((2, 3))
    total = ((p[:, 1:] + truth[:, 1:]) * weights).sum((2, 3))
    pooled = (2 * overlap.sum(0) + 1) / (total.sum(0) + 1)
    each = (2 * overlap + SMALL) / (total + SMALL)
    told = named[:, 1:]
    return cross_entropy + 1 - (pooled[told.any(0)].mean() + each[told].mean()) / 2


def unnamed_answers(answer: Tensor, target: Tensor, labelled: Tensor) -> Tensor:
    """What an earlier answer said where labels leave open what is there, else -1.

    That is the background of labels that do not name all structures: an unnamed structure may
    there neither vanish nor grow. Where the answer was a named one the labels have spoken.

    Parameters
    ----------
    answer
        ``(n, h, w)`` int64: the class that was the answer.
    target
        ``(n, h, w)`` int64 channel numbers of the labels.
    labelled
        ``(n, c)`` bool: which channels the labels name. Channel 0 is ignored.

    Returns
    -------
    Tensor
        ``(n, h, w)`` int64, as :func:`staying_loss` takes it.
    """
    named = labelled.clone()
    named[:, 0] = False
    spoken = named.gather(1, answer.flatten(1)).view_as(answer)
    silent = ~labelled[:, 1:].all(1)[:, None, None]
    stays = silent & ~spoken & (target == 0)
    return torch.where(stays, answer, torch.full_like(answer, -1))


def staying_loss(logits: Tensor, before: Tensor) -> Tensor:
    """Cross-entropy to an earlier answer, so that what labels do not name is not forgotten.

    Parameters
    ----------
    logits
        ``(n, c, h, w)``.
    before
        ``(n, h, w)`` int64: the class that was the answer; -1 where it does not matter.

    Returns
    -------
    Tensor
        Scalar: the mean over all pixels, those that do not matter counting as nought.
    """
    total = functional.cross_entropy(logits, before, ignore_index=-1, reduction="sum")
    return total / before.numel()
