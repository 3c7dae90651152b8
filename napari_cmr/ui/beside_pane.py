"""A picture beside the one under review, with contours, the line of the cut, and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_cmr.core import LabelArray, Structure
from napari_cmr.core.palette import COLOURS
from napari_cmr.review.beside import Ends, Pair
from napari_cmr.ui.orientation import Edges

_LINE = "#ffe08a"
_LETTERS_PT = 14
_DASH = "\N{EN DASH}"


class Picture(QWidget):
    """One grey picture, as large as there is room, with true proportions."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line: Ends | None = None
        self.edges: Edges | None = None
        """Which side of the patient each edge faces; None where nobody knows."""
        self._image: QImage | None = None
        self._outlines: QImage | None = None
        self._spacing = (1.0, 1.0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(260, 200)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Large enough to read by."""
        return QSize(380, 380)

    def show_picture(
        self,
        picture: npt.NDArray[Any],
        limits: tuple[float, float],
        spacing: tuple[float, float],
        labels: LabelArray | None,
        line: Ends | None,
        edges: Edges | None = None,
    ) -> None:
        """Draw a ``(y, x)`` picture between two grey values, with outlines, a line and letters."""
        low, high = limits
        grey = np.clip((picture - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        self._image = _image(grey, QImage.Format.Format_Grayscale8)
        self._outlines = None if labels is None else _outlines(labels)
        self._spacing, self.line, self.edges = spacing, line, edges
        self.update()

    def place_of(self, row: float, column: float) -> QPointF:
        """Where a pixel's middle lies in the widget."""
        frame = self._frame()
        assert self._image is not None
        return QPointF(
            frame.left() + (column + 0.5) / self._image.width() * frame.width(),
            frame.top() + (row + 0.5) / self._image.height() * frame.height(),
        )

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw picture, outlines and line."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("black"))
        if self._image is None:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self._frame(), self._image)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        if self._outlines is not None:
            painter.drawImage(self._frame(), self._outlines)
        if self.line is not None:
            painter.setPen(QPen(QColor(_LINE), 1.5, Qt.PenStyle.DashLine))
            painter.drawLine(self.place_of(*self.line[0]), self.place_of(*self.line[1]))
        if self.edges is not None:
            self._draw_letters(painter, self.edges)

    def _draw_letters(self, painter: QPainter, edges: Edges) -> None:
        font = painter.font()
        font.setPointSize(_LETTERS_PT)
        painter.setFont(font)
        painter.setPen(QColor(_LINE))
        middle, side = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignHCenter
        for where, letters in (
            (middle | Qt.AlignmentFlag.AlignLeft, edges.left),
            (middle | Qt.AlignmentFlag.AlignRight, edges.right),
            (side | Qt.AlignmentFlag.AlignTop, edges.top),
            (side | Qt.AlignmentFlag.AlignBottom, edges.bottom),
        ):
            painter.drawText(self.rect().adjusted(6, 6, -6, -6), where, letters)

    def _frame(self) -> QRectF:
        """The picture's place: as large as fits, in the middle."""
        assert self._image is not None
        height = self._image.height() * self._spacing[0]
        width = self._image.width() * self._spacing[1]
        scale = min(self.width() / width, self.height() / height)
        width, height = width * scale, height * scale
        return QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)


class BesidePane(QWidget):
    """A titled picture, and a table of two studies' numbers under it."""

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title, self.numbers = QLabel(), QLabel()
        self.title.setWordWrap(True)
        self.numbers.setTextFormat(Qt.TextFormat.RichText)
        self.picture = Picture()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.title)
        layout.addWidget(self.picture, stretch=1)
        layout.addWidget(self.numbers)
        self.show_numbers(())

    def show_title(self, title: str) -> None:
        """What is shown."""
        self.title.setText(title)

    def show_numbers(self, pairs: Sequence[Pair]) -> None:
        """A line a number: under review, beside, difference; none hides the table."""
        self.numbers.setVisible(bool(pairs))
        head = "<tr><th></th><th>under review</th><th>beside</th><th>difference</th></tr>"
        right = "<td align=right>"
        rows = "".join(
            f"<tr><td>{p.title} ({p.unit})</td>{right}{_text(p.here)}</td>"
            f"{right}{_text(p.beside)}</td>{right}{_text(p.change, '+')}</td></tr>"
            for p in pairs
        )
        self.numbers.setText(f"<table cellpadding=3>{head}{rows}</table>")

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """A double click takes it away."""
        self.closed.emit()


def _text(value: float | None, sign: str = "") -> str:
    return _DASH if value is None else f"{round(value):{sign}d}"


def _image(pixels: npt.NDArray[np.uint8], kind: QImage.Format) -> QImage:
    pixels = np.ascontiguousarray(pixels)
    rows, columns = pixels.shape[:2]
    return QImage(pixels.data, columns, rows, pixels.strides[0], kind).copy()


def _outlines(labels: LabelArray) -> QImage:
    """Pixels of a structure that touch another one, in its colour."""
    padded = np.pad(labels, 1, mode="edge")
    shifted = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    border = (labels > 0) & np.logical_or.reduce([labels != other for other in shifted])
    pixels = np.zeros((*labels.shape, 4), np.uint8)
    for structure in Structure:
        if structure in COLOURS:
            colour = QColor(COLOURS[structure])
            found = border & (labels == structure)
            pixels[found] = (colour.red(), colour.green(), colour.blue(), 255)
    return _image(pixels, QImage.Format.Format_RGBA8888)
