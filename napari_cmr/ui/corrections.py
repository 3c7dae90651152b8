"""Carries what a reader draws and decides to the session, and back into the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from qtpy.QtCore import QTimer

from napari_cmr.core import InputError, LabelArray
from napari_cmr.review import (
    Box,
    Corrected,
    Event,
    Extent,
    Frame,
    Judged,
    Kind,
    ProjectChosen,
    Record,
    ReviewSession,
    SlicesMarked,
    StudyOpened,
    Undone,
    Verdict,
)
from napari_cmr.review.acted import Acted
from napari_cmr.review.record import inside
from napari_cmr.ui.brush import Brush
from napari_cmr.ui.flash import Flash
from napari_cmr.ui.keeping import Keeping
from napari_cmr.ui.keys import Keys
from napari_cmr.ui.proposals import Proposals
from napari_cmr.ui.review_panel import ReviewPanel
from napari_cmr.ui.slice_note import SliceNote, note
from napari_cmr.ui.stage import Stage
from napari_cmr.ui.task_runner import TaskRunner
from napari_cmr.ui.tools import Tools

NUMBERS_MS = 200
"""A pause in drawing after which the numbers follow; counting a cine would slow the brush."""
POSITION_MS = 400
"""How long a reader stays somewhere before it is a place to come back to."""

_NAMES = {
    Kind.STROKE: "stroke",
    Kind.PREDICTION: "prediction",
    Kind.INTERPOLATION: "interpolation",
    Kind.PROPAGATION: "propagation",
    Kind.START: "start from given labels",
    Kind.SLICES: "mark of slices",
    Kind.LANDMARK: "place of a landmark",
    Kind.REMOTE: "remote wall",
    Kind.VERDICT: "verdict",
}


class Panels(Protocol):
    """Where corrections draw."""

    review: ReviewPanel

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Show one sentence; an empty one takes the last away."""


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
    runner
        Does what takes long; the timers end with it.
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
        runner: TaskRunner,
        show_numbers: Callable[[], None],
    ) -> None:
        panel = panels.review
        self._session, self._stage, self._panels, self._runner = session, stage, panels, runner
        self._brush: Brush | None = None
        self._in_stroke = False
        self._keys = keys
        self._note = SliceNote(viewer)
        self.flash = Flash(viewer, stage, runner)
        self.keeping = Keeping(session, panel, runner, panels.say)
        self.tools = Tools(session, stage, panel.tools, keys, self.draw, panels.say)
        self.proposals = Proposals(
            session, stage, panel, runner, lambda: self.tools.only, panels.say
        )
        self._numbers = _timer(runner, NUMBERS_MS, show_numbers)
        self._position = _timer(runner, POSITION_MS, self._note_position)
        self._add_keys()
        self._connect(panel)

    def close(self) -> None:
        """Let go of the viewer, and see that everything is on the disk."""
        self._let_go()
        self._note.remove()
        self.flash.remove()
        self._session.project.close()

    def on_changed(self, event: Event) -> None:
        """Draw what happened to the session; after a stroke `show_state` is still to be called."""
        match event:
            case Corrected(box=box):
                if not self._in_stroke:  # what the brush drew is on the layer already
                    self._stage.show_labels(self._labels(), box)
                self._numbers.start()
                self.proposals.drop()
                return
            case Undone(step=step, again=again):
                self._show_step(step, again=again)
            case SlicesMarked():
                self._numbers.start()
            case StudyOpened():
                self.flash.hide()
                self.hear()
            case ProjectChosen():
                self.keeping.listen()
        if not isinstance(event, Judged | SlicesMarked):
            self.proposals.drop()
        self.show_state()

    def show_stack(self) -> None:
        """A stack came on show: hear its brush, and go where the reader was last."""
        self.flash.hide()
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
        self.tools.hear(layer)

    def moved(self) -> None:
        """The reader went to another place."""
        self._position.start()
        self._show_here()
        self.flash.draw()
        self.proposals.moved()

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
        self._show_here()

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

    def mark_base(self) -> None:
        """Say that the slice on show is the outermost at the base."""
        self._mark(lambda extent, index, _: extent.with_base(index))

    def mark_apex(self) -> None:
        """Say that the slice on show is the outermost at the apex."""
        self._mark(lambda extent, index, _: extent.with_apex(index))

    def turn_slice(self) -> None:
        """Take the slice on show out of the volumes, or put it in again."""
        self._mark(lambda extent, index, n_slices: extent.turned(index, n_slices))

    def count_all(self) -> None:
        """Take all marks off: every slice counts."""
        self._mark(lambda *_: Extent())

    def start_from(self, path: Path, label_map: str) -> None:
        """Take labels or contours that exist already."""
        self._try(lambda: self._runner.start(self._session.starting_from_file(path, label_map)))

    def _connect(self, panel: ReviewPanel) -> None:
        panel.undo_wanted.connect(self.undo)
        panel.redo_wanted.connect(self.redo)
        panel.accept_frame_wanted.connect(self.accept_frame)
        panel.reject_frame_wanted.connect(self.reject_frame)
        panel.accept_all_wanted.connect(self.accept_all)
        panel.flag_wanted.connect(lambda on: self._try(lambda: self._session.flag(on)))
        panel.base_wanted.connect(self.mark_base)
        panel.apex_wanted.connect(self.mark_apex)
        panel.turn_wanted.connect(self.turn_slice)
        panel.all_slices_wanted.connect(self.count_all)
        panel.start_wanted.connect(self.start_from)

    def _add_keys(self) -> None:
        for name, title, key, act in (
            ("undo", "take back the last step", "Ctrl+Z", self.undo),
            ("redo", "do it again", "Ctrl+Shift+Z", self.redo),
            ("accept-slice", "accept this slice in this phase", "A", self.accept_frame),
            ("reject-slice", "reject this slice in this phase", "R", self.reject_frame),
            ("accept-all", "accept every slice in every phase", "Shift+A", self.accept_all),
            ("slice-out", "take this slice out of the volumes, or in", "O", self.turn_slice),
            ("base", "this slice is the base", "Shift+B", self.mark_base),
            ("apex", "this slice is the apex", "Shift+X", self.mark_apex),
        ):
            self._keys.add(name, title, key, act)

    def _let_go(self) -> None:
        self.tools.let_go()
        if self._brush is not None:
            self._brush.close()
            self._keys.forget(self._brush.layer)
        self._brush = None

    def _labels(self) -> LabelArray:
        if self._session.reading is None:
            raise RuntimeError("labels were asked for before a stack was chosen")
        return self._session.reading.history.labels

    def _stroke(self, box: Box, labels: LabelArray) -> None:
        only = self.tools.only
        taken = only is None
        self._in_stroke = True
        try:
            self._session.correct(box, labels, only=only)
        except InputError as error:
            taken = False
            self._panels.say(str(error), error=True)
        finally:
            self._in_stroke = False
        if not taken and (self._labels()[inside(box)] != labels).any():
            self._stage.show_labels(self._labels(), box)
            # Some tools write only after they have told of it.
            QTimer.singleShot(0, self._show_labels_again)

    def _show_labels_again(self) -> None:
        if self._session.reading is not None:
            self._stage.show_labels(self._labels())

    def _show_step(self, step: Record, *, again: bool) -> None:
        done = "Did again" if again else "Took back"
        rows, columns = self._labels().shape[-2:]
        acted = Acted(step, (rows, columns))
        frames = acted.frames
        if step.patch is not None:
            self._stage.show_labels(self._labels(), step.patch.box)
        if frames and (self._stage.phase, self._stage.slice) not in frames:
            self._stage.go_to(phase=frames[0][0], slice_index=frames[0][1])
        where = f"phase {frames[0][0]}, slice {frames[0][1]}" if frames else "no frame"
        more = f" and {len(frames) - 1} more" if len(frames) > 1 else ""
        what = step.body.get("tool") or _NAMES[step.kind]
        article = "an" if what[0] in "aeiou" else "a"
        self._panels.say(f"{done} {article} {what} at {where}{more}.")
        self.flash.show(acted)
        self._numbers.start()

    def _show_here(self) -> None:
        """Say what was said of the frame on show."""
        reading = self._session.reading
        if reading is None or self._stage.image is None:
            self._note.show("")
            return
        phase, index = self._here()
        said = note(reading.history, phase, index)
        self._note.show(said)
        self._panels.review.show_frame(phase, index, said)

    def _mark(self, how: Callable[[Extent, int, int], Extent]) -> None:
        reading = self._session.reading
        if reading is None:
            return
        history, here = reading.history, self._here()

        def mark() -> None:
            self._session.mark_slices(how(history.extent, here[1], history.shape[1]), here)

        if self._try(mark):
            left_out = history.extent.left_out(history.shape[1])
            listed = ", ".join(map(str, left_out))
            self._panels.say(
                f"Out of the volumes: slice{'s' * (len(left_out) > 1)} {listed}."
                if left_out
                else "Every slice counts to the volumes."
            )

    def _judge_here(self, said: Verdict) -> None:
        frame = self._here()
        if self._try(lambda: self._session.judge([frame], said)):
            self._panels.say(f"Phase {frame[0]}, slice {frame[1]} is {said.value}.")

    def _here(self) -> Frame:
        return self._stage.phase, self._stage.slice

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


def _timer(parent: TaskRunner, milliseconds: int, then: Callable[[], None]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(then)
    return timer
