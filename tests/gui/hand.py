"""A reader's hand: mouse and keys on the canvas of a real window."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QTabWidget

_NONE = Qt.KeyboardModifier.NoModifier


def canvas(viewer):
    return viewer.window._qt_viewer.canvas.native


def place(viewer, layer, row, column):
    """Where a pixel lies on the canvas, in the 2-D view of rows and columns."""
    camera = viewer.scene.camera
    world = layer.data_to_world((0, 0, row, column))[-2:]
    height, width = viewer.window._qt_viewer.canvas.size
    y, x = (
        (at - middle) * camera.zoom + size / 2
        for at, middle, size in zip(world, camera.center[-2:], (height, width), strict=True)
    )
    return QPointF(x, y)


def drag(viewer, layer, *points, rest=None):
    """Press at the first (row, column), move over the others, let go; ``rest`` after each move."""
    places = [place(viewer, layer, *point) for point in points]
    _mouse(viewer, QEvent.Type.MouseButtonPress, places[0])
    for at in places[1:]:
        _mouse(viewer, QEvent.Type.MouseMove, at)
        if rest is not None:
            rest(at)
    _mouse(viewer, QEvent.Type.MouseButtonRelease, places[-1])


def press(viewer, key, modifier=_NONE):
    """Press and let go a key while the canvas has the focus."""
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QApplication.sendEvent(canvas(viewer), QKeyEvent(kind, key, modifier))


def reveal(widget):
    """Bring the tab to the front that a widget lies in, as a click on the tab does."""
    parent = widget.parent()
    while parent is not None and not isinstance(parent, QTabWidget):
        parent = parent.parent()
    if parent is not None:
        index = next(i for i in range(parent.count()) if parent.widget(i).isAncestorOf(widget))
        bar = parent.tabBar()
        QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(index).center())


def _mouse(viewer, kind, at):
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    button = none if kind == QEvent.Type.MouseMove else left
    held = none if kind == QEvent.Type.MouseButtonRelease else left
    widget = canvas(viewer)
    where = QPointF(widget.mapToGlobal(at.toPoint()))
    QApplication.sendEvent(widget, QMouseEvent(kind, at, where, button, held, _NONE))
