"""Carries what a reader draws and decides to the session, and back into the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from qtpy.QtCore import QObject, QTimer, Signal

from napari_cmr.core import InputError, LabelArray
from napari_cmr.review import (
    Box,
    Corrected,
    Event,
    Judged,
    Kind,
    Project,
    ProjectChosen,
    Proposal,
    Record,
    ReviewSession,
    StudyOpened,
    Undone,
    Verdict,
    between_phases,
    between_slices,
)
from napari_cmr.ui.brush import Brush
from napari_cmr.ui.keys import Keys
from napari_cmr.ui.review_panel import ReviewPanel
from napari_cmr.ui.stage import Stage

NUMBERS_MS = 200
"""A pause in drawing after which the numbers follow; counting a cine would slow the brush."""
POSITION_MS = 400
"""How long a reader stays somewhere before it is a place to come back to."""

_NAMES = {
    Kind.STROKE: "a stroke",
    Kind.PREDICTION: "a prediction",
    Kind.INTERPOLATION: "an interpolation",
    Kind.PROPAGATION: "a propagation",
    Kind.VERDICT: "a verdict",
}


class Panels(Protocol):
    """Where corrections draw."""

    review: ReviewPanel

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Show one sentence; an empty one takes the last away."""


class _Post(QObject):
    """Brings what the log's thread says into the window's."""

    trouble = Signal(str)


