"""Contours between contours, by signed distances: between slices, and round the cardiac cycle.

Raya and Udupa, IEEE Trans Med Imaging 1990;9:32: a shape between two shapes is where the weighted
mean of their signed distances is not negative. Here the two are laid over each other by their
middles first, so that a structure that moves by more than its size is still found between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_cmr.core import FloatArray, InputError, LabelArray, Structure
from napari_cmr.review.proposal import Proposal
from napari_cmr.review.reading import Reading
from napari_cmr.review.record import Frame, Kind

Mask = npt.NDArray[np.bool_]
_S = Structure
_WALL = (_S.MYO, _S.INFARCT, _S.MVO)
_WITHIN_EPICARDIUM = (_S.LV, *_WALL)

Shape = Callable[[tuple[Structure, ...]], Mask]
"""Gives where some structures, taken together, lie on a frame."""


def between_slices(
    reading: Reading, phase: int, structures: Iterable[Structure] | None = None
) -> Proposal:
    """Contours on the slices between those that the reader drew or accepted in one phase.

    Parameters
    ----------
    phase
        Zero-based.
    structures
        Which may change; None is all.

    Raises
    ------
    InputError
        If the reader has fewer than two slices in this phase, or none lies between them.
    """
    n_slices = reading.history.shape[1]
    keys = [z for z in range(n_slices) if (phase, z) in reading.history.key_frames()]
    if len(keys) < 2:
        raise InputError(
            f"Correct or accept two slices of phase {phase} at least; there are {len(keys)}."
        )
    where = reading.stack.geometry.positions
    spans = [
        ((phase, a), (phase, b), [((phase, z), _part(where, a, z, b)) for z in range(a + 1, b)])
        for a, b in pairwise(keys)
    ]
    return _proposal(reading, spans, structures, "Between the corrected slices lies no other.")


def between_phases(
    reading: Reading, slice_index: int, structures: Iterable[Structure] | None = None
) -> Proposal:
    """Contours on the phases between those that the reader drew or accepted on one slice.

    The cycle is closed: after the last of them comes the first again.

    Raises
    ------
    InputError
        If the reader has fewer than two phases on this slice, or none lies between them.
    """
    n_phases = reading.history.shape[0]
    own = reading.history.key_frames()
    keys = [t for t in range(n_phases) if (t, slice_index) in own]
    if len(keys) < 2:
        raise InputError(
            f"Correct or accept two phases of slice {slice_index} at least; there are {len(keys)}."
        )
    times = _two_cycles(reading, slice_index)
    spans = []
    for a, b in pairwise([*keys, keys[0] + n_phases]):
        inner = [((t % n_phases, slice_index), _part(times, a, t, b)) for t in range(a + 1, b)]
        spans.append(((a, slice_index), (b % n_phases, slice_index), inner))
    return _proposal(reading, spans, structures, "Between the corrected phases lies no other.")


Span = tuple[Frame, Frame, Sequence[tuple[Frame, float]]]


def _proposal(
    reading: Reading, spans: Sequence[Span], structures: Iterable[Structure] | None, nothing: str
) -> Proposal:
    labels = reading.history.labels
    allowed = tuple(_S) if structures is None else tuple(structures)
    spacing = reading.stack.geometry.pixel_spacing
    frames: dict[Frame, LabelArray] = {}
    for first, last, inner in spans:
        for frame, part in inner:
            mixed = mix(labels[first], labels[last], part, spacing)
            frames[frame] = left_as_it_is(
                labels[frame], mixed, labels[first], labels[last], allowed
            )
    if not frames:
        raise InputError(f"{nothing} Leave out some, or correct others.")
    return Proposal(Kind.INTERPOLATION, frames)


def mix(
    first: LabelArray, last: LabelArray, part: float, spacing: tuple[float, float]
) -> LabelArray:
    """Labels of a frame between two.

    Only structures that both frames have are found between them. The wall is what lies between
    the cavity and the epicardium, each interpolated by itself: a thin ring whose radius changes
    would vanish half-way.

    Parameters
    ----------
    first, last
        ``(y, x)`` in map ``cmr``.
    part
        Where between: 0 is the first, 1 the last.
    spacing
        Row and column step, mm.
    """
    both = {int(v) for v in np.unique(first)} & {int(v) for v in np.unique(last)}
    if not both - {0}:
        return np.zeros(first.shape, np.uint8)
    box = _around((first > 0) | (last > 0))
    mixed = np.zeros(first.shape, np.uint8)
    ends = first[box], last[box]

    def shape(structures: tuple[Structure, ...]) -> Mask:
        one, other = (np.isin(labels, structures) for labels in ends)
        return _shape(one, other, part, spacing)

    mixed[box] = layered(both, shape, ends[0].shape)
    return mixed


def _around(mask: Mask) -> tuple[slice, slice]:
    """The part in which everything lies; distances there are those of the whole."""
    rows, columns = np.nonzero(mask)
    return slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)


def layered(both: set[int], shape: Shape, size: tuple[int, ...]) -> LabelArray:
    """Labels of one frame, put together from the shapes of its structures.

    The wall is what lies between the cavity and the epicardium, each a shape by itself.

    Parameters
    ----------
    both
        Values of the structures that there are.
    shape
        Gives where some structures together lie.
    size
        Rows and columns.
    """
    mixed = np.zeros(size, np.uint8)
    for structure in (_S.RV, _S.LA, _S.RA):
        if structure in both:
            mixed[shape((structure,))] = structure
    if both & set(_WALL):
        mixed[shape(_WITHIN_EPICARDIUM)] = _S.MYO
    for structure in (_S.INFARCT, _S.MVO):
        if structure in both:
            mixed[shape((structure,)) & (mixed == _S.MYO)] = structure
    if _S.LV in both:
        mixed[shape((_S.LV,))] = _S.LV
    return mixed


def left_as_it_is(
    now: LabelArray,
    mixed: LabelArray,
    first: LabelArray,
    last: LabelArray,
    allowed: tuple[Structure, ...],
) -> LabelArray:
    """What becomes of a frame: only structures that may change and that were found change.

    A pixel of any other structure stays, and nothing is drawn over it.
    """
    found = {int(v) for v in np.unique(first)} & {int(v) for v in np.unique(last)}
    changing = [int(s) for s in allowed if s and int(s) in found]
    free = np.isin(now, [0, *changing])
    drawn = np.where(np.isin(mixed, changing), mixed, 0).astype(np.uint8)
    return np.where(free, drawn, now)


def _shape(first: Mask, last: Mask, part: float, spacing: tuple[float, float]) -> Mask:
    """Where the weighted mean of two shapes' signed distances is positive."""
    from scipy import ndimage  # a fifth of a second, which a dock that opens must not wait for

    middles = [np.array(ndimage.center_of_mass(mask)) for mask in (first, last)]
    middle = (1 - part) * middles[0] + part * middles[1]
    distances = [
        ndimage.shift(signed_distance(mask, spacing), middle - own, order=1, mode="nearest")
        for mask, own in zip((first, last), middles, strict=True)
    ]
    inside: Mask = (1 - part) * distances[0] + part * distances[1] > 0
    return inside


def signed_distance(mask: Mask, spacing: tuple[float, float]) -> FloatArray:
    """Distance to the border in mm, positive inside; the border lies between pixels."""
    from scipy import ndimage

    half = min(spacing) / 2
    inner = ndimage.distance_transform_edt(mask, sampling=spacing)
    outer = ndimage.distance_transform_edt(~mask, sampling=spacing)
    signed: FloatArray = np.where(mask, inner - half, half - outer)
    return signed


def _part(where: FloatArray, first: int, here: int, last: int) -> float:
    """How far between two indices an index lies, by their places."""
    length = where[last] - where[first]
    if length == 0:  # places that say nothing: count
        return (here - first) / (last - first)
    return float((where[here] - where[first]) / length)


def _two_cycles(reading: Reading, slice_index: int) -> FloatArray:
    """``(2 t,)`` times of the phases of two cycles; counted where the clock is not known."""
    n_phases = reading.history.shape[0]
    times, rr = reading.stack.times_ms, reading.stack.rr_ms
    if times is not None and rr:
        once = times[:, slice_index]
        if np.isfinite(once).all() and (np.diff([*once, once[0] + rr]) > 0).all():
            return np.concatenate([once, once + rr])
    return np.arange(2 * n_phases, dtype=np.float64)
