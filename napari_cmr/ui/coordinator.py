"""Carries intentions from the panels to the session, and what changed back to be drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from qtpy.QtCore import QTimer

from napari_cmr.core import InputError
from napari_cmr.io import Catalogue
from napari_cmr.review import (
    Event,
    PhasesSet,
    Predictor,
    ProjectChosen,
    ReviewSession,
    Segmented,
    StackChosen,
    StudyOpened,
    Task,
)
from napari_cmr.ui.corrections import Corrections
from napari_cmr.ui.keys import Keys
from napari_cmr.ui.layers import Source
from napari_cmr.ui.measures_panel import MeasuresPanel
from napari_cmr.ui.review_panel import ReviewPanel
from napari_cmr.ui.segment_panel import SegmentPanel
from napari_cmr.ui.spacing_panel import SpacingPanel
from napari_cmr.ui.stage import Stage, source_of
from napari_cmr.ui.study_panel import StudyPanel
from napari_cmr.ui.task_runner import TaskRunner
from napari_cmr.ui.viewing import Viewing
from napari_cmr.ui.viewing_panel import ViewingPanel


class Panels(Protocol):
    """What the coordinator connects."""

    study: StudyPanel
    spacing: SpacingPanel
    segment: SegmentPanel
    viewing: ViewingPanel
    review: ReviewPanel
    measures: MeasuresPanel

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Show one sentence; an empty one takes the last away."""

    def set_can_save(self, can_save: bool) -> None:
        """There is, or is not, something to save."""


