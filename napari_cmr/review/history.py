"""Labels and decisions as a fold of the log: live and on reopening the same code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_cmr.core import Finding, InputError, LabelArray
from napari_cmr.measure import Outline
from napari_cmr.review.extent import Extent
from napari_cmr.review.record import (
    LARGE,
    Frame,
    Kind,
    Patch,
    Record,
    Verdict,
    is_step,
    pack,
    unpack,
)

Shape = tuple[int, int, int, int]
Landmark = tuple[int, int, str]
Where = tuple[slice, slice, slice, slice]


class Touch(IntEnum):
    """Whose a pixel is."""

    NOBODY = 0
    AGREED = 1
    """Interpolated or propagated, with the reader's consent."""
    HAND = 2
    """Drawn or erased by the reader."""
    TAKEN = 3
    """On a frame whose labels were taken from a file as a start."""


class State(StrEnum):
    """How far the reading of a stack is."""

    NEW = "new"
    PREDICTED = "predicted"
    CORRECTED = "corrected"
    ACCEPTED = "accepted"
    FLAGGED = "flagged"


_VERDICTS = tuple(Verdict)
_NONE, _ACCEPTED = (_VERDICTS.index(said) for said in (Verdict.NONE, Verdict.ACCEPTED))
_CORRECTIONS = {
    Kind.STROKE: Touch.HAND,
    Kind.INTERPOLATION: Touch.AGREED,
    Kind.PROPAGATION: Touch.AGREED,
}
_TOUCH = _CORRECTIONS | {Kind.START: Touch.TAKEN}
_WITHOUT_NUMBERS = {Kind.VERDICT, Kind.FLAG, Kind.POSITION}


@dataclass(frozen=True)
class _Prediction:
    """What the labels stand on."""

    model: str = ""
    there: bool = False
    findings: tuple[Finding, ...] = ()
    spacing_mm: tuple[float, ...] | None = None
    uncertainty: float | None = None
    frames: frozenset[Frame] | None = None
    """Where it and those before it looked, if not everywhere."""

    def looked_at(self, frames: list[list[int]] | None) -> frozenset[Frame] | None:
        """Where it has been looked with a further prediction of some frames, or of all."""
        if frames is None or (self.there and self.frames is None):
            return None
        return (self.frames or frozenset()) | {(t, z) for t, z in frames}


class _Step(NamedTuple):
    """A record that undo takes back, with what the record itself does not say."""

    record: Record
    touched: npt.NDArray[np.uint8] | bytes
    """Whose the pixels in the record's box were; packed where they are many."""
    verdicts: bytes
    prediction: _Prediction
    extent: Extent
    landmarks: Mapping[Landmark, tuple[float, float]]
    remote: tuple[Outline, ...]


