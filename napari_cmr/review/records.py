"""Who did what to a study, for its report: what stands, in few lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from napari_cmr.core import Structure
from napari_cmr.report import ReviewRecord
from napari_cmr.report.reviewing import TAKEN_BACK
from napari_cmr.review.history import History
from napari_cmr.review.project import Project
from napari_cmr.review.reading import replay
from napari_cmr.review.record import Frame, Kind, Record, Verdict, is_step

_ACTIONS = {
    Kind.STROKE: "corrected by hand",
    Kind.PREDICTION: "segmented",
    Kind.INTERPOLATION: "accepted an interpolation",
    Kind.PROPAGATION: "accepted a propagation",
    Kind.START: "started from given labels",
    Kind.SLICES: "marked the slices that count",
    Kind.LANDMARK: "placed a landmark",
    Kind.FLAG: "flagged",
    Kind.PHASES: "set ED and ES",
    Kind.REMOTE: "drew the remote wall",
}


def review_records(project: Project, stack: str) -> list[ReviewRecord]:
    """What readers did to a stack and what of it stands, oldest first.

    What was undone is left out. Steps of one reader, one kind and one model that follow each
    other are one record.

    Parameters
    ----------
    stack
        Its key; see `stack_key`. Of a session: ``session.reading.key``.
    """
    info = next((info for info in project.stacks() if info.key == stack), None)
    if info is None:
        return []
    by_reader: dict[str, list[Record]] = {}
    for record in project.records(stack):
        by_reader.setdefault(record.reader, []).append(record)
    found: list[ReviewRecord] = []
    for records in by_reader.values():
        history = replay(records, info.shape)
        steps = [step for step in history.steps if step.kind is not Kind.REMOTE]
        standing = [*steps, *_last_notes(records, history)]
        found += _together(_one(r) for r in sorted(standing, key=lambda r: r.number))
    return sorted(found, key=_when)


def _last_notes(records: Sequence[Record], history: History) -> list[Record]:
    """The notes that hold: a flag that is still there, the last ED and ES, the remote wall."""
    last = {record.kind: record for record in records}
    notes = []
    if history.flagged:
        notes.append(last[Kind.FLAG])
    if history.ed is not None or history.es is not None:
        notes.append(last[Kind.PHASES])
    if history.remote:
        drawn = [step for step in history.steps if step.kind is Kind.REMOTE]
        early = [r for r in records if r.kind is Kind.REMOTE and not is_step(r)]
        notes.append([*early, *drawn][-1])
    return notes


def _one(record: Record) -> ReviewRecord:
    at = datetime.fromisoformat(record.at)
    structures, frames = _changed(record)
    if record.kind is Kind.VERDICT:
        frames = tuple((int(t), int(z)) for t, z in record.body["frames"])
    return ReviewRecord(record.reader, _action(record), structures, frames, at, at, record.model)


def _action(record: Record) -> str:
    if record.kind is not Kind.VERDICT:
        return _ACTIONS[record.kind]
    said = Verdict(record.body["verdict"])
    return TAKEN_BACK if said is Verdict.NONE else said.value


def _when(record: ReviewRecord) -> datetime:
    return record.began or datetime.max.replace(tzinfo=UTC)


def _changed(record: Record) -> tuple[tuple[str, ...], tuple[Frame, ...]]:
    if record.patch is None:
        return (), ()
    before, after = record.patch.labels()
    different = before != after
    values = np.union1d(before[different], after[different])
    (phase, _), (index, _), *_ = record.patch.box
    frames = np.argwhere(different.any(axis=(2, 3)))
    return (
        tuple(Structure(int(v)).title for v in values if v),
        tuple((phase + int(t), index + int(z)) for t, z in frames),
    )


def _together(records: Iterable[ReviewRecord]) -> list[ReviewRecord]:
    found: list[ReviewRecord] = []
    for record in records:
        last = found[-1] if found else None
        if last is None or (last.action, last.model) != (record.action, record.model):
            found.append(record)
            continue
        found[-1] = replace(
            last,
            structures=tuple(dict.fromkeys(last.structures + record.structures)),
            frames=tuple(sorted({*last.frames, *record.frames})),
            ended=record.ended,
            steps=last.steps + 1,
        )
    return found
