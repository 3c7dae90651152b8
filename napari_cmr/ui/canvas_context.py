"""Lets what a layer had on the graphics card be deleted where it lies."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow, QWidget


class CanvasContext:
    """Makes the canvas's OpenGL context current when a layer goes.

    napari 0.9.2 has a removed layer's textures and buffers deleted at once, in whatever context is
    current, which is the window's own. The canvas then draws from what is no longer there, and
    the process ends in ``glDrawArrays``.

    Parameters
    ----------
    viewer
        The napari viewer.
    dock
        A widget in its window.
    """

    def __init__(self, viewer: Any, dock: QWidget) -> None:
        self._viewer, self._dock = viewer, dock
        viewer.layers.events.removing.connect(self.enter)

    def close(self) -> None:
        """Let go of the viewer."""
        self._viewer.layers.events.removing.disconnect(self.enter)

    def enter(self, _event: object = None) -> None:
        """Make it current; it stays so until the window is drawn."""
        middle = _central(self._dock)
        canvas = None if middle is None else middle.findChild(QOpenGLWidget)
        if canvas is not None:
            canvas.makeCurrent()


def _central(widget: QWidget) -> QWidget | None:
    """Of the window that a widget belongs to, floating or not."""
    parent: QObject | None = widget
    while parent is not None and not isinstance(parent, QMainWindow):
        parent = parent.parent()
    return parent.centralWidget() if isinstance(parent, QMainWindow) else None
