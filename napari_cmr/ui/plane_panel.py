"""A four-chamber cine: areas, lengths, and what one plane can say of volumes."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_cmr.core import InputError
from napari_cmr.review.long_axis import is_one_plane, plane_of
from napari_cmr.review.reading import Reading

_TOO_FEW = "Areas and lengths come once the LV is drawn in two phases: ED and ES."


class PlanePanel(QWidget):
    """Draws the numbers of a four-chamber cine, each with its method as a tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.values: dict[str, QLabel] = {}
        self._table = QGridLayout()
        self._table.setHorizontalSpacing(14)
        self._table.setVerticalSpacing(2)
        self._table.setColumnStretch(3, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("<b>Four-chamber view, one plane</b>"))
        layout.addLayout(self._table)
        layout.addWidget(self.notes)
        self.hide()

    def show_reading(self, reading: Reading | None) -> None:
        """Draw what is labelled now, or why there are no numbers."""
        try:
            found = None if reading is None else plane_of(reading)
        except InputError as error:
            self._empty()
            self.notes.setText(str(error))
            self.show()
            return
        if found is None:
            begun = reading is not None and is_one_plane(reading.stack)
            begun = begun and reading is not None and reading.segmentation is not None
            self._empty()
            self.notes.setText(_TOO_FEW)
            self.setVisible(begun)
            return
        for line, number in enumerate(found.numbers):
            if number.name not in self.values:
                self._add_line(line, number.name, number.title, number.unit)
            self.values[number.name].setText(number.text)
            self.values[number.name].setToolTip(f"{number.method}\n{number.phases}")
        self.notes.setText("\n".join(str(finding) for finding in found.findings))
        self.show()

    def _empty(self) -> None:
        for label in self.values.values():
            label.setText("\N{EN DASH}")
            label.setToolTip("")

    def _add_line(self, line: int, name: str, title: str, unit: str) -> None:
        value = QLabel()
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        value.setStyleSheet("font-weight: bold;")
        self.values[name] = value
        self._table.addWidget(QLabel(title), line, 0)
        self._table.addWidget(value, line, 1, Qt.AlignmentFlag.AlignRight)
        self._table.addWidget(QLabel(unit), line, 2)
