"""Asks for the millimetres that a file does not give."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QGridLayout, QLabel, QPushButton, QWidget

_ASK = "Give the spacing to have volumes and mass:"
_FIELDS = ("Slice step", "Row", "Column")


class SpacingPanel(QWidget):
    """Emits (slice step, row, column) in mm."""

    spacing_given = Signal(tuple)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        ask = QLabel(_ASK)
        ask.setWordWrap(True)
        layout.addWidget(ask, 0, 0, 1, 4)
        self.fields = tuple(_millimetres() for _ in _FIELDS)
        for column, (name, field) in enumerate(zip(_FIELDS, self.fields, strict=True)):
            layout.addWidget(QLabel(name), 1, column)
            layout.addWidget(field, 2, column)
            field.valueChanged.connect(self._check)
        self.apply = QPushButton("Use")
        self.apply.clicked.connect(self._emit)
        layout.addWidget(self.apply, 2, 3)
        self._check()

    @property
    def spacing(self) -> tuple[float, float, float]:
        """(slice step, row, column) in mm as it stands in the fields; 0 where not filled in."""
        z, y, x = (field.value() for field in self.fields)
        return z, y, x

    def _check(self) -> None:
        self.apply.setEnabled(min(self.spacing) > 0)

    def _emit(self) -> None:
        self.spacing_given.emit(self.spacing)


def _millimetres() -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setRange(0.0, 100.0)
    field.setDecimals(3)
    field.setSuffix(" mm")
    field.setSpecialValueText("?")
    return field
