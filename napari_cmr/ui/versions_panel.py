"""The versions that a project trained: a list, and what can be done with each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QGridLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_cmr.nets.segmenter_tasks import title_of
from napari_cmr.review.learned import DiskUse, VersionLine

_COLUMNS = ("Version", "For", "What changed", "MB", "Verdict")
_LINES_SHOWN = 6
_TIERS = {"head": "last layer", "lora": "decoder, adapters", "full": "all"}


class VersionsPanel(QWidget):
    """Emits what is to be done with a version or with what learning keeps on disk."""

    use_wanted = Signal(str, str)
    """Task and version."""
    remove_wanted = Signal(str, str)
    hand_over_wanted = Signal(str, str, object)
    """Task, version and path of the file."""
    take_in_wanted = Signal(object)
    """Path of another site's file."""
    clear_cache_wanted = Signal()
    forget_images_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.versions = QTreeWidget()
        self.versions.setColumnCount(len(_COLUMNS))
        self.versions.setHeaderLabels(list(_COLUMNS))
        self.versions.setRootIsDecorated(False)
        self.versions.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.versions.currentItemChanged.connect(lambda *_: self._enable())
        self.use, self.remove = QPushButton("Use"), QPushButton("Remove")
        self.hand_over, self.take_in = QPushButton("Hand over…"), QPushButton("Take in…")
        self.hand_over.setToolTip("Write the version as one file for another site")
        self.take_in.setToolTip("Take a version from another site; its card and hashes are checked")
        self.clear_cache, self.forget = QPushButton("Clear cache"), QPushButton("Forget images")
        self.clear_cache.setToolTip("What networks said of pictures; it is made again when needed")
        self.forget.setToolTip("The kept images of corrected cases; the corrections stay")
        self.disk = QLabel()
        self.disk.setWordWrap(True)
        self._lines: dict[tuple[str, str], VersionLine] = {}
        self._connect()
        self._lay_out()
        self.show_versions(())
        self.show_disk(DiskUse())

    @property
    def chosen(self) -> tuple[str, str]:
        """Task and version of what is marked in the list; empty where nothing is."""
        item = self.versions.currentItem()
        if item is None:
            return "", ""
        task, version = item.data(0, Qt.ItemDataRole.UserRole)
        return str(task), str(version)

    def choose(self, task: str, version: str) -> None:
        """Mark a version."""
        for row in range(self.versions.topLevelItemCount()):
            item = self.versions.topLevelItem(row)
            if tuple(item.data(0, Qt.ItemDataRole.UserRole)) == (task, version):
                self.versions.setCurrentItem(item)

    def show_versions(self, lines: Sequence[VersionLine]) -> None:
        """List the versions."""
        chosen = self.chosen
        self._lines = {(line.task, line.version): line for line in lines}
        self.versions.clear()
        for line in lines:
            self.versions.addTopLevelItem(_item(line))
        for column in range(len(_COLUMNS)):
            self.versions.resizeColumnToContents(column)
        rows = min(max(len(lines), 2), _LINES_SHOWN) + 1
        self.versions.setFixedHeight(rows * (self.fontMetrics().height() + 8) + 6)
        self.choose(*chosen)
        self.setEnabled(True)
        self._enable()

    def show_disk(self, use: DiskUse) -> None:
        """Say what learning takes on disk."""
        self.disk.setText(
            f"On disk: versions {_mb(use.versions)}, cache {_mb(use.cache)}, images of corrected "
            f"cases {_mb(use.images)}."
        )
        self.clear_cache.setEnabled(use.cache > 0)
        self.forget.setEnabled(use.images > 0)

    def _enable(self) -> None:
        line = self._lines.get(self.chosen)
        self.use.setEnabled(line is not None and not line.active)
        self.remove.setEnabled(line is not None and line.removable)
        self.hand_over.setEnabled(line is not None)

    def _connect(self) -> None:
        self.use.clicked.connect(lambda: self.use_wanted.emit(*self.chosen))
        self.remove.clicked.connect(self._ask_to_remove)
        self.hand_over.clicked.connect(self._ask_where)
        self.take_in.clicked.connect(self._ask_which)
        self.clear_cache.clicked.connect(self.clear_cache_wanted)
        self.forget.clicked.connect(self._ask_to_forget)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        buttons = (
            self.use, self.remove, self.hand_over, self.take_in, self.clear_cache, self.forget
        )  # fmt: skip
        for place, button in enumerate(buttons):
            grid.addWidget(button, place // 3, place % 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.versions)
        layout.addLayout(grid)
        layout.addWidget(self.disk)

    def _ask_to_remove(self) -> None:
        task, version = self.chosen
        if self._sure(f"Remove {version} for {title_of(task)}? It cannot be had back."):
            self.remove_wanted.emit(task, version)

    def _ask_to_forget(self) -> None:
        if self._sure(
            "Forget the kept images? Corrections stay, but cannot be learnt from before their "
            "studies are opened again."
        ):
            self.forget_images_wanted.emit()

    def _sure(self, question: str) -> bool:
        return bool(
            QMessageBox.question(self, "Cardiac MR", question) == QMessageBox.StandardButton.Yes
        )

    def _ask_where(self) -> None:
        task, version = self.chosen
        path, _ = QFileDialog.getSaveFileName(
            self, "Hand a version over", f"{task}-{version}.zip", "Versions (*.zip)"
        )
        if path:
            self.hand_over_wanted.emit(task, version, Path(path))

    def _ask_which(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Take a version in", "", "Versions (*.zip)")
        if path:
            self.take_in_wanted.emit(Path(path))


def _item(line: VersionLine) -> QTreeWidgetItem:
    star = "★ " if line.active else "   "
    changed = _TIERS.get(line.tier, line.tier) if line.parent else ""
    size = f"{line.size_bytes / 1e6:.1f}"
    item = QTreeWidgetItem(
        [f"{star}{line.version}", title_of(line.task), changed, size, line.verdict]
    )
    item.setData(0, Qt.ItemDataRole.UserRole, (line.task, line.version))
    item.setToolTip(0, f"made {line.made}" + (f" from {line.parent}" if line.parent else ""))
    item.setToolTip(len(_COLUMNS) - 1, line.verdict)
    return item


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 1e6 or size == 0 else f"{size / 1e6:.1f} MB"
