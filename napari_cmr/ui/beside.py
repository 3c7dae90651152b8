"""Shows another view, or another study, beside the stack under review, moving along with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_cmr.core import Cancel, Progress
from napari_cmr.io.catalogue import Entry
from napari_cmr.review import Reading, ReviewSession, Task
from napari_cmr.review.beside import (
    Ends,
    crossing,
    lines_between,
    load_beside,
    numbers_beside,
    same_level,
    same_moment,
)
from napari_cmr.ui.beside_pane import BesidePane
from napari_cmr.ui.layers import contrast_limits
from napari_cmr.ui.orientation import edges
from napari_cmr.ui.stage import Stage
from napari_cmr.ui.task_runner import TaskRunner
from napari_cmr.ui.viewing_panel import ViewingPanel

_LINE = "#ffe08a"
_LAID_OUT_MS = 50
"""After which Qt has given the canvas its new size."""


class Beside:
    """Loads what is to be shown beside, and keeps both at the same moment and place.

    Parameters
    ----------
    viewer, session, stage
        What is under review.
    panel
        Offers the views.
    parent
        What the background work ends with.
    say
        Says one sentence.
    """

    def __init__(
        self,
        viewer: Any,
        session: ReviewSession,
        stage: Stage,
        panel: ViewingPanel,
        parent: QObject,
        say: Callable[..., None],
    ) -> None:
        self._viewer, self._session, self._stage, self._panel = viewer, session, stage, panel
        self._say = say
        self.reading: Reading | None = None
        self.pane: BesidePane | None = None
        self.line: Shapes | None = None
        self._is_other_study = False
        self._title: Callable[[], str] = str
        self._limits = (0.0, 1.0)
        self._of: object = None
        self._is_drawing = False
        self._dock_width = 0
        self._refit = QTimer(parent)
        self._refit.setSingleShot(True)
        self._refit.setInterval(_LAID_OUT_MS)
        self._refit.timeout.connect(stage.fit)
        self.runner = TaskRunner(parent)
        self._next: Task[Reading] | None = None
        self.runner.ended.connect(self._start)
        self.runner.failed.connect(lambda sentence: say(sentence, error=True))
        panel.beside_wanted.connect(self.show_view)

    def close(self) -> None:
        """Stop and take everything away."""
        self.runner.cancel()
        with suppress(RuntimeError):  # the window took the pane along already
            self.clear()

    def show_stack(self) -> None:
        """What is under review may be another stack: what was beside it goes, save a study."""
        stack, catalogue = self._session.stack, self._session.catalogue
        if stack is self._of:
            return
        self._of = stack
        if not self._is_other_study or stack is None:
            self.clear()
        self._remove_line()
        found = [] if stack is None or catalogue is None else crossing(catalogue, stack)
        offered = tuple((e.stack_id, f"{e.view}, {e.stack_id}") for e in found)
        self._panel.show_stacks(offered)
        self.moved()

    def show_view(self, stack_id: str) -> None:
        """Show another view of the study beside; an empty name shows none."""
        catalogue = self._session.catalogue
        entries = () if catalogue is None else catalogue.entries
        entry = next((e for e in entries if e.stack_id == stack_id), None)
        if entry is None:
            self.clear()
        else:
            title = f"{entry.view} beside {self._name_here()}"
            self._load(entry, lambda: title, other_study=False)

    def show_study(self, entry: Entry, title: Callable[[], str]) -> None:
        """Show another study beside, with the numbers of both.

        Parameters
        ----------
        title
            Asked at each draw, so that a name that was hidden meanwhile is not shown.
        """
        if self._session.stack is None:
            self._say("Open a study first; then another can be shown beside it.")
        else:
            self._load(entry, title, other_study=True)

    def clear(self) -> None:
        """Show nothing beside, nor what is being loaded for it."""
        self._next = None
        self.runner.cancel()
        self.reading = None
        self._is_other_study = False
        self._remove_line()
        if self.pane is not None:
            dock, self.pane = _dock_of(self.pane), None
            if dock is not None:
                dock.hide()
                dock.deleteLater()
                self._give_room_back()

    def moved(self) -> None:
        """The reader went to another phase or slice."""
        reading, stack, pane = self.reading, self._session.stack, self.pane
        if reading is None or stack is None or pane is None or self._is_drawing:
            return
        other, here = reading.stack, self._stage.slice
        index = same_level(stack, here, other) if self._is_other_study else other.shape[1] // 2
        phase = same_moment(stack, here, self._stage.phase, other, index)
        own, theirs = None, None
        if not self._is_other_study:
            own, theirs = lines_between(stack, here, other, index)
        self._draw_line(own)
        labels = reading.history.labels[phase, index] if reading.history.has_labels else None
        spacing = other.geometry.pixel_spacing
        letters = edges(other.geometry, index)
        pane.picture.show_picture(
            other.pixels[phase, index], self._limits, spacing, labels, theirs, letters
        )
        pane.show_title(f"{self._title()}: phase {phase}, slice {index}")

    def show_numbers(self) -> None:
        """The numbers of either may have changed."""
        if self.pane is not None and self.reading is not None:
            both = numbers_beside(self._session.measures, self.reading.measures)
            self.pane.show_numbers(both if self._is_other_study else ())

    def _load(self, entry: Entry, title: Callable[[], str], *, other_study: bool) -> None:
        project, reader = self._session.project, self._session.reader

        def run(progress: Progress | None, cancel: Cancel | None) -> Reading:
            return load_beside(entry, project, reader, progress, cancel)

        def commit(reading: Reading) -> None:
            if self._session.stack is None:
                return
            self.reading, self._title, self._is_other_study = reading, title, other_study
            self._limits = contrast_limits(reading.stack)
            self._show_pane()
            self.moved()
            self.show_numbers()

        # Who chooses again before the first is loaded wants the last.
        self._next = Task("Loading what is beside", run, commit)
        if self.runner.busy:
            self.runner.cancel()
        else:
            self._start()

    def _start(self) -> None:
        task, self._next = self._next, None
        if task is not None:
            self.runner.start(task)

    def _name_here(self) -> str:
        stack = self._session.stack
        return "" if stack is None else str(stack.view)

    def _show_pane(self) -> None:
        """Between the canvas and the dock that the panel is in."""
        main, ours = self._panel.window(), _dock_of(self._panel)
        if self.pane is not None or not isinstance(main, QMainWindow):
            return
        self.pane = BesidePane()
        self.pane.closed.connect(self.clear)
        dock = QDockWidget("Beside", main)
        dock.setObjectName("napari-cmr-beside")
        dock.setWidget(self.pane)
        main.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        if ours is not None:
            width = ours.width()
            main.splitDockWidget(dock, ours, Qt.Orientation.Horizontal)
            middle = main.centralWidget()
            half = 400 if middle is None else middle.width() // 2  # both pictures alike
            main.resizeDocks([dock], [half], Qt.Orientation.Horizontal)
            self._dock_width = width
        dock.show()
        self._refit.start()

    def _give_room_back(self) -> None:
        """To the picture; Qt alone would give it to the dock that the panel is in."""
        main, ours = self._panel.window(), _dock_of(self._panel)
        if isinstance(main, QMainWindow) and ours is not None and self._dock_width:
            main.resizeDocks([ours], [self._dock_width], Qt.Orientation.Horizontal)
        self._refit.start()

    def _draw_line(self, ends: Ends | None) -> None:
        """The line in the pictures under review, on a layer of rows and columns alone."""
        image = self._stage.image
        if ends is None or image is None:
            self._remove_line()
            return
        data = np.array(ends)
        if self.line is not None and self.line in self._viewer.layers:
            if not np.allclose(self.line.data[0], data):
                self.line.data = [data]
            return
        active = self._viewer.layers.selection.active
        self._is_drawing = True  # napari tells of a move while it takes a layer in
        self.line = self._viewer.add_shapes(
            [data],
            shape_type="line",
            name="line of the cut",
            edge_color=_LINE,
            edge_width=0.6 * float(min(image.scale[-2:])),
            scale=image.scale[-2:],
            units=image.units[-2:],
            axis_labels=image.axis_labels[-2:],
        )
        self._is_drawing = False
        self.line.editable = False
        self._viewer.layers.selection.active = active

    def _remove_line(self) -> None:
        line, self.line = self.line, None
        if line is not None and line in self._viewer.layers:
            self._viewer.layers.remove(line)


def _dock_of(widget: QWidget) -> QDockWidget | None:
    parent = widget.parent()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent
