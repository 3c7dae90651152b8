"""Shows how far a review is and whether it is saved; emits what the reader decides."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_cmr.review import State

_STATES = {
    State.NEW: "New: nothing found or drawn yet",
    State.PREDICTED: "Predicted: not yet looked at",
    State.CORRECTED: "Corrected",
    State.ACCEPTED: "Accepted",
    State.FLAGGED: "Flagged",
}


class ReviewPanel(QWidget):
    """Emits undo, redo, verdicts, interpolation and the choice of a project."""

    draw_wanted = Signal()
    undo_wanted = Signal()
    redo_wanted = Signal()
    accept_frame_wanted = Signal()
    reject_frame_wanted = Signal()
    accept_all_wanted = Signal()
    flag_wanted = Signal(bool)
    slices_wanted = Signal()
    phases_wanted = Signal()
    take_here_wanted = Signal()
    take_all_wanted = Signal()
    leave_here_wanted = Signal()
    leave_all_wanted = Signal()
    project_wanted = Signal(object)
    """Folder of another project."""
    save_wanted = Signal(object)
    """Folder to save everything in."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state, self.project = _line(), _line()
        self.trouble = _line()
        self.trouble.setStyleSheet(
            "padding: 6px; border-radius: 3px; color: white; background: #a33a1a;"
        )
        self.draw = _button("Draw", "Correct with the brush (P), the eraser (E) or the polygon")
        self.undo = _button("Undo", "Ctrl+Z: take back the last step, a prediction too")
        self.redo = _button("Redo", "Ctrl+Shift+Z")
        self.accept_frame = _button("Accept slice", "A: this slice in this phase is right")
        self.reject_frame = _button(
            "Reject slice", "R: this slice in this phase is wrong; nobody trains on the phase"
        )
        self.accept_all = _button("Accept all", "Shift+A: every slice in every phase is right")
        self.flag = _button("Flag", "Somebody should look at this stack")
        self.flag.setCheckable(True)
        self.slices = _button(
            "Between slices", "Interpolate between the corrected slices of this phase"
        )
        self.phases = _button(
            "Between phases", "Interpolate between the corrected phases of this slice"
        )
        self.take_here = _button("Take this one", "Keep the preview on this slice and phase")
        self.take_all = _button("Take all", "Keep the whole preview, as one step")
        self.leave_here = _button("Leave this one", "Drop the preview on this slice and phase")
        self.leave_all = _button("Leave all", "Drop the whole preview")
        self.choose = _button("Project folder…", "Keep the work in another folder")
        self.save = _button("Save elsewhere…", "Write all work into a folder and go on there")
        self._connect()
        self._lay_out()
        self.show_trouble("")
        self.show_proposal(0)

    def show_state(self, state: State, steps: int) -> None:
        """Say how far the review of the stack is."""
        count = {0: "", 1: ", 1 step"}.get(steps, f", {steps} steps")
        self.state.setText(f"{_STATES[state]}{count}.")
        self.flag.setChecked(state is State.FLAGGED)

    def set_can(self, *, has_stack: bool, has_labels: bool, undo: bool, redo: bool) -> None:
        """What there is to act on."""
        for button in (self.draw, self.flag):
            button.setEnabled(has_stack)
        for button in (
            self.accept_frame,
            self.reject_frame,
            self.accept_all,
            self.slices,
            self.phases,
        ):
            button.setEnabled(has_labels)
        self.undo.setEnabled(undo)
        self.redo.setEnabled(redo)

    def show_project(self, folder: Path | None, reader: str) -> None:
        """Say where the work is kept, and as whose."""
        place = "in memory" if folder is None else str(folder)
        self.project.setText(f"Kept in {place}, by {reader}.")

    def show_trouble(self, sentence: str) -> None:
        """Say that work is in memory only; an empty sentence takes it away."""
        self.trouble.setText(sentence)
        self.trouble.setVisible(bool(sentence))
        self.save.setVisible(bool(sentence))

    def show_proposal(self, frames: int) -> None:
        """Offer to take or leave a preview of so many frames; none takes the offer away."""
        for button in (self.take_here, self.take_all, self.leave_here, self.leave_all):
            button.setVisible(frames > 0)
        for button in (self.slices, self.phases):
            button.setVisible(frames == 0)

    def _connect(self) -> None:
        for button, signal in (
            (self.draw, self.draw_wanted),
            (self.undo, self.undo_wanted),
            (self.redo, self.redo_wanted),
            (self.accept_frame, self.accept_frame_wanted),
            (self.reject_frame, self.reject_frame_wanted),
            (self.accept_all, self.accept_all_wanted),
            (self.slices, self.slices_wanted),
            (self.phases, self.phases_wanted),
            (self.take_here, self.take_here_wanted),
            (self.take_all, self.take_all_wanted),
            (self.leave_here, self.leave_here_wanted),
            (self.leave_all, self.leave_all_wanted),
        ):
            button.clicked.connect(signal)
        self.flag.clicked.connect(self.flag_wanted)
        self.choose.clicked.connect(self._ask_for_project)
        self.save.clicked.connect(self._ask_where_to_save)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        for place, button in enumerate(
            (
                self.draw,
                self.undo,
                self.redo,
                self.accept_frame,
                self.reject_frame,
                self.accept_all,
                self.flag,
                self.slices,
                self.phases,
                self.choose,
            )
        ):
            grid.addWidget(button, place // 3, place % 3)
        for place, button in enumerate(
            (self.take_here, self.take_all, self.leave_here, self.leave_all)
        ):
            grid.addWidget(button, 4 + place // 2, place % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.state)
        layout.addLayout(grid)
        layout.addWidget(self.trouble)
        layout.addWidget(self.save)
        layout.addWidget(self.project)

    def _ask_for_project(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Keep the work in a folder"):
            self.project_wanted.emit(Path(folder))

    def _ask_where_to_save(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Save all work in a folder"):
            self.save_wanted.emit(Path(folder))


def _line() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    return label


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
