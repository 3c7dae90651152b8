"""Find the heart on a full field of view, so that the segmenter sees it large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from napari_cmr.core import Stack
from napari_cmr.nets.sampling import clip, sample, shrink, square_points, standardise
from napari_cmr.nets.shelf import Model

IntArray = npt.NDArray[np.int64]
PHASES_LOOKED_AT = 3
GUESSED_FIELD_MM = 340.0
TYPICAL_HEART_MM = 105.0  # root of the heart's box over a stack: median of 70 ACDC patients


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
    """Run the localiser over all slices of some phases and take the largest find.

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
    grid = model.card.networks["localiser"].grid
    t, z, rows, columns = stack.shape
    middle = (rows * pixel_mm[0] / 2, columns * pixel_mm[1] / 2)
    points = square_points(middle, grid.size, grid.spacing_mm)
    heat = torch.zeros(z, grid.size, grid.size)
    phases = sorted({round(i * t / PHASES_LOOKED_AT) % t for i in range(PHASES_LOOKED_AT)})
    for phase in phases:
        images = torch.from_numpy(np.ascontiguousarray(stack.pixels[phase], np.float32))[:, None]
        small, small_mm = shrink(images, pixel_mm, grid.spacing_mm)
        crops = standardise(sample(clip(small), small_mm, points))
        heat += 1 - model.run("localiser", crops).softmax(1)[:, 0]
    box = _largest_box((heat / len(phases) > 0.5).numpy())
    if box is None:
        return Heart(middle, pixel_mm, False), 0.0
    low, high = box
    centre = [
        middle[i] + ((low[i] + high[i]) / 2 - grid.size / 2) * grid.spacing_mm for i in (0, 1)
    ]
    extent = float(np.sqrt(np.prod(high - low)) * grid.spacing_mm)
    return Heart((centre[0], centre[1]), pixel_mm, True), extent


def _largest_box(mask: npt.NDArray[np.bool_]) -> tuple[IntArray, IntArray] | None:
    """Row and column bounds of the largest connected find, upper bounds exclusive."""
    parts, n = ndimage.label(mask)
    if n == 0:
        return None
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    _, rows, columns = np.nonzero(parts == sizes.argmax())
    low = np.array([rows.min(), columns.min()])
    high = np.array([rows.max() + 1, columns.max() + 1])
    return low, high
