"""A list in the dock that leaves letters to the window."""

from __future__ import annotations

from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QTreeWidget


class QuietTree(QTreeWidget):
    """Qt would search its rows by what is typed; here letters and digits are the reader's keys."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Arrows, Enter and the like move and open; the rest is for the window."""
        if event.text().strip().isprintable() and event.text().strip():
            event.ignore()
        else:
            super().keyPressEvent(event)
