"""Segment ultrasound frames: the whole picture is the field of view, whatever its depth."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_cmr.core import (
    Cancel,
    LabelArray,
    Progress,
    Segmentation,
    Stack,
    Structure,
    check_cancel,
)
from napari_cmr.nets.locate import GUESSED_FIELD_MM
from napari_cmr.nets.sampling import clip, sample, shrink, square_points, standardise
from napari_cmr.nets.shelf import Model

ECHO_TASK = "echo_lv_seg"
BATCH = 32


def whole_field(steps: tuple[float, float], shape: tuple[int, int]) -> tuple[float, float]:
    """The pixel step at which a picture's longer side has the length of the network's field.

    Depth is what a sonographer chose and mostly unknown, so that a heart's share of the picture
    says more than its millimetres; a known spacing only tells how oblong the pixels are.

    Parameters
    ----------
    steps
        Row and column step in any unit.
    shape
        Rows and columns.

    Returns
    -------
    tuple of float
        Row and column step; these millimetres are nominal.
    """
    scale = GUESSED_FIELD_MM / max(n * step for n, step in zip(shape, steps, strict=True))
    return steps[0] * scale, steps[1] * scale


def segment_echo(
    stack: Stack,
    model: Model,
    *,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Segmentation:
    """Segment every frame of an ultrasound loop, each for itself.

    Parameters
    ----------
    stack
        ``(t, z, y, x)`` grey values.
    model
        A model for ``echo_lv_seg``.
    progress
        Called with the number of frames done and in all.

    Raises
    ------
    CancelledError
        If ``cancel`` returned True between two batches.
    """
    t, z, rows, columns = stack.shape
    frames = stack.pixels.reshape(t * z, rows, columns)
    steps = whole_field(stack.geometry.pixel_spacing, (rows, columns))
    labels = np.zeros(frames.shape, np.uint8)
    for begin in range(0, len(frames), BATCH):
        check_cancel(cancel)
        part = slice(begin, begin + BATCH)
        images = torch.from_numpy(np.ascontiguousarray(frames[part], np.float32))[:, None]
        labels[part] = _segment(images, steps, model)
        if progress is not None:
            progress(min(begin + BATCH, len(frames)), len(frames))
    if model.card.test_time.get("one_piece"):
        labels = np.stack([_one_piece(frame) for frame in labels])
    return Segmentation.on(stack, labels.reshape(stack.shape), model.title)


def _segment(images: Tensor, steps: tuple[float, float], model: Model) -> LabelArray:
    """``(n, 1, y, x)`` frames to ``(n, y, x)`` labels."""
    spec = model.card.networks["segmenter"]
    grid = spec.grid
    extent = [n * step for n, step in zip(images.shape[2:], steps, strict=True)]
    points = square_points((extent[0] / 2, extent[1] / 2), grid.size, grid.spacing_mm)
    small, small_mm = shrink(clip(images), steps, grid.spacing_mm)
    logits = model.run("segmenter", standardise(sample(small, small_mm, points)))
    side = grid.size * grid.spacing_mm
    axes = [
        (torch.arange(n, dtype=torch.float32) + 0.5) * step - (whole - side) / 2
        for n, step, whole in zip(images.shape[2:], steps, extent, strict=True)
    ]
    back = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)[None]
    on_source = sample(logits, (grid.spacing_mm, grid.spacing_mm), back)
    table = np.array([Structure[name] for name in spec.structures], np.uint8)
    return np.asarray(table[on_source.argmax(1).numpy()], np.uint8)


def _one_piece(labels: LabelArray) -> LabelArray:
    """Of each structure of a frame only the largest piece."""
    from scipy import ndimage

    kept = np.zeros_like(labels)
    for structure in np.unique(labels[labels > 0]):
        pieces, n = ndimage.label(labels == structure)
        sizes = np.bincount(pieces.ravel(), minlength=n + 1)[1:]
        kept[pieces == 1 + int(sizes.argmax())] = structure
    return kept
