"""How the pictures are looked at: played, jumped to, with contours as lines or filled."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QPushButton, QWidget


class ViewingPanel(QWidget):
    """Emits how a reader wants to look at the pictures."""

    play_phases_wanted = Signal()
    play_slices_wanted = Signal()
    filled_wanted = Signal(bool)
    beside_wanted = Signal(str)
    """Name of the stack to show beside; empty for none."""
    ruler_wanted = Signal()
    region_wanted = Signal()
    landmarks_wanted = Signal(bool)
    keys_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.phases = _button("Play phases", "K: the heart beats at its own rate", self)
        self.slices = _button("Play slices", "Shift+K: from slice to slice in one phase", self)
        self.filled = _button("Fill contours", "T: contours as lines or filled", self)
        self.filled.setCheckable(True)
        self.ruler = _button("Ruler", "L: draw a line; its length stands beside it", self)
        self.region = _button(
            "Region", "Alt+E: draw an ellipse; mean and spread stand beside it", self
        )
        self.landmarks = _button(
            "Landmarks", "Q: RV insertion points and the LV's middle, to be dragged", self
        )
        self.landmarks.setCheckable(True)
        self.landmarks.clicked.connect(self.landmarks_wanted)
        self.keys = _button("Keys…", "F1: what each key does", self)
        self.beside = QComboBox()
        self.beside.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # letters stay the window's keys
        self.beside.setToolTip("Another view beside this one, with the line where they cut")
        self.phases.clicked.connect(self.play_phases_wanted)
        self.slices.clicked.connect(self.play_slices_wanted)
        self.filled.clicked.connect(self.filled_wanted)
        self.ruler.clicked.connect(self.ruler_wanted)
        self.region.clicked.connect(self.region_wanted)
        self.keys.clicked.connect(self.keys_wanted)
        self.beside.activated.connect(
            lambda _: self.beside_wanted.emit(self.beside.currentData() or "")
        )
        self.playing = QLabel()
        self.playing.setWordWrap(True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for place, button in enumerate(
            (
                self.phases,
                self.slices,
                self.filled,
                self.landmarks,
                self.ruler,
                self.region,
                self.keys,
            )
        ):
            grid.addWidget(button, place // 4, place % 4)
        grid.addWidget(QLabel("Beside it"), 2, 0)
        grid.addWidget(self.beside, 2, 1, 1, 3)
        grid.addWidget(self.playing, 3, 0, 1, 4)
        self.say("")
        self.show_stacks(())
        self.set_has_stack(False)

    def say(self, sentence: str) -> None:
        """What is being played; an empty sentence takes it away."""
        self.playing.setText(sentence)
        self.playing.setVisible(bool(sentence))

    def show_stacks(self, stacks: tuple[tuple[str, str], ...], chosen: str = "") -> None:
        """Offer stacks, (name, title), to be shown beside the one on show."""
        self.beside.clear()
        self.beside.addItem("nothing", "")
        for name, title in stacks:
            self.beside.addItem(title, name)
        self.beside.setCurrentIndex(max(self.beside.findData(chosen), 0))
        self.beside.setEnabled(bool(stacks))

    def show_filled(self, filled: bool) -> None:
        """Whether contours are filled."""
        self.filled.setChecked(filled)

    def set_has_stack(self, has_stack: bool) -> None:
        """There is, or is not, something to look at."""
        for button in (
            self.phases,
            self.slices,
            self.filled,
            self.landmarks,
            self.ruler,
            self.region,
        ):
            button.setEnabled(has_stack)


def _button(text: str, tip: str, parent: QWidget) -> QPushButton:
    button = QPushButton(text, parent)
    button.setToolTip(tip)
    return button
