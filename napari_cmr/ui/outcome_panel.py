"""What came of a training: before and after, the gate's advice, and the reader's decision."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_cmr.nets.segmenter_tasks import title_of
from napari_cmr.review.before_after import BeforeAfter
from napari_cmr.review.learned import OnHoldout
from napari_cmr.review.training_status import JobState, JobStatus

YOURS, BEFORE, AFTER = "yours", "before", "after"


class OutcomePanel(QWidget):
    """Emits that the new version is to be used or not, and whose contours are to be shown."""

    keep_wanted = Signal()
    back_wanted = Signal()
    dismissed = Signal()
    shown_wanted = Signal(str)
    """``yours``, ``before`` or ``after``."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.advice = _line()
        self.advice.setStyleSheet("padding: 6px; border-radius: 3px; background: #3c5f7a;")
        self.holdout, self.open_case = _Table(), _Table()
        self.open_note = _line()
        self.keep = QPushButton("Keep the new version")
        self.back = QPushButton("Go back")
        self.dismiss = QPushButton("All right")
        self.keep.clicked.connect(self.keep_wanted)
        self.back.clicked.connect(self.back_wanted)
        self.dismiss.clicked.connect(self.dismissed)
        self.show_buttons = self._shown_buttons()
        self._lay_out()
        self.hide()

    def show_end(self, status: JobStatus) -> None:
        """Say how a training ended without a version."""
        self._say(status.sentence, error=status.state in (JobState.FAILED, JobState.LOST))
        self._set_version(False)
        self.show()

    def show_outcome(self, status: JobStatus, holdout: OnHoldout | None, used: str) -> None:
        """Show what the gate says of a new version, and which version is in use."""
        title = title_of(status.task)
        self._say(f"{status.sentence} {used} is in use for {title} now.", error=False)
        new = used == status.version
        self.keep.setText(f"Keep {status.version}" if new else f"Use {status.version}")
        self.back.setText(f"Go back to {status.parent}" if new else f"Stay with {status.parent}")
        self._set_version(True)
        self.holdout.show_rows(_holdout_rows(holdout))
        self.holdout.setVisible(holdout is not None and bool(holdout.subjects))
        self.show_open_case(None)
        self.show()

    def show_open_case(self, compared: BeforeAfter | None, note: str = "") -> None:
        """Show what both versions find on the open case."""
        rows = [] if compared is None else [_number_row(*row) for row in compared.numbers]
        self.open_case.show_rows([("Open case", "before", "after"), *rows] if rows else [])
        self.open_case.setVisible(bool(rows))
        if compared is not None and not note:
            listed = ", ".join(str(phase) for phase in compared.phases)
            word = "phase" if len(compared.phases) == 1 else "phases"
            note = f"Contours of both versions are there in {word} {listed}."
        self.open_note.setText(note)
        self.open_note.setVisible(bool(note))
        for button in self.show_buttons.buttons():
            button.setVisible(compared is not None)
        if compared is None:
            self.set_shown(YOURS)

    def set_shown(self, name: str) -> None:
        """Mark whose contours are on show."""
        for button in self.show_buttons.buttons():
            button.setChecked(button.property("shows") == name)

    def _set_version(self, there: bool) -> None:
        for widget in (self.keep, self.back):
            widget.setVisible(there)
        self.dismiss.setVisible(not there)
        if not there:
            self.holdout.hide()
            self.show_open_case(None)

    def _say(self, sentence: str, *, error: bool) -> None:
        self.advice.setText(sentence)
        colour = "#a33a1a" if error else "#3c5f7a"
        self.advice.setStyleSheet(
            f"padding: 6px; border-radius: 3px; color: white; background: {colour};"
        )

    def _shown_buttons(self) -> QButtonGroup:
        group = QButtonGroup(self)
        for name, title in ((YOURS, "As it is"), (BEFORE, "Before"), (AFTER, "After")):
            button = QPushButton(title, self)  # a group alone does not keep its buttons
            button.setCheckable(True)
            button.setProperty("shows", name)
            button.clicked.connect(lambda _=False, name=name: self.shown_wanted.emit(name))
            group.addButton(button)
        return group

    def _lay_out(self) -> None:
        shown, decide = QHBoxLayout(), QHBoxLayout()
        for button in self.show_buttons.buttons():
            shown.addWidget(button)
        for button in (self.keep, self.back, self.dismiss):
            decide.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.advice, self.holdout, self.open_case, self.open_note):
            layout.addWidget(widget)
        layout.addLayout(shown)
        layout.addLayout(decide)


class _Table(QWidget):
    """Rows of texts, the first as a head; all but the first column to the right."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 4, 0, 4)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(0, 1)
        self.rows: list[tuple[str, ...]] = []

    def show_rows(self, rows: list[tuple[str, ...]]) -> None:
        """Draw other rows."""
        while self._grid.count():
            widget = self._grid.takeAt(0).widget()
            widget.setParent(None)
            widget.deleteLater()
        self.rows = rows
        for line, row in enumerate(rows):
            for column, text in enumerate(row):
                label = QLabel(f"<b>{text}</b>" if line == 0 else text)
                side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
                label.setAlignment(side)
                self._grid.addWidget(label, line, column)


def _holdout_rows(holdout: OnHoldout | None) -> list[tuple[str, ...]]:
    if holdout is None or not holdout.subjects:
        return []
    plural = "" if holdout.subjects == 1 else "s"
    rows: list[tuple[str, ...]] = [
        (f"Dice, {holdout.subjects} held-out case{plural}", "before", "after"),
        *((name, f"{a:.3f}", f"{b:.3f}") for name, a, b in holdout.structures),
        ("mean", _mean(holdout.before), _mean(holdout.after)),
        ("  95 % interval", _interval(holdout.before), _interval(holdout.after)),
        ("gain", "", _mean(holdout.gain, "+")),
        ("  95 % interval", "", _interval(holdout.gain, "+")),
    ]
    return rows


def _mean(values: tuple[float, float, float] | None, sign: str = "") -> str:
    return "—" if values is None else f"{values[0]:{sign}.3f}"


def _interval(values: tuple[float, float, float] | None, sign: str = "") -> str:
    if values is None or values[1] == values[2]:  # one case has no interval
        return "—"
    return f"{values[1]:{sign}.3f} to {values[2]:{sign}.3f}"


def _number_row(name: str, unit: str, before: float | None, after: float | None) -> tuple[str, ...]:
    decimals = 1 if unit else 3
    told = ("—" if value is None else f"{value:.{decimals}f}" for value in (before, after))
    return (f"{name} {unit}".strip(), *told)


def _line() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    return label
