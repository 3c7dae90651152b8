"""From a slice to a network's grid and back: one bilinear sampling, in millimetres."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-6


def shrink(
    images: Tensor, pixel_mm: tuple[float, float], target_mm: float
) -> tuple[Tensor, tuple[float, float]]:
    """Average whole blocks of pixels where the target grid is coarser, so nothing aliases.

    Parameters
    ----------
    images
        ``(n, c, y, x)``.
    pixel_mm, target_mm
        Row and column step of the images; step of the target grid.

    Returns
    -------
    images, pixel_mm
        The smaller images and their step. Their first pixel is centred half a block further in;
        :func:`sample` measures from the picture's edge and so needs no correction.
    """
    factors = [max(1, math.floor(target_mm / mm + 0.25)) for mm in pixel_mm]
    factors = [min(f, size) for f, size in zip(factors, images.shape[2:], strict=True)]
    if max(factors) > 1:
        images = functional.avg_pool2d(images, factors, ceil_mode=True, count_include_pad=False)
    return images, (pixel_mm[0] * factors[0], pixel_mm[1] * factors[1])


def sample(images: Tensor, pixel_mm: tuple[float, float], points_mm: Tensor) -> Tensor:
    """Bilinear values at points; zero outside the picture.

    Parameters
    ----------
    images
        ``(n, c, y, x)``.
    points_mm
        ``(n or 1, h, w, 2)`` (row, column) millimetres from the picture's upper left edge.
    """
    size = torch.tensor(
        [images.shape[3] * pixel_mm[1], images.shape[2] * pixel_mm[0]], dtype=points_mm.dtype
    )
    grid = 2 * points_mm.flip(-1) / size - 1
    return functional.grid_sample(
        images, grid.expand(len(images), -1, -1, -1), align_corners=False, padding_mode="zeros"
    )


def square_points(centre_mm: tuple[float, float], size: int, step_mm: float) -> Tensor:
    """``(1, size, size, 2)`` points of a square crop round a centre, in mm from the edge."""
    offsets = (torch.arange(size, dtype=torch.float32) - (size - 1) / 2) * step_mm
    rows, columns = torch.meshgrid(offsets + centre_mm[0], offsets + centre_mm[1], indexing="ij")
    return torch.stack([rows, columns], dim=-1)[None]


def clip(images: Tensor) -> Tensor:
    """Each ``(c, y, x)`` picture between its 0.5th and 99.5th percentile, scaled to 0..1."""
    flat = images.flatten(1)
    some = flat[:, :: max(1, flat.shape[1] // 8192)].numpy()
    bounds = torch.from_numpy(np.percentile(some, [0.5, 99.5], axis=1).astype(np.float32))
    low, high = bounds[:, :, None, None, None].unbind()
    return ((images - low) / (high - low + EPS)).clamp(0, 1)


def is_blank(images: Tensor) -> Tensor:
    """Whether ``(n, ...)`` pictures have one value everywhere, so that nothing is to be seen."""
    flat = images.flatten(1)
    return flat.amax(1) == flat.amin(1)


def standardise(images: Tensor) -> Tensor:
    """Zero mean and unit spread of each ``(c, y, x)`` picture."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    spread = images.std(dim=(1, 2, 3), keepdim=True)
    return (images - mean) / (spread + EPS)
