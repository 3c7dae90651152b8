"""Shapes of a frame's structures changed by hand: dragged, cut, grown, filled; labels to labels.

Every function takes ``(y, x)`` uint8 labels in map ``cmr`` and gives new ones. Given ``only``, no
pixel of another structure is taken and none is given to one: just that structure and background
change places.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import FloatArray, InputError, LabelArray, Structure

Mask = npt.NDArray[np.bool_]
Point = tuple[float, float]
"""(row, column) in pixels; a whole number is a pixel's centre."""

_FARTHEST_STEP = 0.5
"""Of the falloff's width: a longer drag is made of shorter ones, so that nothing folds."""
_REACH = 4.0  # of the falloff's width: farther off nothing moves by a hundredth of a pixel


def nudge(
    labels: LabelArray,
    path: Sequence[Point],
    radius_mm: float,
    spacing: tuple[float, float],
    only: Structure | None = None,
) -> LabelArray:
    """Drag what lies under a pointer along with it; what lies farther off follows less.

    A pixel at a distance r of the pointer moves by exp(-r^2 / 2 s^2) of the pointer's way, with s
    the radius; all borders there move together, so a wall keeps about its thickness.

    Parameters
    ----------
    path
        Places of the pointer, the first where it was pressed.
    radius_mm
        s, the width of the falloff.
    spacing
        Row and column step, mm.

    Raises
    ------
    InputError
        If the radius is not positive.
    """
    if not radius_mm > 0:
        raise InputError("The reach of a nudge must be more than 0 mm.")
    steps = _short_steps(np.asarray(path, np.float64) * spacing, _FARTHEST_STEP * radius_mm)
    if len(steps) < 2:
        return labels.copy()
    box = _reached(steps, _REACH * radius_mm, labels.shape, spacing)
    rows, columns = np.mgrid[box].astype(np.float64)
    where = np.stack([rows * spacing[0], columns * spacing[1]])
    # Backwards: where each pixel's content comes from, by the last step first.
    for start, end in zip(steps[-2::-1], steps[:0:-1], strict=True):
        apart = where - end[:, None, None]
        near = np.exp(-(apart**2).sum(axis=0) / (2 * radius_mm**2))
        where = where - (end - start)[:, None, None] * near
    came_from = where / np.array(spacing)[:, None, None]
    moving = labels if only is None else np.where(labels == only, labels, 0).astype(np.uint8)
    moved = moving.copy()
    moved[box] = warped(moving, came_from)
    return kept_to(labels, moved, only)


def cut(
    labels: LabelArray, line: Sequence[Point], structure: Structure | None = None
) -> LabelArray:
    """Cut a structure in two along a line; the smaller part becomes background.

    Parameters
    ----------
    line
        Two points or more.
    structure
        Which; None is the one that most of the line runs over.

    Raises
    ------
    InputError
        If the line crosses no structure, or does not part it.
    """
    from scipy import ndimage  # a fifth of a second, which a dock that opens must not wait for

    under = line_mask(line, labels.shape)
    if structure is None:
        structure = _most_under(labels, under)
    mask = labels == structure
    if not (mask & under).any():
        raise InputError(f"The line crosses no {structure.title}; draw it across.")
    pieces, _ = ndimage.label(mask)
    touched = np.unique(pieces[mask & under])
    of_one = np.isin(pieces, touched)
    parts, n_parts = ndimage.label(of_one & ~under)
    sizes = np.bincount(parts.ravel(), minlength=n_parts + 1)[1:]
    if n_parts <= len(touched):
        raise InputError(
            f"The line does not part the {structure.title}; draw it from one side to the other."
        )
    largest = int(np.argmax(sizes)) + 1
    # The line's own pixels go with the part that they lie nearest to.
    nearest = ndimage.distance_transform_edt(
        parts == 0, return_distances=False, return_indices=True
    )
    gone = of_one & (parts[tuple(nearest)] != largest)
    return np.where(gone, np.uint8(0), labels).astype(np.uint8)


