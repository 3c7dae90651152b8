"""Records that a reader's actions make: checked, ready to be folded and logged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from napari_cmr.core import InputError, LabelArray, Segmentation, Structure
from napari_cmr.measure import Outline
from napari_cmr.review.extent import Extent
from napari_cmr.review.given_labels import GivenLabels
from napari_cmr.review.proposal import Proposal
from napari_cmr.review.reading import Reading
from napari_cmr.review.record import (
    Box,
    Frame,
    Kind,
    Patch,
    Record,
    Verdict,
    changed_box,
    inside,
    now,
)
from napari_cmr.review.shaping import kept_to

_LAST = max(Structure)


def record_of(
    reading: Reading,
    reader: str,
    kind: Kind,
    patch: Patch | None = None,
    **body: Any,
) -> Record:
    """The next record of a reading, made on the prediction that its labels stand on."""
    history = reading.history
    model = body.get("made_by", history.model)
    return Record(reading.key, reader, history.number + 1, now(), kind, model, patch, body)


def stroke(
    reading: Reading,
    reader: str,
    box: Box,
    labels: LabelArray,
    *,
    only: Structure | None = None,
    tool: str = "",
) -> Record | None:
    """Labels of a box as a reader drew them; None if they are as they were."""
    _check(box, labels, reading.history.shape)
    patch = _patch(reading, box, kept_to(reading.history.labels[inside(box)], labels, only))
    body = {"tool": tool} if tool else {}
    return None if patch is None else record_of(reading, reader, Kind.STROKE, patch, **body)


def _check(box: Box, labels: LabelArray, shape: tuple[int, ...]) -> None:
    for (start, stop), size in zip(box, shape, strict=True):
        if not 0 <= start < stop <= size:
            raise InputError(f"The box {box} does not lie in the stack, which is {shape}.")
    (t, t_end), (z, z_end), (y, y_end), (x, x_end) = box
    extent = (t_end - t, z_end - z, y_end - y, x_end - x)
    if labels.shape != extent or labels.dtype != np.uint8:
        raise InputError(f"Labels of the box must be uint8 of shape {extent}.")
    if labels.max(initial=0) > _LAST:
        raise InputError(f"There is no structure {labels.max()}; choose a label from 1 to {_LAST}.")


def start(reading: Reading, reader: str, given: GivenLabels) -> Record:
    """Labels that exist already; pixels that the reader made or agreed to stay."""
    history = reading.history
    if given.labels.shape != history.shape:
        raise InputError("The labels are not on the grid of the stack; give labels of this stack.")
    t, z = ((min(axis), max(axis) + 1) for axis in zip(*given.frames, strict=True))
    box: Box = (t, z, (0, history.shape[2]), (0, history.shape[3]))
    where = inside(box)
    is_given = np.zeros(history.shape[:2], np.bool_)
    is_given[tuple(np.transpose(list(given.frames)))] = True
    changing = is_given[where[:2]][:, :, None, None] & ~history.protected(where)
    after = np.where(changing, given.labels[where], history.labels[where])
    patch = Patch.of(box, history.labels[where], after)
    frames = [list(frame) for frame in sorted(given.frames)]
    return record_of(reading, reader, Kind.START, patch, frames=frames, source=given.source)


def slices(reading: Reading, reader: str, extent: Extent, at: Frame) -> Record | None:
    """Which slices count to the volumes; None if that is so already."""
    if extent == reading.history.extent:
        return None
    extent.check(reading.history.shape[1])
    return record_of(reading, reader, Kind.SLICES, at=list(at), **extent.as_dict())


def landmark(
    reading: Reading, reader: str, frame: Frame, name: str, at: tuple[float, float]
) -> Record | None:
    """Where a reader puts a landmark, (row, column); None if it is there already."""
    if reading.history.landmarks.get((*frame, name)) == at:
        return None
    return record_of(
        reading, reader, Kind.LANDMARK, frames=[list(frame)], name=name, at=[float(v) for v in at]
    )


def remote(reading: Reading, reader: str, outlines: tuple[Outline, ...]) -> Record | None:
    """What a reader draws as remote wall, none of it where it is to be chosen; None if so already.

    Its frames are the slices drawn on, or those that the region before was drawn on.
    """
    before = reading.history.remote
    if outlines == before:
        return None
    frames = [[0, index] for index in sorted({one.index for one in outlines or before})]
    said = [[one.index, one.corners, one.is_round] for one in outlines]
    return record_of(reading, reader, Kind.REMOTE, outlines=said, frames=frames)


def prediction(
    reading: Reading,
    reader: str,
    found: Segmentation,
    *,
    over_expert: bool,
    taken_off: bool = False,
    frames: Iterable[Frame] | None = None,
) -> Record:
    """A prediction on the stack; pixels that a reader made or agreed to stay unless told.

    One that is taken off leaves the stack as if it had not been segmented. ``frames`` are those
    that it looked at, if not at all.
    """
    history = reading.history
    if found.labels.shape != history.shape:
        raise InputError("The prediction is not on the grid of the stack; predict it again.")
    box, patch = changed_box(history.labels, found.labels), None
    if box is not None:
        where = inside(box)
        labels = found.labels[where]
        if not over_expert:
            labels = np.where(history.protected(where), history.labels[where], labels)
        patch = _patch(reading, box, labels)
    geometry = reading.stack.geometry
    return record_of(
        reading,
        reader,
        Kind.PREDICTION,
        patch,
        made_by=found.model,
        there=not taken_off,
        findings=[[f.code, f.message, f.action] for f in found.findings],
        spacing_mm=list(geometry.spacing) if geometry.spacing_known else None,
        over_expert=over_expert,
        uncertainty=None if found.uncertainty is None else found.uncertainty.study,
        **({} if frames is None else {"frames": [[int(t), int(z)] for t, z in frames]}),
    )


def proposed(
    reading: Reading, reader: str, proposal: Proposal, frames: Iterable[Frame] | None
) -> Record | None:
    """Some or all frames of a proposal, as one step; None if they change nothing.

    A frame that the reader has drawn on, accepted or taken as a start, even since the proposal,
    stays.
    """
    history = reading.history
    chosen = proposal.only(frames).without(history.key_frames())
    labels = history.labels.copy()
    for frame, drawn in chosen.frames.items():
        labels[frame] = drawn
    box = changed_box(history.labels, labels)
    if box is None:
        return None
    where = inside(box)
    patch = Patch.of(box, history.labels[where], labels[where])
    return record_of(
        reading, reader, proposal.kind, patch, frames=[list(f) for f in sorted(chosen.frames)]
    )


def verdict(reading: Reading, reader: str, frames: Iterable[Frame], said: Verdict) -> Record | None:
    """What a reader says of frames; None if that was said already."""
    phases, slices = reading.history.shape[:2]
    news = []
    for phase, index in frames:
        if not (0 <= phase < phases and 0 <= index < slices):
            raise InputError(f"There is no phase {phase}, slice {index} in the stack.")
        if reading.history.verdict((phase, index)) is not said:
            news.append([phase, index])
    if not news:
        return None
    return record_of(reading, reader, Kind.VERDICT, frames=news, verdict=said.value)


def _patch(reading: Reading, box: Box, labels: LabelArray) -> Patch | None:
    """The part of a box in which labels change."""
    before = reading.history.labels[inside(box)]
    inner = changed_box(before, labels)
    if inner is None:
        return None
    (t, _), (z, _), (y, _), (x, _) = box
    (t0, t1), (z0, z1), (y0, y1), (x0, x1) = inner
    changed: Box = ((t + t0, t + t1), (z + z0, z + z1), (y + y0, y + y1), (x + x0, x + x1))
    cut = inside(inner)
    return Patch.of(changed, before[cut], labels[cut])
