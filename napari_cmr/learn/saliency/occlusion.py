"""Occlusion: what the number loses when a square of the picture is taken away."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from napari_cmr.learn.saliency.integrated import Tick
from napari_cmr.learn.saliency.question import Question


def occlusion(
    question: Question,
    tick: Tick = lambda: None,
    *,
    patch: int = 16,
    step: int = 12,
    baseline: Tensor | None = None,
) -> Tensor:
    """``(n, 1, h, w)`` the mean loss over all squares that cover a pixel, for each pixel.

    After Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
    A square is taken away in all channels at once.

    Parameters
    ----------
    patch, step
        Side of the square and how far it moves, in pixels; ``step`` at most ``patch``.
    baseline
        ``(n, c, h, w)`` what takes its place; the emptied pictures if None.
    """
    away = question.emptied() if baseline is None else baseline
    n, _, h, w = question.inputs.shape
    lost, covered = torch.zeros(n, 1, h, w), torch.zeros(1, 1, h, w)
    with torch.inference_mode():
        for which in question.batches():
            whole = question.score(question.inputs[which], which)
            for rows, columns in product(_places(h, patch, step), _places(w, patch, step)):
                pictures = question.inputs[which].clone()
                pictures[..., rows, columns] = away[which][..., rows, columns]
                loss = whole - question.score(pictures, which)
                lost[which, :, rows, columns] += loss[:, None, None, None]
                tick()
    for rows, columns in product(_places(h, patch, step), _places(w, patch, step)):
        covered[..., rows, columns] += 1
    return lost / covered


def n_squares(shape: tuple[int, int], patch: int = 16, step: int = 12) -> int:
    """How many squares `occlusion` takes away from a picture."""
    return len(_places(shape[0], patch, step)) * len(_places(shape[1], patch, step))


def _places(side: int, patch: int, step: int) -> list[slice]:
    """Squares from edge to edge; the last may overlap the one before it more."""
    starts = [*range(0, max(side - patch, 0), step), max(side - patch, 0)]
    return [slice(start, min(start + patch, side)) for start in starts]