class Coordinator:
    """Connects one session, one viewer and the panels.

    Parameters
    ----------
    viewer
        The napari viewer.
    session
        The session that the panels show.
    panels
        Where to draw.
    runner
        What runs long work.
    predictor
        What finds structures; None is the shelf's best model.
    """

    def __init__(
        self,
        viewer: Any,
        session: ReviewSession,
        panels: Panels,
        runner: TaskRunner,
        predictor: Predictor | None = None,
    ) -> None:
        self.session = session
        self.predictor = predictor
        self.stage = Stage(viewer, self._moved)
        self._viewer = viewer
        self._panels = panels
        self._runner = runner
        self.keys = Keys(viewer)
        self.viewing = Viewing(viewer, session, self.stage, panels.viewing, self.keys, runner)
        self.corrections = Corrections(
            viewer, session, self.stage, panels, self.keys, runner, self._draw_numbers
        )
        session.changed.connect(self._on_changed)
        viewer.layers.events.inserted.connect(self._on_layer)
        self._connect_panels()
        self._connect_runner()
        self._adopt_layers()

    def close(self) -> None:
        """Let go of the viewer, which may live on."""
        self.session.changed.disconnect(self._on_changed)
        self._viewer.layers.events.inserted.disconnect(self._on_layer)
        self.viewing.close()
        self.corrections.close()
        self.keys.close()
        self.stage.close()

    def open(self, study: Path | Catalogue, *, segment: bool = False) -> None:
        """Open a study, choose the stack to look at first, and segment it if so wanted.

        Parameters
        ----------
        study
            Its path, or its catalogue where it was scanned already.
        """
        if isinstance(study, Catalogue):
            self.session.adopt(study)
            self._look_at_first(segment)
        else:
            self._start(
                lambda: self.session.opening(study), then=lambda: self._look_at_first(segment)
            )

    def choose(self, stack_id: str, spacing: tuple[float, float, float] | None = None) -> None:
        """Show another stack, or the same with the spacing that the reader gave."""
        self._start(lambda: self.session.choosing(stack_id, spacing))

    def segment(self) -> None:
        """Segment the stack on show."""
        self._start(lambda: self.session.predicting(self.predictor))

    def save(self, folder: Path) -> None:
        """Write labels and measures into a folder."""
        try:
            files = self.session.export(folder)
        except InputError as error:
            self._panels.say(str(error), error=True)
        else:
            self._panels.say(f"Saved {', '.join(f.name for f in files)} in {folder}.")

    def _connect_panels(self) -> None:
        panels, session = self._panels, self.session
        panels.study.open_wanted.connect(self.open)
        panels.study.stack_wanted.connect(self.choose)
        panels.spacing.spacing_given.connect(self._take_spacing)
        panels.segment.segment_wanted.connect(self.segment)
        panels.segment.cancel_wanted.connect(self._runner.cancel)
        measures = panels.measures
        measures.phase_wanted.connect(lambda phase: self.stage.go_to(phase=phase))
        measures.ed_set_here.connect(lambda: self._set_phases(ed=self.stage.phase))
        measures.es_set_here.connect(lambda: self._set_phases(es=self.stage.phase))
        measures.phases_reset.connect(lambda: self._try(lambda: session.set_phases(None, None)))

    def _connect_runner(self) -> None:
        runner, panels = self._runner, self._panels
        runner.started.connect(panels.segment.set_busy)
        runner.started.connect(lambda: panels.study.set_busy(True))
        runner.progressed.connect(panels.segment.show_progress)
        runner.failed.connect(lambda sentence: panels.say(sentence, error=True))
        runner.cancelled.connect(lambda: panels.say("Cancelled; nothing was changed."))
        runner.ended.connect(self._ended)

    def _start(self, task: Callable[[], Task[Any]], then: Callable[[], None] | None = None) -> None:
        self._panels.say("")
        self._try(lambda: self._runner.start(task(), then))

    def _try(self, intention: Callable[[], object]) -> None:
        try:
            intention()
        except InputError as error:
            self._panels.say(str(error), error=True)

    def _ended(self) -> None:
        self._panels.segment.set_idle()
        self._panels.study.set_busy(False)
        self._panels.study.show_chosen(self.session.stack)

    def _look_at_first(self, segment: bool) -> None:
        first = self.session.suggest()
        self._start(lambda: self.session.choosing(first), then=self.segment if segment else None)

    def _set_phases(self, *, ed: int | None = None, es: int | None = None) -> None:
        reading = self.session.reading
        if reading is not None:
            ed = reading.ed if ed is None else ed
            es = reading.es if es is None else es
            self._try(lambda: self.session.set_phases(ed, es))

    def _take_spacing(self, spacing: tuple[float, float, float]) -> None:
        if self.session.stack is not None:
            self.choose(self.session.stack.stack_id, spacing)

    def _on_changed(self, event: Event) -> None:
        match event:
            case StudyOpened(catalogue=catalogue):
                self.stage.clear(keep=catalogue)
                self._panels.study.show_catalogue(catalogue)
                self._draw_reading()
            case StackChosen():
                self._draw_stack()
                self._draw_reading()
            case Segmented():
                self._draw_contours()
                self._draw_reading()
            case PhasesSet():
                self._draw_reading()
            case ProjectChosen():
                self._draw_contours()
                self._draw_reading()
        self.corrections.on_changed(event)

    def _moved(self, phase: int) -> None:
        self._panels.measures.show_phase(phase)
        self.corrections.moved()

    def _draw_stack(self) -> None:
        session = self.session
        if session.stack is not None and session.catalogue is not None:
            self.stage.show_stack(Source(session.catalogue, session.stack))
            self._panels.study.show_chosen(session.stack)
            self._draw_contours()
            self.corrections.show_stack()

    def _draw_contours(self) -> None:
        if self.session.segmentation is None:
            self.stage.remove_contours()
        else:
            self.stage.show_segmentation(self.session.segmentation)
            self.corrections.hear()

    def _draw_reading(self) -> None:
        session, panels = self.session, self._panels
        stack = session.stack
        panels.spacing.setVisible(stack is not None and not stack.geometry.spacing_known)
        panels.segment.set_has_stack(stack is not None)
        self.viewing.show_stack()
        panels.measures.set_has_stack(stack is not None)
        self._draw_numbers()

    def _draw_numbers(self) -> None:
        session, panels = self.session, self._panels
        panels.set_can_save(session.segmentation is not None)
        panels.measures.show_measures(session.measures, session.segmentation)
        panels.measures.show_phase(self.stage.phase)

    def _on_layer(self, event: Any) -> None:
        source = source_of(event.value)
        if source is not None and source.catalogue is not self.session.catalogue:
            # napari adds a study's layers one by one; take them when all are there.
            QTimer.singleShot(0, self._adopt_layers)

    def _adopt_layers(self) -> None:
        """Take a study that came in through napari's File menu or by drag and drop."""
        sources = self.stage.sources()
        if not sources or sources[-1].catalogue is self.session.catalogue:
            return
        newest = sources[-1]
        stacks = tuple(s.stack for s in sources if s.catalogue is newest.catalogue)
        self._runner.cancel()
        self.session.adopt(newest.catalogue, stacks)
        self.session.choose(newest.stack.stack_id)
