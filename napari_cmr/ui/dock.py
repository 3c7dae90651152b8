"""The dock: tabs for each part of the work, and below them what is always in sight."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_cmr.core import InputError, Measures, Segmentation, Stack
from napari_cmr.io import Catalogue
from napari_cmr.report.style import RESEARCH_USE
from napari_cmr.review import Predictor, Project, ReviewSession
from napari_cmr.review.learned import project_predictor
from napari_cmr.ui.canvas_context import CanvasContext
from napari_cmr.ui.coordinator import Coordinator
from napari_cmr.ui.learn_panel import LearnPanel
from napari_cmr.ui.learning import Learning
from napari_cmr.ui.measures_panel import MeasuresPanel, summary
from napari_cmr.ui.naming import NamingPanel
from napari_cmr.ui.outcome_panel import OutcomePanel
from napari_cmr.ui.plane_panel import PlanePanel
from napari_cmr.ui.review_panel import ReviewPanel
from napari_cmr.ui.scar_panel import ScarPanel
from napari_cmr.ui.segment_panel import SegmentPanel
from napari_cmr.ui.settings import settings
from napari_cmr.ui.spacing_panel import SpacingPanel
from napari_cmr.ui.studies_panel import StudiesPanel
from napari_cmr.ui.study_panel import StudyPanel
from napari_cmr.ui.tabs import Tab, Tabs
from napari_cmr.ui.task_runner import TaskRunner
from napari_cmr.ui.versions_panel import VersionsPanel
from napari_cmr.ui.viewing_panel import ViewingPanel
from napari_cmr.ui.why import Why
from napari_cmr.ui.why_panel import WhyPanel

if TYPE_CHECKING:
    import napari.viewer


class CardiacDock(QWidget):
    """Panels in tabs; the message, saving and the research-use line stay under every tab.

    A further panel comes in by one line at the end of ``__init__``:
    ``self.tabs.add_panel(Tab.LEARN, panel)``. A tab without a panel is not shown.

    Parameters
    ----------
    viewer
        The napari viewer that the dock belongs to.
    predictor
        What finds structures; by default the shelf's best model.
    """

    def __init__(self, viewer: napari.viewer.Viewer, predictor: Predictor | None = None) -> None:
        super().__init__()
        chosen = settings()
        self.session = ReviewSession(_project(chosen.folder), chosen.reader)
        self.studies = StudiesPanel()
        self.study = StudyPanel()
        self.spacing = SpacingPanel()
        self.segment = SegmentPanel()
        self.viewing = ViewingPanel()
        self.review = ReviewPanel()
        self.measures = MeasuresPanel()
        self.naming = NamingPanel()
        self.scar = ScarPanel()
        self.plane = PlanePanel()
        self.numbers = _wrapped_label()
        self.learn, self.outcome, self.versions = LearnPanel(), OutcomePanel(), VersionsPanel()
        self.why = WhyPanel()
        self.message = _wrapped_label()
        self.save = QPushButton("Save contours and measures…")
        self.save.clicked.connect(self._ask_where_to_save)
        self.report = QPushButton("Report…")
        self.report.setToolTip("One page of the stack on show, as PDF and HTML, with its numbers")
        self.report.clicked.connect(self.ask_where_to_report)
        self.research_use = _wrapped_label(RESEARCH_USE)
        self.research_use.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.research_use.setStyleSheet("font-weight: bold; padding: 2px;")
        self._lay_out()
        self.canvas = CanvasContext(viewer, self)
        self.runner = TaskRunner(self)
        predictor = predictor or project_predictor(lambda: self.session.project)
        self.coordinator = Coordinator(viewer, self.session, self, self.runner, predictor)
        self.learning = Learning(viewer, self.session, self.coordinator.stage, self, self)
        # A bound method: Qt lets go of it with its object, where a closure might be called cleared.
        self.reasons = Why(
            viewer, self.session, self.coordinator.stage, self.why, self, self.runner
        )
        self.studies.names.setChecked(chosen.names)
        self.coordinator.viewing.fill(chosen.filled)
        self.destroyed.connect(self.reasons.close)
        self.destroyed.connect(self.learning.close)
        self.destroyed.connect(self.coordinator.close)
        self.destroyed.connect(self.canvas.close)

    def open(self, study: Path | Catalogue, *, segment: bool = False) -> None:
        """Open a study in the background, and segment it if so wanted."""
        self.coordinator.open(study, segment=segment)

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Show one sentence under the buttons; an empty one takes the last away."""
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))
        self.message.setStyleSheet(
            "padding: 6px; border-radius: 3px; color: white; background: "
            + ("#a33a1a;" if error else "#3c5f7a;")
        )

    def show_numbers(
        self,
        measures: Measures | None,
        segmentation: Segmentation | None = None,
        stack: Stack | None = None,
    ) -> None:
        """Keep the main numbers in sight under the tabs that have no table of them."""
        self.numbers.setText("" if measures is None else summary(measures, segmentation, stack))
        self._hide_numbers()

    def bring(self, tab: Tab) -> None:
        """Bring a tab to the front."""
        self.tabs.bring(tab)

    def _turn(self) -> None:
        """Another tab is in front: what was said in the one before does not belong to it."""
        self.say("")
        self._hide_numbers()

    def _hide_numbers(self) -> None:
        """The tab that has the table needs no line of it."""
        wanted = bool(self.numbers.text()) and self.tabs.shown is not Tab.SEGMENT
        self.numbers.setVisible(wanted)

    def set_can_save(self, can_save: bool) -> None:
        """There is, or is not, something to save."""
        self.save.setEnabled(can_save)
        self.report.setEnabled(can_save)

    def _lay_out(self) -> None:
        self.tabs = Tabs()
        self.tabs.add_panel(Tab.STUDIES, self.studies, fills=True)
        for widget in (self.study, self.spacing, self.segment, self.viewing):
            self.tabs.add_panel(Tab.SEGMENT, widget)
        for widget in (self.scar, self.plane, self.measures, self.naming):
            self.tabs.add_panel(Tab.SEGMENT, widget)
        self.tabs.add_panel(Tab.CORRECT, self.review)
        for widget in (self.learn, self.outcome, self.versions):
            self.tabs.add_panel(Tab.LEARN, widget)
        self.tabs.add_panel(Tab.WHY, self.why)
        self.tabs.bring(Tab.STUDIES)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.tabs, stretch=1)
        # That work is in memory only must be seen whatever the reader does.
        for widget in (self.numbers, self.message, self.review.trouble, self.review.save):
            outer.addWidget(widget)
        out = QHBoxLayout()
        out.addWidget(self.save, stretch=2)
        out.addWidget(self.report, stretch=1)
        outer.addLayout(out)
        outer.addWidget(self.research_use)
        self.setMinimumWidth(400)
        self.spacing.hide()
        self.say("")
        self.set_can_save(False)
        self.show_numbers(None)
        self.tabs.currentChanged.connect(self._turn)

    def ask_where_to_report(self) -> None:
        """Ask for a place and write the report of the stack on show there."""
        path, _ = QFileDialog.getSaveFileName(
            self, "Write a report", "report.pdf", "Reports (*.pdf)"
        )
        if path:
            named = Path(path)
            self.coordinator.report(named if named.suffix else named.with_suffix(".pdf"))

    def _ask_where_to_save(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Save into a folder"):
            self.coordinator.save(Path(folder))


def _project(folder: Path) -> Project:
    """The project in a folder; nothing that is done may depend on whether it can be opened."""
    try:
        return Project.open(folder)
    except InputError as error:
        return Project.in_memory(str(error))


def _wrapped_label(text: str = "") -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
