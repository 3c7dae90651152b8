"""Starts and stops long work, and shows how far it is."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget


class SegmentPanel(QWidget):
    """Emits that a segmentation, a stop, or saving is wanted."""

    segment_wanted = Signal()
    """In all frames."""
    phase_wanted = Signal()
    slice_wanted = Signal()
    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.segment = QPushButton("Segment")
        self.segment.setToolTip(
            "G: find the LV cavity, the myocardium and the RV in all frames, this phase first;\n"
            "the LV cavity in a four-chamber cine"
        )
        self.phase = QPushButton("This phase")
        self.phase.setToolTip("Shift+G: all slices of the phase on show")
        self.phase.clicked.connect(self.phase_wanted)
        self.slice = QPushButton("This slice")
        self.slice.setToolTip("Alt+G: the slice and phase on show")
        self.slice.clicked.connect(self.slice_wanted)
        self.segment.clicked.connect(self.segment_wanted)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self.cancel_wanted)
        self.bar = QProgressBar()
        buttons = QHBoxLayout()
        buttons.addWidget(self.segment, stretch=2)
        buttons.addWidget(self.phase, stretch=1)
        buttons.addWidget(self.slice, stretch=1)
        buttons.addWidget(self.cancel, stretch=1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        self._has_stack = False
        self.set_idle()

    def set_has_stack(self, has_stack: bool) -> None:
        """There is, or is not, something to segment."""
        self._has_stack = has_stack
        self._allow(has_stack and self.bar.isHidden())

    def set_busy(self, title: str) -> None:
        """Something is being done; how far it is is not known yet."""
        self._allow(False)
        self.cancel.setEnabled(True)
        self.bar.setFormat(f"{title} %p %")
        self.bar.setRange(0, 0)
        self.bar.show()

    def show_progress(self, done: int, total: int) -> None:
        """So much of it is done."""
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def set_idle(self) -> None:
        """Nothing is being done."""
        self.bar.hide()
        self.cancel.setEnabled(False)
        self._allow(self._has_stack)

    def _allow(self, allowed: bool) -> None:
        for button in (self.segment, self.phase, self.slice):
            button.setEnabled(allowed)
