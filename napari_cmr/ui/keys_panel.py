"""Lists what each key does, and lets a reader give it another."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QKeySequenceEdit,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_cmr.ui.keys import NAPARIS_OWN, Shortcut

_TO_NAPARI = {"PgUp": "PageUp", "PgDown": "PageDown", "Return": "Enter", "Esc": "Escape"}
_TO_NAPARI |= {"Del": "Delete", "Ins": "Insert"}


class KeysPanel(QDialog):
    """Emits that an action is wanted on another key."""

    rebind_wanted = Signal(str, str)
    """Name of the action, and the key."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.list = QTreeWidget()
        self.list.setHeaderLabels(("Key", "What it does"))
        self.list.setRootIsDecorated(False)
        self.list.currentItemChanged.connect(lambda *_: self._allow())
        self.edit = QKeySequenceEdit()
        self.apply = QPushButton("Use this key")
        self.apply.clicked.connect(self._emit)
        self.message = QLabel("Choose a line, press another key, and use it.")
        self.message.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.edit, stretch=1)
        row.addWidget(self.apply)
        layout = QVBoxLayout(self)
        layout.addWidget(self.list)
        layout.addLayout(row)
        layout.addWidget(self.message)
        self.resize(460, 620)

    def show_table(self, table: tuple[Shortcut, ...]) -> None:
        """List the actions, ours first and napari's tools after them."""
        self.list.clear()
        for shortcut in table:
            item = QTreeWidgetItem([shortcut.key, shortcut.title])
            item.setData(0, Qt.ItemDataRole.UserRole, shortcut.name)
            self.list.addTopLevelItem(item)
        for key, title in NAPARIS_OWN.items():
            item = QTreeWidgetItem([key, f"{title} (napari)"])
            item.setDisabled(True)
            self.list.addTopLevelItem(item)
        self.list.resizeColumnToContents(0)
        self._allow()

    def say(self, sentence: str) -> None:
        """Show one sentence."""
        self.message.setText(sentence)

    def _chosen(self) -> str:
        item = self.list.currentItem()
        return "" if item is None else str(item.data(0, Qt.ItemDataRole.UserRole) or "")

    def _allow(self) -> None:
        self.apply.setEnabled(bool(self._chosen()))

    def _emit(self) -> None:
        text = self.edit.keySequence().toString(QKeySequence.SequenceFormat.PortableText)
        first = text.split(", ")[0] if text != "," else text
        *modifiers, key = first.split("+") if first != "+" else [first]
        named = "+".join([*modifiers, _TO_NAPARI.get(key, key)])
        self.rebind_wanted.emit(self._chosen(), named)
