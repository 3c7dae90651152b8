"""Structures and tools to correct with; emits which the reader takes."""

from __future__ import annotations

from enum import StrEnum

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_cmr.core import Structure
from napari_cmr.core.palette import COLOURS

_SHORT = {Structure.LV: "LV", Structure.MYO: "Wall", Structure.RV: "RV"}
_FURTHER = (Structure.LA, Structure.RA, Structure.INFARCT, Structure.MVO)
_RIM = "border: 1px solid #666; border-radius: 3px; padding: 3px 6px;"


class Tool(StrEnum):
    """What the pointer does on the contours."""

    BRUSH = "paint"
    ERASER = "erase"
    POLYGON = "polygon"
    NUDGE = "nudge"
    CUT = "cut"


_TOOLS = (
    (Tool.BRUSH, "Brush", "P: paint the chosen structure; [ and ] change its size"),
    (Tool.ERASER, "Eraser", "E: paint background"),
    (Tool.POLYGON, "Polygon", "W: click a closed line; a double click ends it"),
    (Tool.NUDGE, "Nudge", "M: drag a contour; what is near follows"),
    (Tool.CUT, "Cut", "C: draw a line across a structure; the smaller part goes"),
)


class ToolsPanel(QWidget):
    """Emits the structure, the tool, and what is to be done to the structure on this frame."""

    structure_wanted = Signal(int)
    tool_wanted = Signal(str)
    only_wanted = Signal(bool)
    grow_wanted = Signal(float, bool)
    """How far, negative shrinks; and whether in mm, else in pixels."""
    fill_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.structures: dict[Structure, QPushButton] = {}
        self.tools: dict[Tool, QPushButton] = {}
        self._exclusive = [QButtonGroup(self), QButtonGroup(self)]
        self.only = QCheckBox("Only this structure may change")
        self.only.setToolTip("B: no tool takes a pixel from another structure or gives it one")
        self.only.clicked.connect(self.only_wanted)
        self.reach = QDoubleSpinBox()
        self.reach.setRange(1, 60)
        self.reach.setValue(8)
        self.reach.setDecimals(0)
        self.reach.setSuffix(" mm")
        self.reach.setToolTip("How far off a contour still follows a nudge")
        self.shape = menu_button("Shape")
        for title, by, in_mm in (
            ("Grow by 1 pixel", 1.0, False),
            ("Shrink by 1 pixel", -1.0, False),
            ("Grow by 1 mm", 1.0, True),
            ("Shrink by 1 mm", -1.0, True),
        ):
            self._add_growth(title, by, in_mm)
        self.shape.menu().addAction("Fill holes").triggered.connect(self.fill_wanted)
        self._lay_out()

    def show_structure(self, structure: Structure) -> None:
        """Show which structure is drawn; one that has no button yet gets it."""
        if structure not in self.structures:
            self._add_structure(structure)
        self.structures[structure].setChecked(True)

    def show_tool(self, tool: Tool | None) -> None:
        """Show which tool is in the hand; None is none."""
        group = self._exclusive[1]
        group.setExclusive(False)
        for name, button in self.tools.items():
            button.setChecked(name is tool)
        group.setExclusive(True)
        self._near.setVisible(tool is Tool.NUDGE)

    def set_can(self, *, has_stack: bool, has_labels: bool) -> None:
        """What there is to act on."""
        for tool, button in self.tools.items():
            button.setEnabled(has_labels or (has_stack and tool not in (Tool.NUDGE, Tool.CUT)))
        self.shape.setEnabled(has_labels)

    def _lay_out(self) -> None:
        self._structure_row = QHBoxLayout()
        for structure in _SHORT:
            self._add_structure(structure)
        self.further = menu_button("Other")
        for structure in _FURTHER:
            action = self.further.menu().addAction(f"{int(structure)}  {structure.title}")
            action.triggered.connect(lambda *_, s=structure: self.structure_wanted.emit(int(s)))
        self._structure_row.addWidget(self.further)
        tool_row = QHBoxLayout()
        for tool, title, tip in _TOOLS:
            button = QPushButton(title)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setStyleSheet(f"QPushButton {{{_RIM}}} {_chosen('#ffffff')}")
            button.clicked.connect(lambda *_, t=tool: self.tool_wanted.emit(t.value))
            self._exclusive[1].addButton(button)
            self.tools[tool] = button
            tool_row.addWidget(button)
        only_row = QHBoxLayout()
        only_row.addWidget(self.only)
        only_row.addStretch(1)
        only_row.addWidget(self.shape)
        self._near = QWidget()
        near_row = QHBoxLayout(self._near)
        near_row.setContentsMargins(0, 0, 0, 0)
        near_row.addWidget(QLabel("A nudge reaches"))
        near_row.addWidget(self.reach)
        near_row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for row in (self._structure_row, tool_row, only_row):
            row.setSpacing(4)
            column.addLayout(row)
        column.addWidget(self._near)
        self._near.hide()

    def _add_structure(self, structure: Structure) -> None:
        colour = COLOURS[structure]
        button = QPushButton(f"{int(structure)}  {_SHORT.get(structure, structure.title)}")
        button.setToolTip(f"{int(structure)}: draw the {structure.title}")
        button.setCheckable(True)
        button.setStyleSheet(f"QPushButton {{color: {colour}; {_RIM}}} {_chosen(colour)}")
        button.clicked.connect(lambda *_: self.structure_wanted.emit(int(structure)))
        self._exclusive[0].addButton(button)
        self.structures[structure] = button
        self._structure_row.insertWidget(len(self.structures) - 1, button)

    def _add_growth(self, title: str, by: float, in_mm: bool) -> None:
        action = self.shape.menu().addAction(title)
        action.triggered.connect(lambda *_: self.grow_wanted.emit(by, in_mm))


def menu_button(title: str) -> QToolButton:
    """A button that opens a menu, for what is wanted less often."""
    button = QToolButton()
    button.setText(title)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setMenu(QMenu(button))
    button.setStyleSheet(f"QToolButton {{{_RIM} padding-right: 16px;}}")
    return button


def _chosen(colour: str) -> str:
    return f"QPushButton:checked {{background: {colour}; color: #111; font-weight: bold;}}"
