"""Views of a labelled slice for supervised training: other geometry, other scanner."""

from __future__ import annotations

import math

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.nn import functional

from napari_cmr.nets.sampling import clip, sample, shrink, square_points, standardise

AIR = 0.06  # of the brightest; below it there is lung or air, where a map holds noise


class AugmentConfig(BaseModel):
    """How far views may go from the picture that was acquired."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flip: float = 0.5
    any_rotation: float = 0.25
    rotation_deg: float = 30.0
    zoom: tuple[float, float] = (0.75, 1.3)
    stretch: float = 0.1
    shift_mm: float = 20.0
    elastic: float = 0.3
    elastic_mm: float = 6.0
    narrow_view: float = 0.0
    gamma: float = 0.6
    tone: float = 0.3
    bias: float = 0.5
    noise: float = 0.4
    blur: float = 0.25
    coarse: float = 0.15
    sharpen: float = 0.2
    local_contrast: float = 0.2
    alone: float = 0.15
    invert: float = 0.0
    noisy_air: float = 0.0


def make_view(
    image: Tensor,
    label: Tensor,
    pixel_mm: tuple[float, float],
    centre_mm: tuple[float, float],
    size: int,
    step_mm: float,
    n_classes: int,
    config: AugmentConfig,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """One augmented crop of a slice.

    Parameters
    ----------
    image, label
        ``(c, y, x)`` float32, a slice with its neighbours, and ``(y, x)`` uint8 of the slice.
    pixel_mm, centre_mm
        Step of the picture, and the crop's centre in mm from the picture's edge.

    Returns
    -------
    image, label
        ``(c, size, size)`` float32, each slice standardised, and ``(size, size)`` int64.
    """
    points = _points(centre_mm, size, step_mm, config, rng)
    pictures = clip(image[:, None])
    if rng.random() < config.narrow_view:
        pictures = _narrow(pictures, pixel_mm, centre_mm, rng)
    one_hot = functional.one_hot(label.long(), n_classes).permute(2, 0, 1)[:, None].float()
    small, small_mm = shrink(torch.cat([pictures, one_hot]), pixel_mm, step_mm)
    crop = sample(small, small_mm, points)[:, 0]
    target = crop[len(image) :].clone()
    target[0] = 1 - target[1:].sum(0)  # outside the picture there is background
    view = standardise(_other_scanner(crop[: len(image), None], config, rng))[:, 0]
    view[~image.flatten(1).any(1)] = 0  # a neighbour beyond the stack stays absent
    return _hide_neighbours(view, config, rng), target.argmax(0)


def plain_crop(
    image: Tensor,
    pixel_mm: tuple[float, float],
    centre_mm: tuple[float, float],
    size: int,
    step_mm: float,
    config: AugmentConfig,
    rng: np.random.Generator,
) -> Tensor:
    """A crop of ``(c, y, x)`` slices under another geometry, 0 to 1 as they were acquired."""
    points = _points(centre_mm, size, step_mm, config, rng)
    small, small_mm = shrink(clip(image[:, None]), pixel_mm, step_mm)
    return sample(small, small_mm, points)[:, 0]


def changed_scanner(
    crop: Tensor, image: Tensor, config: AugmentConfig | None, rng: np.random.Generator
) -> Tensor:
    """A crop of :func:`plain_crop` as another scanner shows it (as it is if None), standardised.

    ``image`` are the slices that it was taken of; one that is absent stays absent.
    """
    view = crop[:, None]
    view = standardise(view if config is None else _other_scanner(view, config, rng))[:, 0]
    view[~image.flatten(1).any(1)] = 0
    return view


def _hide_neighbours(view: Tensor, config: AugmentConfig, rng: np.random.Generator) -> Tensor:
    """Sometimes a slice is alone, and stacks run from the apex as well as from the base."""
    middle = len(view) // 2
    if rng.random() < config.alone:
        alone = torch.zeros_like(view)
        alone[middle] = view[middle]
        return alone
    return view.flip(0) if rng.random() < 0.5 else view


def _points(
    centre_mm: tuple[float, float],
    size: int,
    step_mm: float,
    config: AugmentConfig,
    rng: np.random.Generator,
) -> Tensor:
    points = square_points((0.0, 0.0), size, step_mm)
    reach = 180.0 if rng.random() < config.any_rotation else config.rotation_deg
    angle = math.radians(rng.uniform(-reach, reach))
    zoom = math.exp(rng.uniform(*np.log(config.zoom)))
    stretch = math.exp(rng.uniform(-config.stretch, config.stretch))
    flips = [-1.0 if rng.random() < config.flip else 1.0 for _ in range(2)]
    cos, sin = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float32)
    scale = torch.tensor([flips[0] * stretch / zoom, flips[1] / stretch / zoom])
    shift = torch.tensor(
        [c + rng.uniform(-config.shift_mm, config.shift_mm) for c in centre_mm],
        dtype=torch.float32,
    )
    if rng.random() < config.elastic:
        coarse = torch.from_numpy(rng.normal(0, config.elastic_mm / 2, (1, 2, 5, 5)))
        bend = functional.interpolate(
            coarse.float(), (size, size), mode="bicubic", align_corners=True
        )
        points = points + bend.permute(0, 2, 3, 1)
    return (points * scale) @ turn.T + shift


def _narrow(
    picture: Tensor,
    pixel_mm: tuple[float, float],
    centre_mm: tuple[float, float],
    rng: np.random.Generator,
) -> Tensor:
    """Blank everything but a window round the heart, as a small field of view would."""
    kept = torch.zeros_like(picture)
    half = rng.uniform(75, 140, 2)
    low = [max(0, int((c - h) / mm)) for c, h, mm in zip(centre_mm, half, pixel_mm, strict=True)]
    high = [int((c + h) / mm) + 1 for c, h, mm in zip(centre_mm, half, pixel_mm, strict=True)]
    window = (..., slice(low[0], high[0]), slice(low[1], high[1]))
    kept[window] = picture[window]
    return kept


def _other_scanner(x: Tensor, config: AugmentConfig, rng: np.random.Generator) -> Tensor:
    """Change contrast, bias, sharpness and noise of ``(c, 1, h, w)`` slices in 0..1 alike."""
    size = x.shape[-1]
    if config.noisy_air and rng.random() < config.noisy_air:
        x = torch.where(x < AIR, torch.from_numpy(rng.random(x.shape, np.float32)), x)
    if config.invert and rng.random() < config.invert:  # blood darker than the wall
        x = 1 - x
    if rng.random() < config.coarse:
        side = int(size * rng.uniform(0.4, 0.8))
        x = functional.interpolate(x, (side, side), mode="bilinear", align_corners=False)
        x = functional.interpolate(x, (size, size), mode="bilinear", align_corners=False)
    if rng.random() < config.blur:
        x = _gaussian(x, rng.uniform(0.5, 1.5))
    elif rng.random() < config.sharpen:
        x = (x + rng.uniform(0.5, 2.0) * (x - _gaussian(x, rng.uniform(0.7, 2.0)))).clamp(0, 1.2)
    if rng.random() < config.local_contrast:
        x = _even_out(x, rng.uniform(12, 30), rng.uniform(0.3, 1.0))
    if rng.random() < config.tone:
        x = _tone(x, rng)
    x = x.clamp(0, None) ** math.exp(rng.uniform(-config.gamma, config.gamma))
    if rng.random() < config.bias:
        field = torch.from_numpy(rng.normal(0, 0.35, (1, 1, 3, 3))).float()
        x = x * functional.interpolate(field, x.shape[2:], mode="bicubic", align_corners=True).exp()
    if rng.random() < config.noise:
        sigma = rng.uniform(0.01, 0.10)
        noise = torch.from_numpy(rng.standard_normal((2, *x.shape), np.float32)) * sigma
        x = torch.sqrt((x + noise[0]) ** 2 + noise[1] ** 2)  # Rician, as magnitude images have it
    return x


def _tone(x: Tensor, rng: np.random.Generator) -> Tensor:
    """A random monotone curve through (0, 0) and (1, 1)."""
    knots = np.concatenate([[0.0], np.sort(rng.uniform(0, 1, 3)), [1.0]])
    where = np.linspace(0, 1, len(knots))
    table = torch.from_numpy(np.interp(np.linspace(0, 1, 256), where, knots)).float()
    return table[(x.clamp(0, 1) * 255).long()]


def _even_out(x: Tensor, sigma: float, share: float) -> Tensor:
    """Local contrast equalised in part, as consoles and some data sets do."""
    mean = _gaussian(x, sigma)
    spread = (_gaussian(x * x, sigma) - mean * mean).clamp_min(0).sqrt()
    even = ((x - mean) / (spread + 0.05) / 4 + 0.5).clamp(0, 1)
    return (1 - share) * x + share * even


def _gaussian(x: Tensor, sigma: float) -> Tensor:
    side = max(8, int(x.shape[-1] * 2 / sigma))
    if side < x.shape[-1] / 2:  # a wide blur is as good on a coarse copy
        coarse = functional.interpolate(x, (side, side), mode="area")
        coarse = _gaussian(coarse, sigma * side / x.shape[-1])
        return functional.interpolate(coarse, x.shape[2:], mode="bilinear", align_corners=False)
    radius = max(1, math.ceil(2.5 * sigma))
    axis = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-(axis**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    x = functional.conv2d(
        functional.pad(x, (radius, radius, 0, 0), mode="replicate"), kernel[None, None, None]
    )
    return functional.conv2d(
        functional.pad(x, (0, 0, radius, radius), mode="replicate"), kernel[None, None, :, None]
    )
