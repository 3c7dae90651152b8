"""Views of unlabelled slices: other crops, other scanners; a whole batch at a time.

They do what ``learn.augment`` does to one labelled slice, but on the device, for all pictures
together, and each picture's view depends on its own seed alone.
"""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor
from torch.nn import functional

from napari_cmr.nets.sampling import standardise

LARGEST_BLUR = 1.5
_NUMBERS = 14


class ViewConfig(BaseModel):
    """One view of a picture; chances and how far it may go.

    No colour and no strong crops by default: grey values and places mean something in MR.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    size: int = Field(default=96, gt=0, description="side of the view in pixels")
    area: tuple[float, float] = Field(default=(0.4, 1.0), description="share of the picture seen")
    aspect: float = Field(default=0.1, ge=0, description="log of the largest stretch")
    rotation_deg: float = Field(default=20.0, ge=0)
    flip: float = Field(default=0.5, ge=0, le=1, description="chance, along rows and along columns")
    gamma: float = Field(default=0.5, ge=0, description="log of the largest exponent")
    bias: float = Field(default=0.5, ge=0, le=1, description="chance of a coil-like bias field")
    noise: float = Field(default=0.4, ge=0, le=1, description="chance of Rician noise")
    blur: float = Field(default=0.3, ge=0, le=1)

    @model_validator(mode="after")
    def _area_is_a_range(self) -> Self:
        low, high = self.area
        if not 0 < low <= high <= 1:
            raise ValueError("area is two shares of the picture, the smaller first")
        return self


def make_views(images: Tensor, keys: Tensor, number: int, config: ViewConfig) -> Tensor:
    """One view of each picture.

    Parameters
    ----------
    images
        ``(n, 1, s, s)`` in 0..1.
    keys
        ``(n,)`` seeds.
    number
        Which view of the picture it is; each number gives another.

    Returns
    -------
    Tensor
        ``(n, 1, size, size)``, each standardised.
    """
    rngs = [np.random.default_rng([key, number]) for key in keys.tolist()]
    table = np.stack([rng.random(_NUMBERS) for rng in rngs])
    u = torch.from_numpy(table).float().to(images.device)
    seeds = [int(rng.integers(2**62)) for rng in rngs]
    normals = _normals(seeds, 9 + 2 * config.size**2, images.device)
    x = functional.grid_sample(
        images, _grid(u, config), align_corners=False, padding_mode="zeros"
    ).clamp(0, 1)
    x = _blur(x, torch.where(u[:, 6] < config.blur, u[:, 7], torch.zeros_like(u[:, 7])))
    x = x ** torch.exp(config.gamma * (2 * u[:, 8] - 1))[:, None, None, None]
    x = _bias(x, normals[:, :9], u[:, 9] < config.bias)
    x = _rician(x, normals[:, 9:], torch.where(u[:, 10] < config.noise, u[:, 11], -u[:, 11]))
    return standardise(x)


def plain_view(images: Tensor, size: int) -> Tensor:
    """The whole picture at a view's size, standardised; for features that are looked at."""
    small = functional.interpolate(images, (size, size), mode="area")
    return standardise(small)


def _grid(u: Tensor, config: ViewConfig) -> Tensor:
    """Where each view looks, in the sampling convention of ``grid_sample``."""
    low, high = config.area
    side = torch.sqrt(low + (high - low) * u[:, 0])
    stretch = torch.exp(config.aspect * (2 * u[:, 1] - 1))
    angle = math.radians(config.rotation_deg) * (2 * u[:, 2] - 1)
    flips = torch.where(u[:, 12:14] < config.flip, -1.0, 1.0)
    scale = torch.stack([side * stretch, side / stretch], dim=1) * flips
    centre = (2 * u[:, 3:5] - 1) * (1 - side[:, None])
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], dim=1)
    theta = torch.cat([turn * scale[:, None, :], centre[:, :, None]], dim=2)
    shape = [len(u), 1, config.size, config.size]
    return functional.affine_grid(theta, shape, align_corners=False)


def _blur(x: Tensor, share: Tensor) -> Tensor:
    """Gaussian blur with sigma up to 1.5 pixels; a share of 0 leaves a picture as it is."""
    radius = math.ceil(2.5 * LARGEST_BLUR)
    axis = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    sigma = (share * LARGEST_BLUR).clamp_min(1e-3)
    kernels = torch.exp(-(axis**2) / (2 * sigma[:, None] ** 2))
    kernels = (kernels / kernels.sum(1, keepdim=True))[:, None]
    n = len(x)
    x = functional.pad(x.transpose(0, 1), (radius,) * 4, mode="replicate")
    x = functional.conv2d(x, kernels[:, :, None], groups=n)
    return functional.conv2d(x, kernels[:, :, :, None], groups=n).transpose(0, 1)


def _bias(x: Tensor, normals: Tensor, chosen: Tensor) -> Tensor:
    """Multiply by a smooth field of spread 0.35 in its logarithm."""
    field = 0.35 * normals.view(-1, 1, 3, 3) * chosen[:, None, None, None]
    smooth = functional.interpolate(field, x.shape[2:], mode="bicubic", align_corners=True)
    return x * smooth.exp()


def _rician(x: Tensor, normals: Tensor, share: Tensor) -> Tensor:
    """Noise as magnitude images have it, sigma 0.01 to 0.1; a negative share leaves a picture."""
    sigma = (0.01 + 0.09 * share).where(share >= 0, torch.zeros_like(share))
    noise = normals.view(len(x), 2, *x.shape[2:]) * sigma[:, None, None, None]
    return torch.sqrt((x + noise[:, :1]) ** 2 + noise[:, 1:] ** 2)


def _normals(seeds: list[int], n: int, device: torch.device) -> Tensor:
    """``(len(seeds), n)`` standard normal numbers, each row from its own seed."""
    out = torch.empty(len(seeds), n, device=device)
    generator = torch.Generator(device=device)
    for row, seed in zip(out, seeds, strict=True):
        row.normal_(generator=generator.manual_seed(seed))
    return out