class History:
    """What one reader did to one stack.

    Parameters
    ----------
    shape
        (t, z, y, x) of the stack.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.labels: LabelArray = np.zeros(shape, np.uint8)
        """``(t, z, y, x)`` in map ``cmr``; only `take` writes to it."""
        self.touched: npt.NDArray[np.uint8] = np.zeros(shape, np.uint8)
        """``(t, z, y, x)``, values of `Touch`."""
        self._verdicts = np.zeros(shape[:2], np.uint8)
        self._prediction = _Prediction()
        self.extent = Extent()
        """Which slices count to the volumes."""
        self.landmarks: Mapping[Landmark, tuple[float, float]] = MappingProxyType({})
        """(phase, slice, name) to (row, column) of those that the reader placed."""
        self.ed: int | None = None
        self.es: int | None = None
        self.remote: tuple[Outline, ...] = ()
        """What the reader drew as remote wall; empty where it is chosen automatically."""
        self.position: Frame | None = None
        self.flagged = False
        self.number = 0
        """Of the last record."""
        self.version = 0
        """Grows with each change of labels or phases."""
        self._corrections = 0
        self._starts = 0
        self._done: list[_Step] = []
        self._undone: list[_Step] = []

    @property
    def model(self) -> str:
        """Name and version of the prediction that the labels stand on."""
        return self._prediction.model

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of that prediction."""
        return self._prediction.findings

    @property
    def uncertainty(self) -> float | None:
        """How unsure the model of that prediction was of the whole stack; None where unknown."""
        return self._prediction.uncertainty

    @property
    def spacing_mm(self) -> tuple[float, ...] | None:
        """(slice, row, column) at which that prediction was made; None where unknown."""
        return self._prediction.spacing_mm

    @property
    def has_labels(self) -> bool:
        """Whether anything was found or drawn, an empty answer included."""
        return self._prediction.there or self._corrections + self._starts > 0

    @property
    def state(self) -> State:
        """How far the reading is."""
        if self.flagged:
            return State.FLAGGED
        if (self._verdicts == _ACCEPTED).all():
            return State.ACCEPTED
        if self._corrections or self.landmarks:
            return State.CORRECTED
        return State.PREDICTED if self.has_labels else State.NEW

    @property
    def undoable(self) -> Record | None:
        """What undo would take back."""
        return self._done[-1].record if self._done else None

    @property
    def redoable(self) -> Record | None:
        """What redo would do again."""
        return self._undone[-1].record if self._undone else None

    @property
    def n_steps(self) -> int:
        """How many steps stand."""
        return len(self._done)

    @property
    def steps(self) -> tuple[Record, ...]:
        """What stands, oldest first."""
        return tuple(step.record for step in self._done)

    def verdict(self, frame: Frame) -> Verdict:
        """What the reader said of a frame."""
        return _VERDICTS[int(self._verdicts[frame])]

    def frames_with(self, verdict: Verdict) -> set[Frame]:
        """Frames of which the reader said so."""
        found = np.argwhere(self._verdicts == _VERDICTS.index(verdict))
        return {(int(t), int(z)) for t, z in found}

    def own_frames(self) -> set[Frame]:
        """Frames that the reader drew on or accepted."""
        return self._touched_by(Touch.HAND) | self.frames_with(Verdict.ACCEPTED)

    def key_frames(self) -> set[Frame]:
        """Own frames and those taken from a file: what interpolation starts from and leaves."""
        return self.own_frames() | self._touched_by(Touch.TAKEN)

    def half_looked_at(self) -> tuple[int, ...]:
        """Phases of which a model looked at some slices, and at others neither it nor a reader.

        Slices that are out of the volumes need not be looked at.
        """
        looked = self._prediction.frames
        if looked is None:
            return ()
        n_slices = self.shape[1]
        wanted = set(range(n_slices)) - set(self.extent.left_out(n_slices))
        seen = looked | self.key_frames()
        phases = sorted({t for t, _ in looked})
        return tuple(t for t in phases if any((t, z) not in seen for z in wanted))

    def protected(self, where: tuple[slice, ...] = (slice(None),) * 4) -> npt.NDArray[np.bool_]:
        """``(t, z, y, x)`` pixels that a new prediction leaves alone unless told otherwise.

        Parameters
        ----------
        where
            The part that is asked for.
        """
        accepted = self._verdicts[where[:2]] == _ACCEPTED
        protected: npt.NDArray[np.bool_] = (self.touched[where] > 0) | accepted[:, :, None, None]
        return protected

    def _touched_by(self, touch: Touch) -> set[Frame]:
        found = np.argwhere((self.touched == touch).any(axis=(2, 3)))
        return {(int(t), int(z)) for t, z in found}

    def take(self, record: Record) -> None:
        """Fold one record in.

        Raises
        ------
        InputError
            If the record does not follow on what was folded before.
        """
        if record.number != self.number + 1:
            raise _damaged(record)
        if record.kind is Kind.UNDO:
            self._undo(record)
        elif record.kind is Kind.REDO:
            self._redo(record)
        elif is_step(record):
            self._do(record)
            self._undone.clear()
        else:
            self._note(record)
        self.number = record.number
        self.version += record.kind not in _WITHOUT_NUMBERS

    def _do(self, record: Record) -> None:
        self._done.append(self._step(record))
        self._corrections += record.kind in _CORRECTIONS
        self._starts += record.kind is Kind.START
        if record.patch is not None:
            self._apply(record, record.patch)
        if record.kind is Kind.START:
            self._mark_taken(record)
        if record.kind is Kind.SLICES:
            self.extent = Extent.from_dict(record.body)
        if record.kind is Kind.LANDMARK:
            self._place(record)
        if record.kind is Kind.REMOTE:
            self.remote = outlines_of(record)
        if record.kind is Kind.VERDICT:
            verdict = _VERDICTS.index(Verdict(record.body["verdict"]))
            for frame in record.body["frames"]:
                self._verdicts[tuple(frame)] = verdict
        if record.kind is Kind.PREDICTION:
            spacing = record.body.get("spacing_mm")
            self._prediction = _Prediction(
                record.body["made_by"],
                record.body["there"],
                tuple(Finding(*parts) for parts in record.body["findings"]),
                None if spacing is None else tuple(spacing),
                record.body.get("uncertainty"),
                self._prediction.looked_at(record.body.get("frames")),
            )

    def _step(self, record: Record) -> _Step:
        touched: npt.NDArray[np.uint8] | bytes = b""
        if record.patch is not None:
            here = self.touched[record.patch.where]
            touched = pack(here) if here.size > LARGE else here.copy()
        verdicts = self._verdicts.tobytes()
        return _Step(
            record,
            touched,
            verdicts,
            self._prediction,
            self.extent,
            self.landmarks,
            self.remote,
        )

    def _place(self, record: Record) -> None:
        ((phase, index),) = record.body["frames"]
        row, column = record.body["at"]
        placed = {(phase, index, record.body["name"]): (float(row), float(column))}
        self.landmarks = MappingProxyType({**self.landmarks, **placed})
        # A frame that was judged and then changed waits for its verdict again.
        self._verdicts[phase, index] = _NONE

    def _apply(self, record: Record, patch: Patch) -> None:
        before, after = patch.labels()
        where = patch.where
        self._put(record, where, expected=before, labels=after)
        changed = before != after
        self.touched[where][changed] = _TOUCH.get(record.kind, Touch.NOBODY)
        # A frame that was judged and then changed waits for its verdict again.
        self._verdicts[where[:2]][changed.any(axis=(2, 3))] = _NONE

    def _mark_taken(self, record: Record) -> None:
        """A frame that was given is known as a whole, its background too."""
        for frame in record.body["frames"]:
            pixels = self.touched[tuple(frame)]
            pixels[pixels == Touch.NOBODY] = Touch.TAKEN

    def _put(
        self, record: Record, where: Where, *, expected: LabelArray, labels: LabelArray
    ) -> None:
        here = self.labels[where]
        if here.shape != expected.shape or (here != expected).any():
            raise _damaged(record)
        here[...] = labels

    def _undo(self, record: Record) -> None:
        if not self._done or self._done[-1].record.number != record.body["of"]:
            raise _damaged(record)
        step = self._done.pop()
        self._corrections -= step.record.kind in _CORRECTIONS
        self._starts -= step.record.kind is Kind.START
        patch = step.record.patch
        if patch is not None:
            before, after = patch.labels()
            self._put(record, patch.where, expected=after, labels=before)
            touched = step.touched
            if isinstance(touched, bytes):
                touched = unpack(touched, patch.shape)
            self.touched[patch.where] = touched
        self._verdicts = np.frombuffer(step.verdicts, np.uint8).reshape(self.shape[:2]).copy()
        self._prediction, self.extent = step.prediction, step.extent
        self.landmarks = step.landmarks
        if step.record.kind is Kind.REMOTE:  # notes of early logs are no part of other steps
            self.remote = step.remote
        self._undone.append(step)

    def _redo(self, record: Record) -> None:
        if not self._undone or self._undone[-1].record.number != record.body["of"]:
            raise _damaged(record)
        self._do(self._undone.pop().record)

    def _note(self, record: Record) -> None:
        if record.kind is Kind.PHASES:
            self.ed, self.es = record.body["ed"], record.body["es"]
        elif record.kind is Kind.REMOTE:
            self.remote = outlines_of(record)
        elif record.kind is Kind.POSITION:
            self.position = (record.body["phase"], record.body["slice"])
        elif record.kind is Kind.FLAG:
            self.flagged = record.body["flagged"]


def outlines_of(record: Record) -> tuple[Outline, ...]:
    """What a record of a remote wall says was drawn."""
    return tuple(
        Outline(int(index), tuple((float(y), float(x)) for y, x in corners), bool(is_round))
        for index, corners, is_round in record.body["outlines"]
    )


def _damaged(record: Record) -> InputError:
    return InputError(
        f"The project's log does not fit itself at change {record.number}; "
        "restore the project from a copy."
    )
