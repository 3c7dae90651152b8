"""Lists the studies of a folder with a picture each; emits which one is to be opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_cmr.review.worklist import Order
from napari_cmr.ui.quiet_tree import QuietTree

_COLUMNS = ("Study", "State", "View", "Seq.", "Size", "Unsure")
_SEQUENCE, _SIZE, _UNSURE = 3, 4, 5
_FILES = "Images (*.nii *.nii.gz *.dcm *.DCM *.ima *.IMA *.zip);;All files (*)"
_PICTURE = 48
_INDENT = 12
_KEY = Qt.ItemDataRole.UserRole
_STACK = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True)
class Line:
    """One stack of a study as the list shows it."""

    stack: str
    view: str
    sequence: str
    shape: str
    state: str
    uncertainty: str = ""


@dataclass(frozen=True)
class Row:
    """One study as the list shows it: the stack to look at first, and the others."""

    key: str
    title: str
    first: Line
    others: tuple[Line, ...] = ()


class StudiesPanel(QWidget):
    """Emits what to open; draws rows, pictures and how far the listing is."""

    folder_wanted = Signal(object)
    """Path of a folder or file to list or open."""
    study_wanted = Signal(str, str)
    """Key of a study, and name of a stack of it, or an empty one for the first."""
    next_wanted = Signal()
    beside_wanted = Signal(str)
    """Key of a study to be shown beside the open one."""
    stop_wanted = Signal()
    order_wanted = Signal(object)
    names_wanted = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.open_folder = QPushButton("Open folder…")
        self.open_folder.setToolTip("A study, or a folder of studies: DICOM, NIfTI or ACDC")
        self.open_folder.clicked.connect(self._ask_for_folder)
        self.open_file = QPushButton("Open file…")
        self.open_file.setToolTip("A NIfTI, zip or multi-frame DICOM file")
        self.open_file.clicked.connect(self._ask_for_file)
        self.order = QComboBox()
        self.order.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # letters stay the window's keys
        for order in Order:
            self.order.addItem(order.value, order)
        self.order.activated.connect(lambda _: self.order_wanted.emit(self.order.currentData()))
        self.names = QCheckBox("Names")
        self.names.setToolTip("I: show who the person is. Names stay in memory")
        self.names.setChecked(True)
        self.names.toggled.connect(self.names_wanted)
        self.next = QPushButton("Next study")
        self.next.setToolTip("N: open the next study of the list")
        self.next.clicked.connect(self.next_wanted)
        self.beside = QPushButton("Show beside")
        self.beside.setToolTip("The chosen study beside the open one, with the numbers of both")
        self.beside.clicked.connect(self._want_beside)
        self.stop = QPushButton("Stop")
        self.stop.clicked.connect(self.stop_wanted)
        self.progress, self.notes = QLabel(), QLabel()
        self.notes.setWordWrap(True)
        self.list = _tree()
        self.list.itemActivated.connect(self._activated)
        self._items: dict[str, QTreeWidgetItem] = {}
        self._icons: dict[tuple[str, str], QIcon] = {}
        self._lay_out()
        self.show_progress("")
        self.show_notes("")

    def show_rows(self, rows: Sequence[Row], current: str | None) -> None:
        """List these studies in this order; the open one is bold and in sight."""
        place = self.list.verticalScrollBar().value()
        opened = {key for key, item in self._items.items() if item.isExpanded()}
        self.list.clear()
        self._items = {row.key: self._item(row, bold=row.key == current) for row in rows}
        self.list.addTopLevelItems(list(self._items.values()))
        for key, item in self._items.items():
            item.setExpanded(key in opened or len(rows) == 1)
        self._fit()
        self.list.verticalScrollBar().setValue(place)
        if current in self._items:
            self.list.setCurrentItem(self._items[current])
        self.next.setEnabled(len(rows) > 0)

    def add_row(self, row: Row) -> None:
        """List one more study at the end, or draw one anew where it stands."""
        known = self._items.get(row.key)
        item = self._item(row, bold=known is not None and known.font(0).bold())
        if known is None:
            self.list.addTopLevelItem(item)
        else:
            at, current = self.list.indexOfTopLevelItem(known), self.list.currentItem() is known
            opened = known.isExpanded()
            self.list.takeTopLevelItem(at)
            self.list.insertTopLevelItem(at, item)
            item.setExpanded(opened)
            if current:
                self.list.setCurrentItem(item)
        self._items[row.key] = item
        if known is not None or len(self._items) < 3:
            self._fit()
        self.next.setEnabled(True)

    def show_picture(self, key: str, stack: str, picture: npt.NDArray[Any]) -> None:
        """Show the middle slice of a stack."""
        self._icons[key, stack] = _icon(picture)
        item = self._items.get(key)
        for line in (
            [] if item is None else [item, *(item.child(i) for i in range(item.childCount()))]
        ):
            if line is not None and line.data(0, _STACK) == stack:
                line.setIcon(0, self._icons[key, stack])

    def show_progress(self, sentence: str) -> None:
        """How far the listing is; an empty sentence ends it."""
        self.progress.setText(sentence)
        self.progress.setVisible(bool(sentence))
        self.stop.setVisible(bool(sentence))

    def show_notes(self, sentence: str) -> None:
        """What is to be known of the list."""
        self.notes.setText(sentence)
        self.notes.setVisible(bool(sentence))

    def clear_pictures(self) -> None:
        """Another folder is listed."""
        self._icons.clear()

    def set_busy(self, busy: bool) -> None:
        """While a study is being read no other can be opened."""
        for widget in (self.open_folder, self.open_file):
            widget.setEnabled(not busy)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for widget in (self.open_folder, self.open_file):
            buttons.addWidget(widget)
        choices = QGridLayout()
        choices.addWidget(QLabel("Order"), 0, 0)
        choices.addWidget(self.order, 0, 1)
        choices.addWidget(self.names, 0, 2)
        choices.addWidget(self.next, 1, 0, 1, 2)
        choices.addWidget(self.beside, 1, 2)
        choices.setColumnStretch(1, 1)
        listing = QHBoxLayout()
        listing.addWidget(self.progress, stretch=1)
        listing.addWidget(self.stop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addLayout(choices)
        layout.addWidget(self.list, stretch=1)
        layout.addLayout(listing)
        layout.addWidget(self.notes)
        self.list.setMinimumHeight(420)
        self.next.setEnabled(False)

    def _item(self, row: Row, *, bold: bool) -> QTreeWidgetItem:
        item = self._line(row.key, row.title, row.first)
        item.addChildren([self._line(row.key, line.stack, line) for line in row.others])
        if bold:
            font = item.font(0)
            font.setBold(True)
            item.setFont(0, font)
        return item

    def _line(self, key: str, title: str, line: Line) -> QTreeWidgetItem:
        texts = [title, line.state, line.view, line.sequence, line.shape, line.uncertainty]
        item = QTreeWidgetItem(texts)
        item.setData(0, _KEY, key)
        item.setData(0, _STACK, line.stack)
        item.setToolTip(0, title)
        if icon := self._icons.get((key, line.stack)):
            item.setIcon(0, icon)
        return item

    def _fit(self) -> None:
        """As wide as their words; a column that says nothing leaves its room to the names."""
        values = [item.text(_UNSURE) for item in self._items.values()]
        self.list.setColumnHidden(_UNSURE, not any(values))
        for column in range(1, len(_COLUMNS)):
            self.list.resizeColumnToContents(column)

    def _activated(self, item: QTreeWidgetItem) -> None:
        stack = item.data(0, _STACK) if item.parent() is not None else ""
        self.study_wanted.emit(item.data(0, _KEY), stack)

    def _want_beside(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.beside_wanted.emit(item.data(0, _KEY))

    def _ask_for_folder(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Open a study or a folder of studies"):
            self.folder_wanted.emit(Path(folder))

    def _ask_for_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Open an image file", filter=_FILES)
        if file:
            self.folder_wanted.emit(Path(file))


def _tree() -> QTreeWidget:
    tree = QuietTree()
    tree.setHeaderLabels(_COLUMNS)
    for column, tip in (
        (_SEQUENCE, "Sequence"),
        (_SIZE, "Phases x slices"),
        (_UNSURE, "How unsure the model is: the share of Dice that it expects to lose"),
    ):
        tree.headerItem().setToolTip(column, tip)
    header = tree.header()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.moveSection(_UNSURE, 1)  # what the list may be ordered by stays in sight
    tree.setIndentation(_INDENT)
    tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    tree.setIconSize(QSize(_PICTURE, _PICTURE))
    tree.setUniformRowHeights(False)
    tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names often differ at their end
    tree.setToolTip("Double click or Enter opens a study")
    return tree


def _icon(picture: npt.NDArray[Any]) -> QIcon:
    """A small picture between its 1st and 99th percentile."""
    low, high = np.percentile(picture, (1, 99))
    grey = np.clip((picture - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
    grey = np.ascontiguousarray(grey)
    rows, columns = grey.shape
    image = QImage(grey.data, columns, rows, columns, QImage.Format.Format_Grayscale8)
    keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    return QIcon(QPixmap.fromImage(image).scaled(_PICTURE, _PICTURE, keep, smooth))
