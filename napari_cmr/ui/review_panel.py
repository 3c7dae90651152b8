"""Shows how far a review is and whether it is saved; emits what the reader decides."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_cmr.core.labels import LABEL_MAPS
from napari_cmr.review import State
from napari_cmr.ui.tools_panel import Tool, ToolsPanel, menu_button

_STATES = {
    State.NEW: "New: nothing found or drawn yet",
    State.PREDICTED: "Predicted: not yet looked at",
    State.CORRECTED: "Corrected",
    State.ACCEPTED: "Accepted",
    State.FLAGGED: "Flagged",
}
_LABEL_FILES = "Labels (*.nii *.nii.gz *.dcm);;All files (*)"


class ReviewPanel(QWidget):
    """Emits undo, redo, verdicts, marks of slices, proposals, starts and the choice of a project.

    ``tools`` is the panel of structures and tools; ``trouble`` and ``save`` are for a place that is
    always in sight.
    """

    undo_wanted = Signal()
    redo_wanted = Signal()
    accept_frame_wanted = Signal()
    reject_frame_wanted = Signal()
    accept_all_wanted = Signal()
    flag_wanted = Signal(bool)
    base_wanted = Signal()
    apex_wanted = Signal()
    turn_wanted = Signal()
    all_slices_wanted = Signal()
    slices_wanted = Signal()
    phases_wanted = Signal()
    cycle_wanted = Signal()
    take_here_wanted = Signal()
    take_all_wanted = Signal()
    leave_here_wanted = Signal()
    leave_all_wanted = Signal()
    start_wanted = Signal(object, str)
    """A file or folder of labels, and the name of its label map."""
    project_wanted = Signal(object)
    """Folder of another project."""
    save_wanted = Signal(object)
    """Folder to save everything in."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state, self.frame, self.project, self.preview = _line(), _line(), _line(), _line()
        self.state.setStyleSheet("font-weight: bold;")
        self.trouble = _line()
        self.trouble.setStyleSheet(
            "padding: 6px; border-radius: 3px; color: white; background: #a33a1a;"
        )
        self.tools = ToolsPanel()
        self.draw = self.tools.tools[Tool.BRUSH]
        self.undo = _button("Undo", "Ctrl+Z: take back the last step, a prediction too")
        self.redo = _button("Redo", "Ctrl+Shift+Z: do it again")
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
        self.cycle = _button(
            "Along the cycle", "Carry this slice's corrected phases along by the pictures' motion"
        )
        self.take_here = _button("Take this one", "Keep the preview on this slice and phase")
        self.take_all = _button("Take all", "Keep the whole preview, as one step")
        self.leave_here = _button("Leave this one", "Drop the preview on this slice and phase")
        self.leave_all = _button("Leave all", "Drop the whole preview")
        self.marks, self.start = menu_button("Slices"), menu_button("Start from")
        self.choose = _button("Folder…", "Keep the work in another folder")
        self.save = _button("Save elsewhere…", "Write all work into a folder and go on there")
        self._connect()
        self._fill_menus()
        self._lay_out()
        self.show_trouble("")
        self.show_proposal(0, here=False)

    def show_state(self, state: State, steps: int) -> None:
        """Say how far the review of the stack is."""
        count = {0: "", 1: ", 1 step"}.get(steps, f", {steps} steps")
        self.state.setText(f"{_STATES[state]}{count}.")
        self.flag.setChecked(state is State.FLAGGED)

    def show_frame(self, phase: int, slice_index: int, said: str) -> None:
        """Say what was said of the frame on show."""
        where = f"Phase {phase}, slice {slice_index}"
        self.frame.setText(f"{where}: {said}." if said else f"{where}.")

    def set_can(self, *, has_stack: bool, has_labels: bool, undo: bool, redo: bool) -> None:
        """What there is to act on."""
        self.tools.set_can(has_stack=has_stack, has_labels=has_labels)
        for widget in (self.flag, self.marks, self.start):
            widget.setEnabled(has_stack)
        for button in (
            self.accept_frame,
            self.reject_frame,
            self.accept_all,
            self.slices,
            self.phases,
            self.cycle,
        ):
            button.setEnabled(has_labels)
        self.set_can_go(undo=undo, redo=redo)

    def set_can_go(self, *, undo: bool, redo: bool) -> None:
        """Whether there is a step to take back, or to do again."""
        self.undo.setEnabled(undo)
        self.redo.setEnabled(redo)

    def show_project(self, folder: Path | None, reader: str) -> None:
        """Say where the work is kept, and as whose."""
        place = "in memory" if folder is None else f"in {folder}"
        self.project.setText(f"Kept {place}, by {reader}.")

    def show_trouble(self, sentence: str) -> None:
        """Say that work is in memory only; an empty sentence takes it away."""
        self.trouble.setText(sentence)
        self.trouble.setVisible(bool(sentence))
        self.save.setVisible(bool(sentence))

    def show_proposal(self, frames: int, *, here: bool) -> None:
        """Offer to take or leave a preview of so many frames; none takes the offer away.

        Parameters
        ----------
        here
            Whether the frame on show is one of them.
        """
        for widget in (
            self.preview,
            self.take_here,
            self.take_all,
            self.leave_here,
            self.leave_all,
        ):
            widget.setVisible(frames > 0)
        for button in (self.take_here, self.leave_here):
            button.setEnabled(here)
        for button in (self.slices, self.phases, self.cycle):
            button.setVisible(frames == 0)
        count = f"{frames} frame{'' if frames == 1 else 's'}"
        self.preview.setText(f"Preview of {count}{'' if here else ', not of this one'}.")

    def _connect(self) -> None:
        for button, signal in (
            (self.undo, self.undo_wanted),
            (self.redo, self.redo_wanted),
            (self.accept_frame, self.accept_frame_wanted),
            (self.reject_frame, self.reject_frame_wanted),
            (self.accept_all, self.accept_all_wanted),
            (self.slices, self.slices_wanted),
            (self.phases, self.phases_wanted),
            (self.cycle, self.cycle_wanted),
            (self.take_here, self.take_here_wanted),
            (self.take_all, self.take_all_wanted),
            (self.leave_here, self.leave_here_wanted),
            (self.leave_all, self.leave_all_wanted),
        ):
            button.clicked.connect(signal)
        self.flag.clicked.connect(self.flag_wanted)
        self.choose.clicked.connect(self._ask_for_project)
        self.save.clicked.connect(self._ask_where_to_save)

    def _fill_menus(self) -> None:
        for title, signal in (
            ("This slice is the base", self.base_wanted),
            ("This slice is the apex", self.apex_wanted),
            ("Take this slice out of the volumes, or put it in", self.turn_wanted),
            ("All slices count", self.all_slices_wanted),
        ):
            self.marks.menu().addAction(title).triggered.connect(lambda *_, s=signal: s.emit())
        self.marks.setToolTip("Which slices count to the volumes")
        labels = self.start.menu().addAction("Labels in a file (NIfTI, DICOM SEG)…")
        labels.triggered.connect(lambda *_: self._ask_for_labels())
        contours = self.start.menu().addAction("A folder of contours (Sunnybrook, cvi42) or SEG…")
        contours.triggered.connect(lambda *_: self._ask_for_contours())
        self.start.setToolTip("Begin with labels or contours that exist already")

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.state)
        layout.addWidget(self.frame)
        layout.addLayout(_row(self.accept_frame, self.reject_frame, self.accept_all, self.flag))
        layout.addWidget(_head("Draw"))
        layout.addWidget(self.tools)
        layout.addLayout(_row(self.undo, self.redo, self.marks, self.start))
        layout.addWidget(_head("Fill in from what you corrected"))
        layout.addLayout(_row(self.slices, self.phases, self.cycle))
        layout.addWidget(self.preview)
        grid = QGridLayout()
        for place, button in enumerate(
            (self.take_here, self.take_all, self.leave_here, self.leave_all)
        ):
            grid.addWidget(button, place // 2, place % 2)
        layout.addLayout(grid)
        kept = QHBoxLayout()
        kept.addWidget(self.project, stretch=1)
        kept.addWidget(self.choose)
        layout.addSpacing(8)
        layout.addLayout(kept)

    def _ask_for_labels(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Start from labels", "", _LABEL_FILES)
        if not file:
            return
        label_map, given = "cmr", True
        if file.lower().endswith((".nii", ".nii.gz")):
            label_map, given = QInputDialog.getItem(
                self,
                "Label map",
                "How the file numbers the structures:",
                list(LABEL_MAPS),
                0,
                False,
            )
        if given:
            self.start_wanted.emit(Path(file), label_map)

    def _ask_for_contours(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Start from a folder of contours"):
            self.start_wanted.emit(Path(folder), "cmr")

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


def _head(text: str) -> QLabel:
    label = QLabel(text)
    label.setStyleSheet("color: #aaa; padding-top: 6px;")
    return label


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(4)
    for widget in widgets:
        row.addWidget(widget)
    return row


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
