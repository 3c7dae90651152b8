"""Opens a study and lists its stacks."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QItemSelectionModel, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_cmr.io import Catalogue, Entry

_COLUMNS = ("Stack", "View", "Sequence", "Phases x slices", "Notes")
_FILES = "Images (*.nii *.nii.gz *.dcm *.DCM *.ima *.IMA *.zip);;All files (*)"


class StudyPanel(QWidget):
    """Emits what the reader wants to open and look at; draws what a study holds."""

    open_wanted = Signal(object)
    """Path of a folder or file."""
    stack_wanted = Signal(str)
    """Name of a stack."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.open_folder = QPushButton("Open folder…")
        self.open_folder.setToolTip("A folder of DICOM or NIfTI files, or an ACDC patient")
        self.open_folder.clicked.connect(self._ask_for_folder)
        self.open_file = QPushButton("Open file…")
        self.open_file.setToolTip("A NIfTI or multi-frame DICOM file")
        self.open_file.clicked.connect(self._ask_for_file)
        self.stacks = _stack_list()
        self.stacks.currentItemChanged.connect(self._current_changed)
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.notes.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_folder)
        buttons.addWidget(self.open_file)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.stacks)
        layout.addWidget(self.notes)

    def show_catalogue(self, catalogue: Catalogue) -> None:
        """List the stacks of a study; none is chosen yet."""
        self.stacks.blockSignals(True)
        self.stacks.clear()
        for entry in catalogue.entries:
            self.stacks.addTopLevelItem(_item(entry))
        for column in range(len(_COLUMNS)):
            self.stacks.resizeColumnToContents(column)
        self.stacks.blockSignals(False)
        self.notes.clear()

    def show_chosen(self, stack_id: str, notes: tuple[str, ...]) -> None:
        """Mark the chosen stack and say what was irregular about it."""
        for row in range(self.stacks.topLevelItemCount()):
            item = self.stacks.topLevelItem(row)
            if item.text(0) == stack_id:
                self.stacks.blockSignals(True)
                self.stacks.setCurrentItem(
                    item,
                    0,
                    QItemSelectionModel.SelectionFlag.ClearAndSelect
                    | QItemSelectionModel.SelectionFlag.Rows,
                )
                self.stacks.blockSignals(False)
        self.notes.setText("\n".join(f"• {note}" for note in notes))
        self.notes.setVisible(bool(notes))

    def set_busy(self, busy: bool) -> None:
        """While something is being done nothing else can be opened or chosen."""
        for widget in (self.open_folder, self.open_file, self.stacks):
            widget.setEnabled(not busy)

    def _ask_for_folder(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Open a study's folder"):
            self.open_wanted.emit(Path(folder))

    def _ask_for_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Open an image file", filter=_FILES)
        if file:
            self.open_wanted.emit(Path(file))

    def _current_changed(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self.stack_wanted.emit(item.text(0))


def _stack_list() -> QTreeWidget:
    tree = QTreeWidget()
    tree.setHeaderLabels(_COLUMNS)
    tree.setRootIsDecorated(False)
    tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    tree.setUniformRowHeights(True)
    tree.setMinimumHeight(110)
    tree.setMaximumHeight(190)
    return tree


def _item(entry: Entry) -> QTreeWidgetItem:
    phases, slices = entry.shape[:2]
    notes = [str(finding) for finding in entry.findings]
    texts = [
        entry.stack_id,
        str(entry.view),
        str(entry.sequence),
        f"{phases} x {slices}",
        str(len(notes)) if notes else "",
    ]
    item = QTreeWidgetItem(texts)
    item.setToolTip(1, entry.view_basis)
    for column in (0, 2, 3, 4):
        item.setToolTip(column, "\n".join(notes))
    return item