class Corrections:
    """Connects the brush, the keys and the review panel with the session.

    Parameters
    ----------
    viewer
        The napari viewer.
    session, stage, panels
        What is reviewed, where it is drawn, and where it is said.
    keys
        Where the keys are bound.
    parent
        What the timers end with.
    show_numbers
        Draws the session's numbers anew.
    """

    def __init__(
        self,
        viewer: Any,
        session: ReviewSession,
        stage: Stage,
        panels: Panels,
        keys: Keys,
        parent: QObject,
        show_numbers: Callable[[], None],
    ) -> None:
        self.proposal: Proposal | None = None
        self._viewer, self._session, self._stage, self._panels = viewer, session, stage, panels
        self._brush: Brush | None = None
        self._post = _Post(parent)
        self._post.trouble.connect(panels.review.show_trouble)
        self._numbers = _timer(parent, NUMBERS_MS, show_numbers)
        self._position = _timer(parent, POSITION_MS, self._note_position)
        self._keys = keys
        for name, title, key, act in (
            ("undo", "take back the last step", "Ctrl+Z", self.undo),
            ("redo", "do it again", "Ctrl+Shift+Z", self.redo),
            ("accept-slice", "accept this slice in this phase", "A", self.accept_frame),
            ("reject-slice", "reject this slice in this phase", "R", self.reject_frame),
            ("accept-all", "accept every slice in every phase", "Shift+A", self.accept_all),
        ):
            keys.add(name, title, key, act)
        self._connect(panels.review)
        self._listen()

    def close(self) -> None:
        """Let go of the viewer, and see that everything is on the disk."""
        self._let_go()
        self._session.project.close()

    def on_changed(self, event: Event) -> None:
        """Draw what happened to the session."""
        match event:
            case Corrected(box=box):
                self._stage.show_labels(self._labels(), box)
                self._numbers.start()
            case Undone(step=step, again=again):
                self._show_step(step, again=again)
            case StudyOpened():
                self.hear()
            case ProjectChosen():
                self._listen()
        if not isinstance(event, Judged):
            self._drop_proposal()
        self.show_state()

    def show_stack(self) -> None:
        """A stack came on show: hear its brush, and go where the reader was last."""
        self.hear()
        reading = self._session.reading
        if reading is not None and reading.history.position is not None:
            phase, index = reading.history.position
            self._stage.go_to(phase=phase, slice_index=index)

    def hear(self) -> None:
        """Listen to the brush on the contours that are there now, and to no other."""
        layer = self._stage.contours
        if self._brush is not None and self._brush.layer is layer:
            return
        self._let_go()
        if layer is not None:
            self._brush = Brush(layer, self._stroke)
            self._keys.also_on(layer)  # the layer's own Ctrl+Z is napari's

    def moved(self) -> None:
        """The reader went to another place."""
        self._position.start()

    def show_state(self) -> None:
        """Draw how far the review is."""
        reading, panel = self._session.reading, self._panels.review
        history = None if reading is None else reading.history
        panel.show_state(self._session.state, 0 if history is None else history.n_steps)
        panel.set_can(
            has_stack=history is not None,
            has_labels=history is not None and history.has_labels,
            undo=history is not None and history.undoable is not None,
            redo=history is not None and history.redoable is not None,
        )

    def draw(self) -> None:
        """Take the brush; on a stack without contours it begins with none."""
        if self._session.reading is not None:
            self._stage.start_drawing(self._labels())
            self.hear()

    def undo(self) -> None:
        """Take back the last step."""
        self._try(self._session.undo)

    def redo(self) -> None:
        """Do again what was taken back."""
        self._try(self._session.redo)

    def accept_frame(self) -> None:
        """Say that the slice and phase on show are right."""
        self._judge_here(Verdict.ACCEPTED)

    def reject_frame(self) -> None:
        """Say that the slice and phase on show are wrong."""
        self._judge_here(Verdict.REJECTED)

    def accept_all(self) -> None:
        """Say that every slice in every phase is right."""
        self._try(lambda: self._session.judge(None, Verdict.ACCEPTED))

    def propose(self, *, in_time: bool) -> None:
        """Preview an interpolation between slices of this phase, or phases of this slice."""
        reading = self._session.reading
        if reading is None:
            return
        try:
            self.proposal = (
                between_phases(reading, self._stage.slice)
                if in_time
                else between_slices(reading, self._stage.phase)
            )
        except InputError as error:
            self._panels.say(str(error), error=True)
        else:
            self._panels.say("A preview is shown; nothing is changed until you take it.")
            self._show_proposal()

    def take(self, *, here: bool) -> None:
        """Keep a preview, as a whole or on the slice and phase on show."""
        proposal = self.proposal
        if proposal is None:
            return
        frames = self._decided(proposal, here=here)
        if self._try(lambda: self._session.accept_proposal(proposal, frames)):
            self.proposal = proposal
            self.leave(here=here)

    def leave(self, *, here: bool) -> None:
        """Drop a preview, as a whole or on the slice and phase on show."""
        if self.proposal is not None:
            self.proposal = self.proposal.without(self._decided(self.proposal, here=here))
            self._show_proposal()

    def use_project(self, folder: Path) -> None:
        """Keep the work in another folder."""
        old = self._session.project
        try:
            new = Project.open(folder)
            try:
                self._session.use_project(new)
            except InputError:
                new.close()
                raise
        except InputError as error:
            self._panels.say(str(error), error=True)
        else:
            old.close()

    def save_elsewhere(self, folder: Path) -> None:
        """Write all work into a folder and go on there."""
        if self._try(lambda: self._session.save_elsewhere(folder)):
            self._panels.say(f"All work is saved in {folder}, and what follows will be too.")

    def _connect(self, panel: ReviewPanel) -> None:
        panel.draw_wanted.connect(self.draw)
        panel.undo_wanted.connect(self.undo)
        panel.redo_wanted.connect(self.redo)
        panel.accept_frame_wanted.connect(self.accept_frame)
        panel.reject_frame_wanted.connect(self.reject_frame)
        panel.accept_all_wanted.connect(self.accept_all)
        panel.flag_wanted.connect(lambda on: self._try(lambda: self._session.flag(on)))
        panel.slices_wanted.connect(lambda: self.propose(in_time=False))
        panel.phases_wanted.connect(lambda: self.propose(in_time=True))
        panel.take_here_wanted.connect(lambda: self.take(here=True))
        panel.take_all_wanted.connect(lambda: self.take(here=False))
        panel.leave_here_wanted.connect(lambda: self.leave(here=True))
        panel.leave_all_wanted.connect(lambda: self.leave(here=False))
        panel.project_wanted.connect(self.use_project)
        panel.save_wanted.connect(self.save_elsewhere)

    def _listen(self) -> None:
        """Hear from the project that the disk refuses, as soon as it does."""
        project = self._session.project
        project.told = self._post.trouble.emit
        self._panels.review.show_trouble(project.trouble)
        self._panels.review.show_project(project.folder, self._session.reader)

    def _let_go(self) -> None:
        if self._brush is not None:
            self._brush.close()
            self._keys.forget(self._brush.layer)
        self._brush = None

    def _labels(self) -> LabelArray:
        if self._session.reading is None:
            raise RuntimeError("labels were asked for before a stack was chosen")
        return self._session.reading.history.labels

    def _stroke(self, box: Box, labels: LabelArray) -> None:
        try:
            self._session.correct(box, labels)
        except InputError as error:
            self._panels.say(str(error), error=True)
            # Some tools write only after they have told of it.
            QTimer.singleShot(0, self._show_labels_again)

    def _show_labels_again(self) -> None:
        if self._session.reading is not None:
            self._stage.show_labels(self._labels())

    def _show_step(self, step: Record, *, again: bool) -> None:
        done = "Did again" if again else "Took back"
        frames = _frames(step)
        if step.patch is not None:
            self._stage.show_labels(self._labels(), step.patch.box)
        if frames and (self._stage.phase, self._stage.slice) not in frames:
            self._stage.go_to(phase=frames[0][0], slice_index=frames[0][1])
        where = f"phase {frames[0][0]}, slice {frames[0][1]}" if frames else "no frame"
        more = f" and {len(frames) - 1} more" if len(frames) > 1 else ""
        self._panels.say(f"{done} {_NAMES[step.kind]} at {where}{more}.")
        self._numbers.start()

    def _show_proposal(self) -> None:
        frames = {} if self.proposal is None else self.proposal.frames
        if not frames:
            self.proposal = None
        self._stage.show_preview(frames)
        self._panels.review.show_proposal(len(frames))

    def _drop_proposal(self) -> None:
        if self.proposal is not None:
            self.proposal = None
            self._show_proposal()

    def _decided(self, proposal: Proposal, *, here: bool) -> list[tuple[int, int]]:
        frame = (self._stage.phase, self._stage.slice)
        return [f for f in proposal.frames if not here or f == frame]

    def _judge_here(self, said: Verdict) -> None:
        frame = (self._stage.phase, self._stage.slice)
        if self._try(lambda: self._session.judge([frame], said)):
            self._panels.say(f"Phase {frame[0]}, slice {frame[1]} is {said.value}.")

    def _note_position(self) -> None:
        if self._session.reading is not None and self._stage.image is not None:
            self._session.note_position(self._stage.phase, self._stage.slice)

    def _try(self, intention: Callable[[], object]) -> bool:
        self._panels.say("")
        try:
            intention()
        except InputError as error:
            self._panels.say(str(error), error=True)
            return False
        return True


def _frames(step: Record) -> list[tuple[int, int]]:
    """(phase, slice) that a step changed or judged."""
    if step.patch is None:
        return [(int(t), int(z)) for t, z in step.body.get("frames", [])]
    before, after = step.patch.labels()
    (first_phase, _), (first_slice, _), *_ = step.patch.box
    changed = (before != after).any(axis=(2, 3)).nonzero()
    return [(first_phase + int(t), first_slice + int(z)) for t, z in zip(*changed, strict=True)]


def _timer(parent: QObject, milliseconds: int, then: Callable[[], None]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(then)
    return timer
