"""Find the heart on a full field of view, so that the segmenter sees it large."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from napari_cmr.core import Stack
from napari_cmr.nets.cleanup import one_heart
from napari_cmr.nets.sampling import clip, sample, shrink, square_points, standardise
from napari_cmr.nets.shelf import Model

PHASES_LOOKED_AT = 3
GUESSED_FIELD_MM = 340.0
TYPICAL_HEART_MM = 100.0  # root of the heart's box over a stack: median of 70 ACDC patients


@dataclass(frozen=True)
class Heart:
    """Where the heart is in the picture.

    ``centre_mm`` is (row, column) from the picture's upper left edge, ``pixel_mm`` the step of
    rows and columns (guessed where the source does not say), ``found`` False where nothing was
    found and the centre is the picture's.
    """

    centre_mm: tuple[float, float]
    pixel_mm: tuple[float, float]
    found: bool


def find_heart(stack: Stack, model: Model) -> Heart:
    """Run the localiser over all slices of some phases and take what hangs together as a heart.

    Parameters
    ----------
    stack
        Pixels and spacing.
    model
        A model with a network in the role ``localiser``.
    """
    if stack.geometry.spacing_known:
        return _find(stack, model, stack.geometry.pixel_spacing)[0]
    guess = GUESSED_FIELD_MM / max(stack.shape[2:])
    first, extent = _find(stack, model, (guess, guess))
    if not first.found:
        return first
    guess *= float(np.clip(TYPICAL_HEART_MM / extent, 0.5, 2.0))
    return _find(stack, model, (guess, guess))[0]


def _find(stack: Stack, model: Model, pixel_mm: tuple[float, float]) -> tuple[Heart, float]:
    """The heart, and the root of its box's area in mm."""
    spec = model.card.networks["localiser"]
    grid, n_classes = spec.grid, len(spec.structures)
    t, z, rows, columns = stack.shape
    middle = (rows * pixel_mm[0] / 2, columns * pixel_mm[1] / 2)
    points = square_points(middle, grid.size, grid.spacing_mm)
    likely = torch.zeros(z, n_classes, grid.size, grid.size)
    for phase in sorted({round(i * t / PHASES_LOOKED_AT) % t for i in range(PHASES_LOOKED_AT)}):
        images = torch.from_numpy(np.ascontiguousarray(stack.pixels[phase], np.float32))[:, None]
        small, small_mm = shrink(images, pixel_mm, grid.spacing_mm)
        crops = standardise(sample(clip(small), small_mm, points))
        likely += model.run("localiser", crops).softmax(1)
    _, *places = np.nonzero(one_heart(likely.argmax(1).numpy().astype(np.uint8)))
    if places[0].size == 0:
        return Heart(middle, pixel_mm, False), 0.0
    # The centre of gravity, since a box follows every stray pixel.
    centre = [
        m + (p.mean() + 0.5 - grid.size / 2) * grid.spacing_mm
        for m, p in zip(middle, places, strict=True)
    ]
    extent = math.sqrt(np.prod([np.ptp(p) + 1 for p in places])) * grid.spacing_mm
    return Heart((float(centre[0]), float(centre[1])), pixel_mm, True), extent
