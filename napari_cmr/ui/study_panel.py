"""Lists the stacks of the open study."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_cmr.core import Stack
from napari_cmr.io import Catalogue, Entry
from napari_cmr.ui.quiet_tree import QuietTree

_COLUMNS = ("Stack", "View", "Sequence", "Phases x slices", "Notes")


class StudyPanel(QWidget):
    """Emits which stack the reader wants to look at; draws what a study holds."""

    stack_wanted = Signal(str)
    """Name of a stack."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stacks = _stack_list()
        self.stacks.currentItemChanged.connect(self._current_changed)
        self.left_out, self.notes = _text_label(), _text_label()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.stacks)
        layout.addWidget(self.left_out)
        layout.addWidget(self.notes)
        self._fit_height(0)

    def show_catalogue(self, catalogue: Catalogue) -> None:
        """List the stacks of a study; none is chosen yet."""
        self.stacks.blockSignals(True)
        self.stacks.clear()
        for entry in catalogue.entries:
            self.stacks.addTopLevelItem(_item(entry))
        for column in range(len(_COLUMNS)):
            self.stacks.resizeColumnToContents(column)
        self.stacks.blockSignals(False)
        self._fit_height(len(catalogue.entries))
        self.left_out.setText(_left_out(catalogue))
        self.left_out.setVisible(bool(self.left_out.text()))
        self.show_chosen(None)

    def show_chosen(self, stack: Stack | None) -> None:
        """Mark the chosen stack, or none, and say what was irregular about it."""
        self.stacks.blockSignals(True)
        self.stacks.setCurrentItem(None if stack is None else self._item_of(stack.stack_id))
        self.stacks.blockSignals(False)
        findings = () if stack is None else stack.findings
        self.notes.setText("\n".join(f"• {finding}" for finding in findings))
        self.notes.setVisible(bool(findings))

    def set_busy(self, busy: bool) -> None:
        """While something is being done nothing else can be chosen."""
        self.stacks.setEnabled(not busy)

    def _item_of(self, stack_id: str) -> QTreeWidgetItem | None:
        found = self.stacks.findItems(stack_id, Qt.MatchFlag.MatchExactly, 0)
        return found[0] if found else None

    def _fit_height(self, n_stacks: int) -> None:
        """Room for what there is, between three and nine rows."""
        row = max(self.stacks.sizeHintForRow(0), self.stacks.fontMetrics().height())
        head = self.stacks.header().sizeHint().height()
        self.stacks.setFixedHeight(head + row * min(max(n_stacks, 3), 9) + 8)

    def _current_changed(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self.stack_wanted.emit(item.text(0))


def _stack_list() -> QTreeWidget:
    tree = QuietTree()
    tree.setHeaderLabels(_COLUMNS)
    tree.setRootIsDecorated(False)
    tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    tree.setUniformRowHeights(True)
    return tree


def _text_label() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.hide()
    return label


def _left_out(catalogue: Catalogue) -> str:
    reasons = [f"{count} {reason}" for reason, count in catalogue.skipped.items()]
    findings = [str(finding) for finding in catalogue.findings]
    return " ".join([f"Files left out: {', '.join(reasons)}."] * bool(reasons) + findings)


def _item(entry: Entry) -> QTreeWidgetItem:
    phases, slices = entry.shape[:2]
    notes = [str(finding) for finding in entry.findings]
    texts = [
        entry.stack_id,
        str(entry.view),
        entry.left_alone or str(entry.sequence),
        f"{phases} x {slices}",
        str(len(notes)) if notes else "",
    ]
    item = QTreeWidgetItem(texts)
    item.setToolTip(1, entry.view_basis)
    for column in (0, 2, 3, 4):
        item.setToolTip(column, "\n".join(notes))
    return item
