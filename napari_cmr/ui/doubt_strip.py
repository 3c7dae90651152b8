"""How unsure the model was, a cell a slice and phase; a click goes there."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_cmr.core import FloatArray

_ROW, _LEFT, _BELOW = 13, 26, 16
_FULL = 0.3
"""Expected loss of Dice at which a cell has its full colour."""


class DoubtStrip(QWidget):
    """Phases from left to right, slices from top to bottom, brighter where less sure."""

    place_wanted = Signal(int, int)
    """Go to this phase and slice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: FloatArray = np.zeros((0, 0))
        self._here = (0, 0)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_values(self, slices: FloatArray | None) -> None:
        """Draw ``(t, z)`` numbers from 0 to 1, NaN where nothing is known; None takes all away."""
        self._values = np.zeros((0, 0)) if slices is None else slices
        self.setFixedHeight(self.sizeHint().height())
        self.setVisible(slices is not None)
        self.update()

    def show_place(self, phase: int, slice_index: int) -> None:
        """Frame the cell on display."""
        if self._here != (phase, slice_index):
            self._here = (phase, slice_index)
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as there are slices."""
        return QSize(320, _ROW * self._values.shape[1] + _BELOW)

    def cell(self, phase: int, slice_index: int) -> QRectF:
        """Where a cell is drawn."""
        t = max(1, self._values.shape[0])
        width = (self.width() - _LEFT) / t
        return QRectF(_LEFT + phase * width, slice_index * _ROW, width, _ROW)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the cells, the place on display, and the axes' names."""
        painter = QPainter(self)
        t, z = self._values.shape
        for phase in range(t):
            for index in range(z):
                painter.fillRect(
                    self.cell(phase, index).adjusted(0.5, 0.5, -0.5, -0.5),
                    _colour(float(self._values[phase, index])),
                )
        painter.setPen(self.palette().color(self.foregroundRole()))
        for index in range(0, z, 2 if z > 12 else 1):
            box = QRectF(0, index * _ROW, _LEFT - 5, _ROW)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight, str(index))
        below = QRectF(_LEFT, z * _ROW, self.width() - _LEFT, _BELOW)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, f"phase 0 to {t - 1}; rows: slices")
        phase, index = self._here
        if phase < t and index < z:
            painter.setPen(QPen(QColor("#ffffff"), 2))
            painter.drawRect(self.cell(phase, index))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Go to the cell."""
        place = self._place(event.position().toPoint())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self.place_wanted.emit(*place)

    def event(self, event: QEvent) -> bool:
        """Say the number under the pointer."""
        if event.type() == QEvent.Type.ToolTip:
            place = self._place(event.pos())
            if place is not None:
                QToolTip.showText(event.globalPos(), self.text_at(*place), self)
                return True
        return bool(super().event(event))

    def text_at(self, phase: int, slice_index: int) -> str:
        """What is said of a cell."""
        value = float(self._values[phase, slice_index])
        where = f"slice {slice_index}, phase {phase}"
        if np.isnan(value):
            return f"{where}: not segmented"
        return f"{where}: expected to lose {value:.2f} of Dice"

    def _place(self, point: QPoint) -> tuple[int, int] | None:
        t, z = self._values.shape
        if t == 0 or point.x() < _LEFT:
            return None
        phase = int((point.x() - _LEFT) / ((self.width() - _LEFT) / t))
        index = point.y() // _ROW
        return (min(phase, t - 1), index) if 0 <= index < z else None


def _colour(value: float) -> QColor:
    """Grey where unknown; from dark blue (sure) over violet to yellow."""
    if np.isnan(value):
        return QColor("#555555")
    stops = np.array([[0.0, 20, 24, 82], [0.5, 178, 50, 113], [1.0, 252, 213, 60]])
    share = min(max(value / _FULL, 0.0), 1.0)
    return QColor(*(int(np.interp(share, stops[:, 0], stops[:, c])) for c in (1, 2, 3)))
