"""Run a segmenter on a stack: resample, find the heart, crop, and go back to the source grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from napari_cmr.core import (
    Cancel,
    Finding,
    LabelArray,
    Progress,
    Segmentation,
    Stack,
    Structure,
    check_cancel,
)
from napari_cmr.nets.cleanup import one_heart
from napari_cmr.nets.echo import ECHO_TASK, segment_echo
from napari_cmr.nets.locate import Heart, find_heart
from napari_cmr.nets.neighbours import slice_distance, stride, with_neighbours
from napari_cmr.nets.sampling import clip, sample, shrink, square_points, standardise
from napari_cmr.nets.shelf import Model

BATCH = 16
BEYOND_ANY_LOGIT = 30.0
HEART_NOT_FOUND = Finding(
    "heart-not-found",
    "The localiser found no heart.",
    "The middle of the picture was segmented instead; check the contours.",
)


def predict(
    stack: Stack,
    model: Model,
    *,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Segmentation:
    """Segment every slice of every phase.

    Parameters
    ----------
    stack
        ``(t, z, y, x)`` pixels of a short-axis cine.
    model
        A model for ``cine_sax_seg``, or for ``echo_lv_seg`` and an ultrasound loop.
    progress
        Called with the number of slices done and in all.

    Raises
    ------
    CancelledError
        If ``cancel`` returned True between two batches.
    """
    check_cancel(cancel)
    if model.card.task == ECHO_TASK:
        return segment_echo(stack, model, progress=progress, cancel=cancel)
    heart = find_heart(stack, model)
    t, z, rows, columns = stack.shape
    labels = np.zeros(stack.shape, np.uint8)
    crop = _Crop.of(model, heart, (rows, columns))
    wanted = model.card.networks["segmenter"].neighbour_mm
    step = stride(slice_distance(stack.geometry), wanted)
    done = 0
    for phase in range(t):
        crops = _crops(stack.pixels[phase], model, crop, step)
        for start in range(0, z, BATCH):
            check_cancel(cancel)
            part = slice(start, start + BATCH)
            labels[phase, part, *crop.window] = _segment(crops[part], model, crop)
            done += len(crops[part])
            if progress is not None:
                progress(done, t * z)
        if model.card.test_time.get("one_heart"):
            seen = (phase, slice(None), *crop.window)
            labels[seen] = one_heart(labels[seen])
    found = Segmentation.on(stack, labels, model.title)
    return found if heart.found else found.with_findings(HEART_NOT_FOUND)


@dataclass(frozen=True, eq=False)
class _Crop:
    """The square the network sees, and the window of source pixels that it covers."""

    heart: Heart
    points: Tensor
    step_mm: float
    window: tuple[slice, slice]
    back: Tensor

    @classmethod
    def of(cls, model: Model, heart: Heart, shape: tuple[int, int]) -> _Crop:
        grid = model.card.networks["segmenter"].grid
        side = grid.size * grid.spacing_mm
        window, axes = [], []
        for centre, mm, n in zip(heart.centre_mm, heart.pixel_mm, shape, strict=True):
            low = min(max(0, math.floor((centre - side / 2) / mm)), n - 1)
            high = max(min(n, math.ceil((centre + side / 2) / mm)), low + 1)
            window.append(slice(low, high))
            pixel_centres = (torch.arange(low, high, dtype=torch.float32) + 0.5) * mm
            axes.append(pixel_centres - (centre - side / 2))
        back = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)[None]
        points = square_points(heart.centre_mm, grid.size, grid.spacing_mm)
        return cls(heart, points, grid.spacing_mm, (window[0], window[1]), back)


def _crops(pixels: npt.NDArray[Any], model: Model, crop: _Crop, step: int) -> Tensor:
    """``(z, y, x)`` pixels of a phase to the network's input ``(z, c, size, size)``."""
    images = torch.from_numpy(np.ascontiguousarray(pixels, np.float32))[:, None]
    small, small_mm = shrink(images, crop.heart.pixel_mm, crop.step_mm)
    alone = standardise(sample(clip(small), small_mm, crop.points))[:, 0]
    reach = model.card.networks["segmenter"].neighbours
    return torch.stack([with_neighbours(alone, i, reach, step) for i in range(len(alone))])


def _segment(crops: Tensor, model: Model, crop: _Crop) -> LabelArray:
    """``(n, c, size, size)`` crops to ``(n, h, w)`` labels in the crop's window."""
    logits = _with_flips(model, crops)
    # Sampling gives zero beyond the crop; lifted above it, a class wins only inside.
    lifted = logits - logits[:, :1]
    lifted[:, 1:] += BEYOND_ANY_LOGIT
    on_source = sample(lifted, (crop.step_mm, crop.step_mm), crop.back)
    on_source[:, 1:] -= BEYOND_ANY_LOGIT
    structures = model.card.networks["segmenter"].structures
    table = np.array([Structure[name] for name in structures], np.uint8)
    return np.asarray(table[_winner(on_source).numpy()], np.uint8)


def _winner(scores: Tensor) -> Tensor:
    """``(n, c, h, w)`` to the channel with the largest score, the first of equals.

    Channel by channel, since argmax over an axis that is not the last is slow on a CPU.
    """
    highest, winner = scores[:, 0].clone(), torch.zeros_like(scores[:, 0], dtype=torch.uint8)
    for channel in range(1, scores.shape[1]):
        higher = scores[:, channel] > highest
        highest = torch.where(higher, scores[:, channel], highest)
        winner.masked_fill_(higher, channel)
    return winner


def _with_flips(model: Model, crops: Tensor) -> Tensor:
    """Mean logits over the flips that the card asks for."""
    logits = model.run("segmenter", crops)
    flips = model.card.test_time.get("flips", [])
    for axes in flips:
        dims = [{"rows": 2, "columns": 3}[axis] for axis in axes]
        logits = logits + model.run("segmenter", crops.flip(dims)).flip(dims)
    return functional.log_softmax(logits / (1 + len(flips)), 1)
