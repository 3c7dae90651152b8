"""What a frozen encoder makes of a person's pictures round the heart, at ED and at ES."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from napari_cmr.core import FloatArray, Stack
from napari_cmr.nets import Heart, InputGrid, Model, find_heart
from napari_cmr.nets.crop import Crop
from napari_cmr.nets.features import FrozenEncoder, pooled_upright

GRID = InputGrid(spacing_mm=1.4, size=96)
"""The square round the heart that the encoder sees."""
PLACES = (0.15, 0.3, 0.5, 0.7, 0.85)
"""Slices that it sees, as places in the stack."""


@dataclass(frozen=True, eq=False)
class HeartEmbedding:
    """Turns ED and ES of a cine into one row of numbers.

    Parameters
    ----------
    encoder
        Sees the pictures.
    localiser
        Gives the segmenter in use, whose localiser says where the heart is; asked when the
        first picture is there.
    """

    encoder: FrozenEncoder
    localiser: Callable[[], Model]

    def __call__(self, stack: Stack, ed: int, es: int) -> FloatArray:
        """``(4 * width,)``: means over slices of ED, ES, their difference and its size.

        Parameters
        ----------
        stack
            A short-axis cine.
        ed, es
            Its phases of end diastole and end systole.
        """
        heart = find_heart(stack, self.localiser())
        first, second = (self._slices(stack, heart, phase) for phase in (ed, es))
        change = first - second
        means = [each.mean(0) for each in (first, second, change, np.abs(change))]
        return np.concatenate(means)

    def _slices(self, stack: Stack, heart: Heart, phase: int) -> FloatArray:
        """``(n, width)`` pooled maps of some slices of a phase."""
        n_slices, *shape = stack.shape[1:]
        chosen = sorted({int(n_slices * place) for place in PLACES})
        crop = Crop.of(GRID, heart.centre_mm, heart.pixel_mm, (shape[0], shape[1]))
        pixels = np.asarray(stack.pixels[phase])[chosen]
        with torch.inference_mode():
            found = pooled_upright(self.encoder.module, crop.inputs(pixels, 0, 1))
        return np.asarray(found.double().numpy())
