"""Find the heart on a full field of view, so that the segmenter sees it large."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_cmr.core import Stack
from napari_cmr.nets.candidates import (
    Candidate,
    Candidates,
    Mask,
    agreement,
    in_quarter_turns,
)
from napari_cmr.nets.card import InputGrid
from napari_cmr.nets.cleanup import one_heart
from napari_cmr.nets.sampling import clip, is_blank, sample, shrink, square_points, standardise
from napari_cmr.nets.shelf import Model

PHASES_LOOKED_AT = 3
GUESSED_FIELD_MM = 340.0
TYPICAL_HEART_MM = 100.0  # root of the heart's box over a stack: median of 70 ACDC patients


@dataclass(frozen=True)
class HeartSize:
    """How large a heart is taken to be in pictures whose spacing is unknown.

    ``mm`` is the root of the area of its box over a stack; None leaves the guess from the field
    of view. A ``round`` heart, as the left ventricle is on a short axis, is as high as wide, so
    that a squeezed picture is stretched again.
    """

    mm: float | None = TYPICAL_HEART_MM
    round: bool = False

    def pixel_mm(
        self, guess: tuple[float, float], extent_mm: tuple[float, float]
    ) -> tuple[float, float]:
        """The step of rows and columns, from a guess and the heart's box by that guess."""
        if self.mm is None:
            return guess
        sides = extent_mm if self.round else (math.sqrt(math.prod(extent_mm)),) * 2
        rows, columns = (
            mm * float(np.clip(self.mm / side, 0.5, 2.0))
            for mm, side in zip(guess, sides, strict=True)
        )
        return rows, columns


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

    Where the card's ``test_time`` has ``candidates``, the picture is looked at in all quarter
    turns, and of several pieces that may be the heart the one with the best odds is taken
    (:mod:`napari_cmr.nets.candidates`).

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
    first, extent_mm = _find(stack, model, (guess, guess))
    size = HeartSize(**model.card.test_time.get("heart_size", {}))
    if not first.found or size.mm is None:
        return first
    return _find(stack, model, size.pixel_mm((guess, guess), extent_mm))[0]


def _find(
    stack: Stack, model: Model, pixel_mm: tuple[float, float]
) -> tuple[Heart, tuple[float, float]]:
    """The heart, and the height and width of its box in mm."""
    grid = model.card.networks["localiser"].grid
    several = model.card.test_time.get("candidates")
    middle = (stack.shape[2] * pixel_mm[0] / 2, stack.shape[3] * pixel_mm[1] / 2)
    phases = _phases(stack)
    likely = _likely(stack, model, pixel_mm, phases, turned=several is not None)
    if several is None:
        piece = one_heart(likely.argmax(1).numpy().astype(np.uint8)) > 0
        candidates = [Candidate(piece, float(piece.sum()))] if piece.any() else []
    else:
        candidates = Candidates(**several).among(1 - likely[:, 0] / len(phases))
    found = [_heart(c.piece, grid, middle, pixel_mm) for c in candidates]
    if not found:
        return Heart(middle, pixel_mm, False), (0.0, 0.0)
    if len(found) == 1:
        return found[0]
    odds = [
        c.odds(agreement(stack, model, heart.centre_mm, pixel_mm, phases))
        for c, (heart, _) in zip(candidates, found, strict=True)
    ]
    return found[int(np.argmax(odds))]


def _phases(stack: Stack) -> list[int]:
    """Those that are looked at."""
    t = stack.shape[0]
    return sorted({round(i * t / PHASES_LOOKED_AT) % t for i in range(PHASES_LOOKED_AT)})


def _likely(
    stack: Stack,
    model: Model,
    pixel_mm: tuple[float, float],
    phases: Sequence[int],
    *,
    turned: bool,
) -> Tensor:
    """``(z, c, size, size)`` probabilities, added up over phases; of all quarter turns the mean."""
    spec = model.card.networks["localiser"]
    grid = spec.grid
    z, rows, columns = stack.shape[1:]
    middle = (rows * pixel_mm[0] / 2, columns * pixel_mm[1] / 2)
    points = square_points(middle, grid.size, grid.spacing_mm)
    likely = torch.zeros(z, len(spec.structures), grid.size, grid.size)
    for phase in phases:
        images = torch.from_numpy(np.ascontiguousarray(stack.pixels[phase], np.float32))[:, None]
        small, small_mm = shrink(images, pixel_mm, grid.spacing_mm)
        crops = standardise(sample(clip(small), small_mm, points))
        if turned:
            now = in_quarter_turns(model, "localiser", crops).mean(0)
        else:
            now = model.run("localiser", crops).softmax(1)
        now[is_blank(crops)] = torch.eye(len(spec.structures))[0][:, None, None]  # background
        likely += now
    return likely


def _heart(
    piece: Mask, grid: InputGrid, middle: tuple[float, float], pixel_mm: tuple[float, float]
) -> tuple[Heart, tuple[float, float]]:
    _, *places = np.nonzero(piece)
    # The centre of gravity, since a box follows every stray pixel.
    centre = [
        m + (p.mean() + 0.5 - grid.size / 2) * grid.spacing_mm
        for m, p in zip(middle, places, strict=True)
    ]
    height, width = (float(np.ptp(p) + 1) * grid.spacing_mm for p in places)
    return Heart((float(centre[0]), float(centre[1])), pixel_mm, True), (height, width)
