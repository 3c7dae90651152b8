"""The main actions for napari's menus and command palette; they act on the window's dock.

Each does what the dock's own button does, sentences included, and opens the dock where it is not
open. napari gives the viewer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.viewer import Viewer

from napari_cmr.ui.tabs import Tab

if TYPE_CHECKING:
    from napari_cmr.ui.dock import CardiacDock


def dock_of(viewer: Viewer) -> CardiacDock:
    """The window's dock, in sight; opened if need be."""
    widget, dock = viewer.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
    widget.show()
    widget.raise_()
    found: CardiacDock = dock
    return found


def open_folder(viewer: Viewer) -> None:
    """Ask for a study, or a folder of studies, and open it."""
    dock_of(viewer).studies.open_folder.click()


def segment(viewer: Viewer) -> None:
    """Segment all frames of the stack on show, the visible phase first."""
    dock_of(viewer).coordinator.segment()


def accept_slice(viewer: Viewer) -> None:
    """Say that the slice and phase on show are right."""
    dock_of(viewer).coordinator.corrections.accept_frame()


def accept_all(viewer: Viewer) -> None:
    """Say that every slice in every phase is right."""
    dock_of(viewer).coordinator.corrections.accept_all()


def undo(viewer: Viewer) -> None:
    """Take back the last step, without an end."""
    dock_of(viewer).coordinator.corrections.undo()


def redo(viewer: Viewer) -> None:
    """Do again what was taken back."""
    dock_of(viewer).coordinator.corrections.redo()


def next_study(viewer: Viewer) -> None:
    """Open the next study of the list."""
    dock_of(viewer).coordinator.studies.open_next()


def report(viewer: Viewer) -> None:
    """Ask where, and write one page of the stack on show."""
    dock_of(viewer).ask_where_to_report()


def learn(viewer: Viewer) -> None:
    """Train a new version from what was corrected, in a process of its own."""
    dock = dock_of(viewer)
    dock.bring(Tab.LEARN)
    dock.learning.learn(dock.learn.chosen_tier)
