"""Contours carried along the cardiac cycle by the motion that the pictures show.

Each phase is registered to the next by dense optical flow (TV-L1: Zach, Pock and Bischof, DAGM
2007;4713:214), the small steps are joined, and the corrected contours follow them, forwards from
the corrected phase before and backwards from the one after. In between the two meet as in
`interpolation`: by signed distances, the nearer one counting more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import (
    Cancel,
    FloatArray,
    InputError,
    LabelArray,
    Progress,
    Structure,
    check_cancel,
)
from napari_cmr.review.interpolation import Mask, Shape, layered, left_as_it_is, signed_distance
from napari_cmr.review.proposal import Proposal
from napari_cmr.review.reading import Reading
from napari_cmr.review.record import Frame, Kind
from napari_cmr.review.task import Task

_MARGIN_MM = 25.0
"""Round the contours: more than a heart moves, and enough of what stands still to hold on to."""
_ATTACHMENT = 15.0
"""Weight of the pictures against smoothness, for grey values from 0 to 1 (scikit-image's own)."""


def propagated(
    reading: Reading,
    slices: Iterable[int] | None = None,
    structures: Iterable[Structure] | None = None,
    *,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Proposal:
    """Contours of the corrected or accepted phases carried to all others, slice by slice.

    One corrected phase is enough; from it the motion is followed both ways round the cycle.

    Parameters
    ----------
    slices
        Which; None is all that have a corrected or accepted phase.
    structures
        Which may change; None is all.

    Raises
    ------
    InputError
        If no phase of these slices was corrected or accepted, or none is left to carry to.
    CancelledError
        If ``cancel`` says so.
    """
    return propagating(reading, slices, structures).run(progress, cancel)


def propagating(
    reading: Reading,
    slices: Iterable[int] | None = None,
    structures: Iterable[Structure] | None = None,
) -> Task[Proposal]:
    """The task of `propagated`; to commit it changes nothing, since a proposal is yet to be taken.

    The labels are those of the moment at which it is asked for.
    """
    keys = _keys(reading, slices)
    labels = {index: reading.history.labels[:, index].copy() for index in keys}
    allowed = tuple(Structure) if structures is None else tuple(structures)
    n_phases = reading.history.shape[0]

    def run(progress: Progress | None, cancel: Cancel | None) -> Proposal:
        frames: dict[Frame, LabelArray] = {}
        for number, (index, phases) in enumerate(keys.items()):
            pictures, spacing = reading.stack.pixels[:, index], reading.stack.geometry.pixel_spacing
            carried = _along(pictures, labels[index], phases, spacing, allowed, cancel)
            for done, (phase, drawn) in enumerate(carried, start=1):
                frames[phase, index] = drawn
                if progress is not None:
                    progress(number * n_phases + done, len(keys) * n_phases)
        if not frames:
            raise InputError(
                "The corrected phases of this slice are empty; there is nothing to carry."
            )
        return Proposal(Kind.PROPAGATION, frames)

    return Task("Following the motion", run, lambda _proposal: None)


def _keys(reading: Reading, slices: Iterable[int] | None) -> dict[int, list[int]]:
    """Slices to their corrected phases, as far as there are any and others to carry them to."""
    n_phases, n_slices = reading.history.shape[:2]
    key_frames = reading.history.key_frames()
    wanted = range(n_slices) if slices is None else slices
    keys = {z: [t for t in range(n_phases) if (t, z) in key_frames] for z in wanted}
    found = {z: phases for z, phases in keys.items() if 0 < len(phases) < n_phases}
    if not found:
        raise InputError(
            "There is nothing to carry along the cycle: correct or accept a phase of this slice, "
            "and leave another one open."
        )
    return found


def _along(
    pictures: npt.NDArray[Any],
    labels: LabelArray,
    keys: list[int],
    spacing: tuple[float, float],
    allowed: tuple[Structure, ...],
    cancel: Cancel | None,
) -> Iterator[tuple[int, LabelArray]]:
    """Phases between the corrected ones of one slice, and what becomes of them."""
    if not labels[keys].any():
        return
    box = _around(np.asarray(labels[keys].any(axis=0)), spacing)
    near = _scaled(pictures[:, *box])
    n_phases = len(pictures)
    for first, last in pairwise([*keys, keys[0] + n_phases]):
        between = range(first + 1, last)
        forwards = _motion(near, first, between, cancel)
        backwards = _motion(near, last, reversed(between), cancel)
        ends = labels[first], labels[last % n_phases]
        for t in between:
            part = (t - first) / (last - first)
            now, carried = labels[t % n_phases], np.zeros_like(labels[0])
            inner = ends[0][box], ends[1][box]
            carried[box] = carry(*inner, forwards[t], backwards[t], part, spacing)
            yield t % n_phases, left_as_it_is(now, carried, *ends, allowed)


def carry(
    first: LabelArray,
    last: LabelArray,
    from_first: FloatArray,
    from_last: FloatArray,
    part: float,
    spacing: tuple[float, float],
) -> LabelArray:
    """Labels of a frame between two whose motion to it is known.

    Parameters
    ----------
    first, last
        ``(y, x)`` in map ``cmr``.
    from_first, from_last
        ``(2, y, x)`` row and column in the first, or last, frame that each pixel comes from.
    part
        Where between: 0 is the first, 1 the last.
    """
    both = {int(v) for v in np.unique(first)} & {int(v) for v in np.unique(last)}
    return layered(both, _moved(first, last, from_first, from_last, part, spacing), first.shape)


def _moved(
    first: LabelArray,
    last: LabelArray,
    from_first: FloatArray,
    from_last: FloatArray,
    part: float,
    spacing: tuple[float, float],
) -> Shape:
    from scipy import ndimage  # a fifth of a second, which a dock that opens must not wait for

    def shape(structures: tuple[Structure, ...]) -> Mask:
        distances = [
            ndimage.map_coordinates(
                signed_distance(np.isin(labels, structures), spacing),
                came_from,
                order=1,
                mode="nearest",
            )
            for labels, came_from in ((first, from_first), (last, from_last))
        ]
        inside: Mask = (1 - part) * distances[0] + part * distances[1] > 0
        return inside

    return shape


def _motion(
    pictures: npt.NDArray[np.float32], key: int, phases: Iterable[int], cancel: Cancel | None
) -> Mapping[int, FloatArray]:
    """Phases, counted on past the cycle's end, to where in the key each of their pixels was."""
    n_phases, *shape = pictures.shape
    came_from = np.mgrid[tuple(slice(n) for n in shape)].astype(np.float64)
    found, before = {}, key
    for phase in phases:
        check_cancel(cancel)
        step = flow(pictures[phase % n_phases], pictures[before % n_phases])
        came_from = _joined(came_from, step)
        found[phase], before = came_from, phase
    return found


def flow(now: npt.NDArray[np.float32], before: npt.NDArray[np.float32]) -> FloatArray:
    """``(2, y, x)`` rows and columns from each pixel to where it was in the picture before."""
    from skimage.registration import optical_flow_tvl1

    return np.asarray(
        optical_flow_tvl1(now, before, attachment=_ATTACHMENT, dtype=np.float32), np.float64
    )


def _joined(came_from: FloatArray, step: FloatArray) -> FloatArray:
    """Where each pixel was in the key, by way of the phase before."""
    from scipy import ndimage

    places = np.mgrid[tuple(slice(n) for n in step.shape[1:])] + step
    return np.stack(
        [ndimage.map_coordinates(axis, places, order=1, mode="nearest") for axis in came_from]
    )


def _around(mask: Mask, spacing: tuple[float, float]) -> tuple[slice, slice]:
    rows, columns = (
        slice(
            max(int(found.min()) - round(_MARGIN_MM / step), 0),
            int(found.max()) + 1 + round(_MARGIN_MM / step),
        )
        for found, step in zip(np.nonzero(mask), spacing, strict=True)
    )
    return rows, columns


def _scaled(pictures: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Grey values from 0 to 1, the brightest and darkest hundredth cut off."""
    low, high = np.percentile(pictures, (1, 99))
    scaled = (pictures.astype(np.float32) - low) / max(high - low, 1e-6)
    return np.asarray(np.clip(scaled, 0, 1), np.float32)
