"""The dock's tabs; a tab that has nothing in it is not shown."""

from __future__ import annotations

from enum import StrEnum

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea, QTabWidget, QVBoxLayout, QWidget


class Tab(StrEnum):
    """What a reader does in a tab, in the order of the work."""

    STUDIES = "Studies"
    SEGMENT = "Segment"
    CORRECT = "Correct"
    LEARN = "Learn"
    WHY = "Why"


class Tabs(QTabWidget):
    """One scrolling column of panels a tab."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setUsesScrollButtons(False)
        self._columns = {tab: self._page(tab) for tab in Tab}

    @property
    def shown(self) -> Tab:
        """The tab in front."""
        return tuple(Tab)[int(self.currentIndex())]

    def add_panel(self, tab: Tab, panel: QWidget, *, fills: bool = False) -> None:
        """Put a panel under those that the tab has; one that fills takes all height there is."""
        column = self._columns[tab]
        column.insertWidget(column.count() - 1, panel, 1000 if fills else 0)  # above the stretch
        self.setTabVisible(self._index(tab), True)

    def bring(self, tab: Tab) -> None:
        """Bring a tab that has something in it to the front."""
        if self.isTabVisible(self._index(tab)):
            self.setCurrentIndex(self._index(tab))

    def _page(self, tab: Tab) -> QVBoxLayout:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(6, 6, 6, 6)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabVisible(self.addTab(scroll, tab.value), False)
        return column

    @staticmethod
    def _index(tab: Tab) -> int:
        return list(Tab).index(tab)
