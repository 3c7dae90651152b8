"""Opens the window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import napari


def launch(path: Path | None = None, *, segment: bool = False, block: bool = True) -> napari.Viewer:
    """Open napari with the cardiac dock.

    Parameters
    ----------
    path
        A study to open at once.
    segment
        Segment it as soon as it is open.
    block
        Return only when the window is closed.
    """
    import napari  # the terminal's other verbs must not wait for a window's libraries

    viewer = napari.Viewer(title="Cardiac MR", show_welcome_screen=False)
    _, dock = viewer.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
    if path is not None:
        dock.open(Path(path), segment=segment)
    if block:
        napari.run()
    return viewer
