"""Opens the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cmr.io import Catalogue
from napari_cmr.review import Event, Predictor, ReviewSession, Segmented

if TYPE_CHECKING:
    import napari
    import napari.window

_ROOMY = (1500, 960)  # pixels; napari's own first size hides half of the dock


def launch(
    study: Path | Catalogue | None = None,
    *,
    segment: bool = False,
    predictor: Predictor | None = None,
    segmented: Callable[[ReviewSession], None] | None = None,
    block: bool = True,
) -> napari.Viewer:
    """Open napari with the cardiac dock.

    Parameters
    ----------
    study
        A study to open at once: its path, or its catalogue where it was scanned already.
    segment
        Segment it as soon as it is open.
    predictor
        What finds structures; None is the shelf's best model.
    segmented
        Called each time a segmentation is done.
    block
        Return only when the window is closed.
    """
    import napari  # the terminal's other verbs must not wait for a window's libraries

    viewer = napari.Viewer(title="Cardiac MR", show_welcome_screen=False)
    _, dock = viewer.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
    if predictor is not None:
        dock.coordinator.predictor = predictor
    if segmented is not None:
        _tell(dock.session, segmented)
    _enlarge(viewer.window)
    if study is not None:
        dock.open(study, segment=segment)
    if block:
        napari.run()
    return viewer


def _enlarge(window: napari.window.Window) -> None:
    """Give picture, numbers and curve room side by side, as far as the screen has it."""
    from qtpy.QtGui import QGuiApplication

    room = QGuiApplication.primaryScreen().availableGeometry()
    _, _, width, height = window.geometry()
    window.resize(
        max(width, min(_ROOMY[0], room.width())), max(height, min(_ROOMY[1], room.height()))
    )


def _tell(session: ReviewSession, segmented: Callable[[ReviewSession], None]) -> None:
    def on_changed(event: Event) -> None:
        if isinstance(event, Segmented):
            segmented(session)

    session.changed.connect(on_changed)
