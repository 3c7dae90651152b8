"""Late enhancement: scar by every method, and which wall it is compared with."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_cmr.core import InputError
from napari_cmr.measure import Measurement, Remote, ScarMethod
from napari_cmr.measure.scar_numbers import KEYS

_HEADS = ("Scar (g)", "Scar (%)", "Obstruction (%)")
_PARTS = (("scar", "g"), ("scar", "percent"), ("mvo", "percent"))


class ScarPanel(QWidget):
    """Emits which remote wall is wanted; draws scar."""

    region_wanted = Signal()
    """What is drawn is the remote wall."""
    automatic_wanted = Signal()
    shown_wanted = Signal(bool)
    """Whether the remote wall is outlined on the pictures."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.use_region = QPushButton("Use as remote wall")
        self.use_region.setToolTip(
            "Draw regions on healthy wall first, on one slice or several: Region, or Alt+E.\n"
            "All count together; with napari's tool for selecting shapes, the selected ones alone."
        )
        self.automatic = QPushButton("Automatic")
        self.automatic.setToolTip("The darkest 60 degrees of the wall are the remote wall")
        self.shown = QPushButton("Show it")
        self.shown.setToolTip("Outline the remote wall on the pictures")
        self.shown.setCheckable(True)
        self.use_region.clicked.connect(self.region_wanted)
        self.automatic.clicked.connect(self.automatic_wanted)
        self.shown.clicked.connect(self.shown_wanted)
        self.values: dict[tuple[ScarMethod, int], QLabel] = {}
        self.remote, self.notes = _text(), _text()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("<b>Late enhancement</b>"))
        layout.addLayout(self._table())
        layout.addWidget(self.remote)
        buttons = QHBoxLayout()
        for button in (self.use_region, self.automatic, self.shown):
            buttons.addWidget(button)
        layout.addLayout(buttons)
        layout.addWidget(self.notes)
        self.hide()

    def show_scar(self, found: Measurement, remote: Remote) -> None:
        """Draw the numbers, and the wall that they are compared with."""
        by_name = {number.name: number for number in found.numbers}
        for (method, column), label in self.values.items():
            part, unit = _PARTS[column]
            number = by_name.get(f"{part}_{KEYS[method]}_{unit}")
            label.setText("\N{EN DASH}" if number is None else number.text)
            label.setToolTip("" if number is None else number.method)
        self.remote.setText(_remote_text(found, remote))
        self.notes.setText("\n".join(str(f) for f in found.findings))
        self._set(whole=True, by_hand=remote.by_hand)

    def show_trouble(self, error: InputError, *, by_hand: bool) -> None:
        """Say why there are no numbers."""
        for label in self.values.values():
            label.setText("\N{EN DASH}")
            label.setToolTip("")
        self.remote.clear()
        self.notes.setText(str(error))
        self._set(whole=False, by_hand=by_hand)

    def say(self, sentence: str) -> None:
        """Say what stands in the way; the numbers stay."""
        self.notes.setText(sentence)
        self.notes.setVisible(True)

    def _set(self, *, whole: bool, by_hand: bool) -> None:
        self.remote.setVisible(whole)
        self.notes.setVisible(bool(self.notes.text()))
        self.automatic.setEnabled(by_hand)
        self.setVisible(True)

    def _table(self) -> QGridLayout:
        table = QGridLayout()
        table.setHorizontalSpacing(14)
        table.setVerticalSpacing(2)
        for column, head in enumerate(_HEADS):
            title = QLabel(head)
            title.setToolTip("Of the wall" if "%" in head else "LV wall that counts as scar")
            table.addWidget(title, 0, column + 1, Qt.AlignmentFlag.AlignRight)
        for line, method in enumerate(KEYS, start=1):
            table.addWidget(QLabel(_title(method)), line, 0)
            for column in range(len(_HEADS)):
                label = QLabel()
                label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                label.setStyleSheet("font-weight: bold;")
                table.addWidget(label, line, column + 1, Qt.AlignmentFlag.AlignRight)
                self.values[method, column] = label
        table.setColumnStretch(len(_HEADS) + 1, 1)
        return table


def _title(method: ScarMethod) -> str:
    return "as labelled" if method is ScarMethod.LABELS else str(method)


def _remote_text(found: Measurement, remote: Remote) -> str:
    """Where the remote wall lies, how large and how bright it is."""
    said = {
        number.method.split("remote wall: ")[1]
        for number in found.numbers
        if "remote wall: " in number.method
    }
    chosen = "" if remote.by_hand else "chosen automatically, "
    return "\n".join(f"Remote wall: {chosen}{text}." for text in sorted(said))


def _text() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
