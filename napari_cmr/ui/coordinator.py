"""Carries intentions from the panels to the session, and what changed back to be drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from qtpy.QtCore import QTimer

from napari_cmr import io
from napari_cmr.core import Cancel, InputError, Measures, Progress, Segmentation, Stack
from napari_cmr.io import Catalogue
from napari_cmr.review import (
    Corrected,
    Event,
    Frame,
    PhasesSet,
    Predictor,
    ProjectChosen,
    ReviewSession,
    Segmented,
    StackChosen,
    StudyOpened,
    Task,
)
from napari_cmr.review.reporting import reporting
from napari_cmr.review.worklist import by_subject, places
from napari_cmr.ui.arriving import Arriving
from napari_cmr.ui.beside import Beside
from napari_cmr.ui.corrections import Corrections
from napari_cmr.ui.keys import Keys
from napari_cmr.ui.layers import Source
from napari_cmr.ui.measures_panel import MeasuresPanel
from napari_cmr.ui.naming import Naming, NamingPanel
from napari_cmr.ui.plane_panel import PlanePanel
from napari_cmr.ui.review_panel import ReviewPanel
from napari_cmr.ui.scar import Enhancement
from napari_cmr.ui.scar_panel import ScarPanel
from napari_cmr.ui.segment_panel import SegmentPanel
from napari_cmr.ui.spacing_panel import SpacingPanel
from napari_cmr.ui.stage import Stage, source_of
from napari_cmr.ui.studies import Studies
from napari_cmr.ui.studies_panel import StudiesPanel
from napari_cmr.ui.study_panel import StudyPanel
from napari_cmr.ui.tabs import Tab
from napari_cmr.ui.task_runner import TaskRunner
from napari_cmr.ui.viewing import Viewing
from napari_cmr.ui.viewing_panel import ViewingPanel

WORDS_MS = 50
"""How long after a stroke the panels follow, so that strokes in a row share one drawing of them."""


class Panels(Protocol):
    """What the coordinator connects."""

    studies: StudiesPanel
    study: StudyPanel
    spacing: SpacingPanel
    segment: SegmentPanel
    viewing: ViewingPanel
    review: ReviewPanel
    measures: MeasuresPanel
    naming: NamingPanel
    scar: ScarPanel
    plane: PlanePanel

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Show one sentence; an empty one takes the last away."""

    def set_can_save(self, can_save: bool) -> None:
        """There is, or is not, something to save."""

    def show_numbers(
        self, measures: Measures | None, segmentation: Segmentation | None, stack: Stack | None
    ) -> None:
        """Keep the main numbers in sight."""

    def bring(self, tab: Tab) -> None:
        """Bring a tab to the front."""


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
        self.arriving = Arriving(viewer)
        self.keys = Keys(viewer)
        self.viewing = Viewing(
            viewer, session, self.stage, panels.viewing, self.keys, runner, panels.say
        )
        self.scar = Enhancement(viewer, session, self.viewing.rulers, panels.scar, runner)
        self.beside = Beside(viewer, session, self.stage, panels.viewing, runner, panels.say)
        self.naming = Naming(session, panels.naming, runner, panels.say)
        self.studies = Studies(
            session, panels.studies, self.keys, runner, self.open_listed, panels.say
        )
        self.corrections = Corrections(
            viewer, session, self.stage, panels, self.keys, runner, self._draw_numbers
        )
        # Words can wait until a stroke is drawn: they take as long as napari's dab does.
        self._later = QTimer(runner)
        self._later.setSingleShot(True)
        self._later.setInterval(WORDS_MS)
        self._later.timeout.connect(self._draw_state)
        self._later.timeout.connect(self.corrections.show_state)
        session.changed.connect(self._on_changed)
        viewer.layers.events.inserted.connect(self._on_layer)
        self._connect_panels()
        self._connect_runner()
        self._adopt_layers()

    def close(self) -> None:
        """Let go of the viewer, which may live on."""
        self.session.changed.disconnect(self._on_changed)
        self._viewer.layers.events.inserted.disconnect(self._on_layer)
        self.studies.close()
        self.beside.close()
        self.naming.close()
        self.scar.close()
        self.viewing.close()
        self.corrections.close()
        self.keys.close()
        self.stage.close()

    def open(self, study: Path | Catalogue, *, segment: bool = False) -> None:
        """Open a study, choose the stack to look at first, and segment it if so wanted.

        Parameters
        ----------
        study
            Its path, or its catalogue where it was scanned already. A folder of several studies
            is listed instead.
        """
        if isinstance(study, Catalogue):
            self._open_read(study, segment=segment)
        elif self._has_several_places(study):
            self._panels.say("")
            self.studies.list_folder(study, lambda one: self._open_read(one, segment=segment))
        else:
            self._read_headers(study, segment=segment)

    def open_listed(self, catalogue: Catalogue, stack: str) -> None:
        """Open a study of the list, at a stack or at the one to look at first."""
        if self._runner.busy:
            self._panels.say("Something else is still being done; wait for it or cancel it.")
        elif stack and catalogue is self.session.catalogue:
            self._show_opened()
            self.choose(stack)
        else:
            self._open_read(catalogue, stack=stack)

    def show_beside(self, key: str) -> None:
        """Show a study of the list beside the one under review, with the numbers of both."""
        study = self.studies.worklist.find(key)
        if study is not None:
            same = self.studies.same_person(key)
            self.beside.show_study(study.first, lambda: f"{self.studies.title_of(study)} {same}")

    def choose(self, stack_id: str, spacing: tuple[float, float, float] | None = None) -> None:
        """Show another stack, or the same with the spacing that the reader gave."""
        self._start(lambda: self.session.choosing(stack_id, spacing))

    def segment(self) -> None:
        """Segment the stack on show, the visible phase first."""
        self._predict(None)

    def segment_phase(self) -> None:
        """Segment the phase on show."""
        if self.session.stack is not None:
            phase = self.stage.phase
            self._predict([(phase, index) for index in range(self.session.stack.shape[1])])

    def segment_slice(self) -> None:
        """Segment the slice and phase on show."""
        self._predict([(self.stage.phase, self.stage.slice)])

    def save(self, folder: Path) -> None:
        """Write labels and measures into a folder."""
        try:
            files = self.session.export(folder)
        except InputError as error:
            self._panels.say(str(error), error=True)
        else:
            self._panels.say(f"Saved {', '.join(f.name for f in files)} in {folder}.")

    def report(self, path: Path) -> None:
        """Write the report of the stack on show, in the background."""

        def wrote(files: tuple[Path, ...]) -> None:
            names = ", ".join(file.name for file in files)
            self._panels.say(f"The report is in {path.parent}: {names}.")

        self._start(lambda: reporting(self.session, path, wrote))

    def _connect_panels(self) -> None:
        panels, session = self._panels, self.session
        panels.studies.folder_wanted.connect(self.open)
        panels.studies.beside_wanted.connect(self.show_beside)
        panels.studies.names_wanted.connect(lambda _: self.beside.moved())
        panels.study.stack_wanted.connect(self.choose)
        panels.spacing.spacing_given.connect(self._take_spacing)
        panels.segment.segment_wanted.connect(self.segment)
        panels.segment.phase_wanted.connect(self.segment_phase)
        panels.segment.slice_wanted.connect(self.segment_slice)
        panels.segment.cancel_wanted.connect(self._runner.cancel)
        for name, title, key, act in (
            ("segment", "segment all frames, this phase first", "G", self.segment),
            ("segment-phase", "segment this phase", "Shift+G", self.segment_phase),
            ("segment-slice", "segment this slice in this phase", "Alt+G", self.segment_slice),
        ):
            self.keys.add(name, title, key, act)
        measures = panels.measures
        measures.phase_wanted.connect(lambda phase: self.stage.go_to(phase=phase))
        measures.ed_set_here.connect(lambda: self._set_phases(ed=self.stage.phase))
        measures.es_set_here.connect(lambda: self._set_phases(es=self.stage.phase))
        measures.phases_reset.connect(lambda: self._try(lambda: session.set_phases(None, None)))

    def _connect_runner(self) -> None:
        runner, panels = self._runner, self._panels
        runner.started.connect(panels.segment.set_busy)
        runner.started.connect(lambda: self._set_busy(True))
        runner.progressed.connect(panels.segment.show_progress)
        runner.progressed.connect(lambda *_: self.arriving.draw())
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
        self.arriving.end()
        self._panels.segment.set_idle()
        self._set_busy(False)
        self._panels.study.show_chosen(self.session.stack)

    def _set_busy(self, busy: bool) -> None:
        self._panels.studies.set_busy(busy)
        self._panels.study.set_busy(busy)

    def _predict(self, frames: list[Frame] | None) -> None:
        stack, catalogue = self.session.stack, self.session.catalogue
        if stack is not None and catalogue is not None and not self._runner.busy:
            self.arriving.begin(Source(catalogue, stack))
        self._start(
            lambda: self.session.predicting(
                self.predictor,
                frames=frames,
                visible=self.stage.phase,
                arrived=self.arriving.take if frames is None else None,
            ),
            then=None if frames is None else self._say_partial,
        )

    def _say_partial(self) -> None:
        self._panels.say("Volumes need all slices of a phase, EF all phases of the cycle.")

    def _has_several_places(self, path: Path) -> bool:
        try:
            return len(places(path)) > 1
        except InputError:
            return False  # reading it says what is wrong

    def _read_headers(self, path: Path, *, segment: bool) -> None:
        found: list[Catalogue] = []

        def run(progress: Progress | None, cancel: Cancel | None) -> list[Catalogue]:
            return by_subject(io.scan(path, progress=progress, cancel=cancel))

        def then() -> None:
            if len(found) == 1:
                self._open_read(found[0], segment=segment)
            else:
                self.studies.list_found(found)
                self._panels.bring(Tab.STUDIES)
                self._panels.say(f"{len(found)} studies; a double click opens one.")

        self._start(lambda: Task("Reading headers", run, found.extend), then)

    def _open_read(self, catalogue: Catalogue, *, stack: str = "", segment: bool = False) -> None:
        """Open a study whose headers are read."""
        self.session.adopt(catalogue)
        self._show_opened()
        first = stack or self.session.suggest()
        self._start(lambda: self.session.choosing(first), then=self.segment if segment else None)

    def _show_opened(self) -> None:
        """From the list to the picture; who went on from another tab stays there."""
        if self._panels.studies.isVisible():
            self._panels.bring(Tab.SEGMENT)

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
        if isinstance(event, Corrected):  # first, as the brush waits for it
            self.corrections.on_changed(event)
            if not self._later.isActive():
                self._later.start()
            return
        match event:
            case StudyOpened(catalogue=catalogue):
                self.stage.clear(keep=catalogue)
                self._panels.study.show_catalogue(catalogue)
                self.studies.show_open(catalogue)
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
        self._draw_state()

    def _draw_state(self) -> None:
        """What follows from the labels beside the picture."""
        self.viewing.points.draw()
        self.studies.show_state()

    def _moved(self, phase: int) -> None:
        self._panels.measures.show_phase(phase)
        self.beside.moved()
        self.viewing.points.draw()
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
        self.beside.show_stack()
        self.naming.show_stack()
        panels.measures.set_has_stack(stack is not None)
        self._draw_numbers()

    def _draw_numbers(self) -> None:
        session, panels = self.session, self._panels
        panels.set_can_save(session.segmentation is not None)
        panels.show_numbers(session.measures, session.segmentation, session.stack)
        self.beside.show_numbers()
        panels.measures.show_measures(session.measures, session.segmentation, session.stack)
        panels.measures.show_phase(self.stage.phase)
        panels.plane.show_reading(session.reading)

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
