"""Rulers and regions drawn on the pictures, with their numbers beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QTimer

from napari_cmr.core import Stack
from napari_cmr.measure import Outline
from napari_cmr.measure.region import length, pixels_in, region
from napari_cmr.ui.keys import Keys
from napari_cmr.ui.layers import image_grid

_COLOUR = "#ffe08a"
_LINES = ("line", "path")
_AREAS = {"ellipse": True, "rectangle": False}

if TYPE_CHECKING:
    from napari.layers import Shapes  # brings pandas


class Rulers:
    """A shapes layer on the slices where its lines and ellipses were drawn.

    They are for looking only: nothing of them is kept, unless a region is used as remote wall.

    Parameters
    ----------
    viewer
        The napari viewer.
    stack
        Gives the stack on show, None where there is none.
    keys
        Bound on the layer too, whose own keys would win.
    """

    def __init__(self, viewer: Any, stack: Callable[[], Stack | None], keys: Keys) -> None:
        self._viewer, self._stack, self._keys = viewer, stack, keys
        self.layer: Shapes | None = None
        self._is_drawn = False

    def draw_line(self) -> None:
        """Let the reader draw a ruler."""
        self._draw("add_line")

    def draw_region(self) -> None:
        """Let the reader draw an ellipse."""
        self._draw("add_ellipse")

    def clear(self) -> None:
        """Take all of them off."""
        layer, self.layer, self._is_drawn = self.layer, None, False
        if layer is not None and layer in self._viewer.layers:
            layer.mode = "pan_zoom"
            self._keys.forget(layer)
            self._viewer.layers.remove(layer)

    def outlines(self) -> tuple[Outline, ...]:
        """All regions; while shapes are being selected, the selected ones alone."""
        layer = self.layer
        if layer is None:
            return ()
        shapes = list(zip(layer.data, layer.shape_type, strict=True))
        areas = {n: shape for n, shape in enumerate(shapes) if shape[1] in _AREAS}
        # While one draws, napari has the last shape selected; that is no choice of the reader.
        is_choosing = layer.mode == "select"
        chosen = (is_choosing and layer.selected_data & areas.keys()) or areas.keys()
        return tuple(_outline(np.asarray(areas[n][0]), areas[n][1]) for n in sorted(chosen))

    def texts(self) -> list[str]:
        """What stands beside each shape."""
        return [] if self.layer is None else [str(t) for t in self.layer.features["text"]]

    def measure(self) -> None:
        """Write the numbers beside the shapes, as they lie now."""
        stack, layer = self._stack(), self.layer
        if stack is None or layer is None or self._is_drawn:
            return
        kinds = zip(layer.data, layer.shape_type, strict=True)
        texts = [told(stack, np.asarray(points), kind) for points, kind in kinds]
        if texts != self.texts():
            layer.features = {"text": texts}
            layer.refresh_text()

    def _draw(self, mode: str) -> None:
        stack = self._stack()
        if stack is None:
            return
        if self.layer is None or self.layer not in self._viewer.layers:
            self.layer = self._add(stack)
        self._viewer.layers.selection.active = self.layer
        self.layer.mode = mode

    def _add(self, stack: Stack) -> Shapes:
        layer: Shapes = self._viewer.add_shapes(
            ndim=4,
            name="rulers",
            edge_color=_COLOUR,
            face_color="transparent",
            edge_width=0.8 * min(stack.geometry.pixel_spacing),
            opacity=1.0,  # a number must be legible on bright late enhancement too
            features={"text": np.array([], dtype=object)},
            feature_defaults={"text": ""},
            text={"string": "{text}", "color": _COLOUR, "size": 12, "anchor": "upper_left"},
            **image_grid(stack),
        )
        layer.events.data.connect(self._soon)
        layer.mouse_drag_callbacks.append(self._dragged)
        self._keys.also_on(layer)
        return layer

    def _dragged(self, _layer: Shapes, event: Any) -> Iterator[None]:
        """To write beside a shape while it is drawn would end its drawing."""
        self._is_drawn = True
        yield
        while event.type == "mouse_move":
            yield
        self._is_drawn = False
        self._soon()

    def _soon(self, _event: object = None) -> None:
        """Measure once napari has put the shape where the pointer is."""
        QTimer.singleShot(0, self.measure)


def _outline(points: npt.NDArray[Any], kind: str) -> Outline:
    corners = tuple((float(row), float(column)) for row, column in points[:, 2:])
    return Outline(round(float(points[0, 1])), corners, _AREAS[kind])


def told(stack: Stack, points: npt.NDArray[Any], kind: str) -> str:
    """The numbers of one shape.

    Parameters
    ----------
    points
        ``(n, 4)`` phase, slice, row, column in pixels.
    """
    phase, index = (round(float(v)) for v in points[0, :2])
    if not (0 <= phase < stack.shape[0] and 0 <= index < stack.shape[1]):
        return ""
    flat = points[:, 2:]
    if kind in _LINES:
        return str(length(flat, stack.geometry))
    if kind not in _AREAS:
        return ""
    inside = pixels_in(flat, stack.shape[2:], round_shape=_AREAS[kind])
    found = region(stack.pixels[phase, index], inside, stack.geometry)
    return "" if found is None else str(found)