def grow(
    labels: LabelArray,
    structure: Structure,
    by: float,
    spacing: tuple[float, float] = (1.0, 1.0),
    only: Structure | None = None,
) -> LabelArray:
    """Grow a structure on all sides, or shrink it.

    What it takes it takes from any neighbour; what it gives up goes to the nearest one.

    Parameters
    ----------
    by
        How far: in pixels, or in mm where a spacing is given; negative shrinks.
    spacing
        Row and column step.

    Raises
    ------
    InputError
        If the frame has no such structure, or nothing of it would be left.
    """
    from scipy import ndimage

    mask = labels == structure
    if not mask.any():
        raise InputError(f"There is no {structure.title} on this slice and phase.")
    grown = labels.copy()
    if by >= 0:
        grown[ndimage.distance_transform_edt(~mask, sampling=spacing) <= by] = structure
        return kept_to(labels, grown, only)
    left = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing)[1:-1, 1:-1] > -by
    if not left.any():
        raise InputError(f"Nothing would be left of the {structure.title}; shrink it by less.")
    others = np.where(mask, 0, labels) if only is None else np.zeros_like(labels)
    given_up = mask & ~left
    grown[given_up] = others[_nearest(~mask)][given_up]
    return grown


def fill_holes(labels: LabelArray, structure: Structure) -> LabelArray:
    """Give a structure the background that it encloses and borders on.

    Raises
    ------
    InputError
        If it encloses none.
    """
    from scipy import ndimage

    mask = labels == structure
    pieces, _ = ndimage.label(ndimage.binary_fill_holes(mask) & (labels == 0))
    beside = np.unique(pieces[ndimage.binary_dilation(mask)])
    holes = np.isin(pieces, beside[beside > 0])
    if not holes.any():
        raise InputError(f"The {structure.title} has no hole on this slice and phase.")
    return np.where(holes, np.uint8(structure), labels).astype(np.uint8)


def kept_to(before: LabelArray, after: LabelArray, only: Structure | None) -> LabelArray:
    """Changes without those that take or give a pixel of another structure; None keeps all."""
    if only is None:
        return after
    free = np.isin(before, (0, int(only)))
    drawn = np.where(after == only, np.uint8(only), np.uint8(0))
    return np.where(free & np.isin(after, (0, int(only))), drawn, before).astype(np.uint8)


def warped(labels: LabelArray, came_from: FloatArray) -> LabelArray:
    """Labels whose content comes from elsewhere, each structure sampled linearly by itself.

    Parameters
    ----------
    came_from
        ``(2, y, x)`` row and column that each pixel takes its content from.
    """
    from scipy import ndimage

    found = np.zeros(came_from.shape[1:], np.uint8)
    most = np.zeros(found.shape)
    for value in np.unique(labels):
        share = ndimage.map_coordinates(
            (labels == value).astype(np.float64), came_from, order=1, mode="nearest"
        )
        more = share > most
        found[more], most[more] = value, share[more]
    return found


def _nearest(mask: Mask) -> tuple[Any, ...]:
    """Index of each pixel's nearest one of a mask."""
    from scipy import ndimage

    return tuple(ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True))


def _short_steps(path: FloatArray, longest: float) -> FloatArray:
    """``(n, 2)`` the same way in steps of at most a length."""
    places: list[Any] = [path[0]]
    for start, end in pairwise(path):
        n = int(np.ceil(np.linalg.norm(end - start) / longest))
        places += [start + (end - start) * (k + 1) / n for k in range(n)]
    return np.array(places)


def _reached(
    steps: FloatArray, reach: float, shape: tuple[int, ...], spacing: tuple[float, float]
) -> tuple[slice, slice]:
    low = np.floor((steps.min(axis=0) - reach) / spacing).astype(int)
    high = np.ceil((steps.max(axis=0) + reach) / spacing).astype(int) + 1
    rows, columns = (
        slice(int(np.clip(a, 0, n - 1)), int(np.clip(b, 1, n)))
        for a, b, n in zip(low, high, shape, strict=True)
    )
    return rows, columns


def line_mask(line: Sequence[Point], shape: tuple[int, ...]) -> Mask:
    """Pixels of a line that no path of pixels side by side slips through."""
    mask = np.zeros(shape, np.bool_)
    points = np.asarray(line, np.float64)
    for start, end in pairwise(points):
        n = 2 * int(np.ceil(np.abs(end - start).max())) + 1
        rows, columns = np.round(np.linspace(start, end, n)).astype(int).T
        inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
        mask[rows[inside], columns[inside]] = True
    return mask


def _most_under(labels: LabelArray, under: Mask) -> Structure:
    counts = np.bincount(labels[under], minlength=len(Structure))
    counts[0] = 0
    if not counts.any():
        raise InputError("The line crosses no structure; draw it across one.")
    return Structure(int(np.argmax(counts)))
