"""Frozen features of whole pictures: what the heads that name a picture sit on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from napari_cmr.core import Cancel, ModelError, Stack, check_cancel
from napari_cmr.nets.card import ModelName
from napari_cmr.nets.encoders import as_encoder, load_encoder
from napari_cmr.nets.sampling import clip, sample, shrink, square_points, standardise

SIDE = 96
FIELDS = {"whole": 1.0, "middle": 0.5}
"""Name of a field -> its side, relative to the picture's longer one."""
POOLS = ("mean", "spread", "peak")
PLACES = (0.3, 0.6)
_BATCH = 16


@dataclass(frozen=True, eq=False)
class FrozenEncoder:
    """A pretrained encoder that stays as it is, and its name."""

    told: ModelName
    module: nn.Module


def load_frozen(name: str | Path, *, wanted: ModelName | None = None) -> FrozenEncoder:
    """Load a pretrained encoder to put a head on.

    Parameters
    ----------
    name
        Shelf name or folder of a pretraining.
    wanted
        What the head was trained on.

    Raises
    ------
    ModelError
        If it is no pretraining, is altered, or is not the one that is wanted.
    """
    card, module, _ = load_encoder(name)
    found = ModelName.of(card)
    if wanted is not None and found != wanted:
        raise ModelError(
            f"The head was trained on the encoder {wanted.title}, but {found.title} is installed; "
            "install that one, or train the head again."
        )
    return FrozenEncoder(found, module)


def pictures(stack: Stack) -> list[tuple[int, int]]:
    """(phase, slice) of the first phase's slices at three and six tenths of a stack."""
    z = stack.shape[1]
    return [(0, i) for i in sorted({int(z * place) for place in PLACES})]


def picture_features(
    stack: Stack,
    encoder: FrozenEncoder,
    chosen: Sequence[tuple[int, int]],
    *,
    cancel: Cancel | None = None,
) -> Tensor:
    """Pooled features of some pictures, ``(n, width)``.

    Every stage's map is pooled by its mean, its spread and its peak, over the whole picture and
    over its middle, and averaged over the four quarter turns, since files lay pictures out as
    they like. `feature_names` tells the columns.

    Parameters
    ----------
    stack
        Pixels. Millimetres are not used, since many pictures have none.
    chosen
        (phase, slice) of each picture.

    Raises
    ------
    CancelledError
        If ``cancel`` returned True between two batches.
    """
    found = []
    for begin in range(0, len(chosen), _BATCH):
        check_cancel(cancel)
        part = chosen[begin : begin + _BATCH]
        pixels = np.stack([np.asarray(stack.pixels[t, z], np.float32) for t, z in part])
        images = torch.from_numpy(pixels)[:, None]
        with torch.inference_mode():
            ratio = stack.geometry.pixel_spacing
            fields = [
                pooled(encoder.module, field_view(images, ratio, side)) for side in FIELDS.values()
            ]
        found.append(torch.cat(fields, dim=1))
    return torch.cat(found)


def feature_names(encoder: FrozenEncoder) -> list[str]:
    """``field.pool.stage`` of every column of `picture_features`."""
    with torch.inference_mode():
        maps = as_encoder(encoder.module)(torch.zeros(1, 1, SIDE, SIDE))
    return [
        f"{field}.{pool}.{stage}"
        for field in FIELDS
        for pool in POOLS
        for stage, values in enumerate(maps)
        for _ in range(values.shape[1])
    ]


def field_view(images: Tensor, steps: tuple[float, float], side: float) -> Tensor:
    """The middle of ``(n, 1, y, x)`` pictures as ``(n, 1, SIDE, SIDE)``, standardised.

    Parameters
    ----------
    steps
        Row and column step in any unit.
    side
        Of the square that is seen, relative to the picture's longer side.
    """
    extent = [n * mm for n, mm in zip(images.shape[2:], steps, strict=True)]
    step = max(extent) * side / SIDE
    small, small_mm = shrink(images, steps, step)
    points = square_points((extent[0] / 2, extent[1] / 2), SIDE, step)
    return standardise(sample(clip(small), small_mm, points))


def pooled(module: nn.Module, views: Tensor) -> Tensor:
    """``(n, 1, h, w)`` to ``(n, width)``, the mean over the four quarter turns."""
    total = torch.zeros(())
    for quarters in range(4):
        total = total + pooled_upright(module, views.rot90(quarters, (2, 3)))
    return total / 4


def pooled_upright(module: nn.Module, views: Tensor) -> Tensor:
    """``(n, 1, h, w)`` to ``(n, width)``: mean, spread and peak of every stage's map."""
    maps = as_encoder(module)(views)
    pools = [torch.cat([pool(m.flatten(2)) for m in maps], dim=1) for pool in _POOLING]
    return torch.cat(pools, dim=1)


def _mean(values: Tensor) -> Tensor:
    return values.mean(2)


def _spread(values: Tensor) -> Tensor:
    return values.std(2)


def _peak(values: Tensor) -> Tensor:
    return values.amax(2)


_POOLING = (_mean, _spread, _peak)
