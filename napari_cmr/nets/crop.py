"""The square round a heart that a segmenter sees, and the way there and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from napari_cmr.nets.card import InputGrid
from napari_cmr.nets.neighbours import with_neighbours
from napari_cmr.nets.sampling import clip, sample, shrink, square_points, standardise

BEYOND_ANY_LOGIT = 30.0


@dataclass(frozen=True, eq=False)
class Crop:
    """The square the network sees, and the window of source pixels that it covers.

    ``points`` ``(1, size, size, 2)`` are the square's pixels in mm from the picture's edge,
    ``back`` ``(1, h, w, 2)`` the window's source pixels in mm from the square's edge.
    """

    pixel_mm: tuple[float, float]
    points: Tensor
    step_mm: float
    window: tuple[slice, slice]
    back: Tensor

    @classmethod
    def of(
        cls,
        grid: InputGrid,
        centre_mm: tuple[float, float],
        pixel_mm: tuple[float, float],
        shape: tuple[int, int],
    ) -> Crop:
        """The square of a grid round a centre in mm, on pictures of (rows, columns)."""
        side = grid.size * grid.spacing_mm
        window, axes = [], []
        for centre, mm, n in zip(centre_mm, pixel_mm, shape, strict=True):
            low = min(max(0, math.floor((centre - side / 2) / mm)), n - 1)
            high = max(min(n, math.ceil((centre + side / 2) / mm)), low + 1)
            window.append(slice(low, high))
            pixel_centres = (torch.arange(low, high, dtype=torch.float32) + 0.5) * mm
            axes.append(pixel_centres - (centre - side / 2))
        back = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)[None]
        points = square_points(centre_mm, grid.size, grid.spacing_mm)
        return cls(pixel_mm, points, grid.spacing_mm, (window[0], window[1]), back)

    def inputs(self, pixels: npt.NDArray[Any], reach: int, step: int) -> Tensor:
        """``(z, y, x)`` pixels of a phase to the network's input ``(z, c, size, size)``.

        ``reach`` and ``step`` are those of :func:`with_neighbours`.
        """
        images = torch.from_numpy(np.ascontiguousarray(pixels, np.float32))[:, None]
        small, small_mm = shrink(images, self.pixel_mm, self.step_mm)
        alone = standardise(sample(clip(small), small_mm, self.points))[:, 0]
        return torch.stack([with_neighbours(alone, i, reach, step) for i in range(len(alone))])

    def targets(self, channels: Tensor, n_channels: int) -> Tensor:
        """``(z, y, x)`` channel numbers of a phase on the square, ``(z, size, size)`` int64."""
        one_hot = functional.one_hot(channels.long(), n_channels).permute(0, 3, 1, 2).float()
        small, small_mm = shrink(one_hot, self.pixel_mm, self.step_mm)
        likely = sample(small, small_mm, self.points)
        likely[:, 0] = 1 - likely[:, 1:].sum(1)  # outside the picture there is background
        return likely.argmax(1)

    def on_source(self, logits: Tensor) -> Tensor:
        """``(n, c, size, size)`` logits in the window of source pixels, ``(n, c, h, w)``.

        Sampling gives zero beyond the square; lifted above it, a class wins only inside.
        """
        lifted = logits - logits[:, :1]
        lifted[:, 1:] += BEYOND_ANY_LOGIT
        found = sample(lifted, (self.step_mm, self.step_mm), self.back)
        found[:, 1:] -= BEYOND_ANY_LOGIT
        return found
