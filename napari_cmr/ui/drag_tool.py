"""A tool of our own on a labels layer: what the pointer does from press to release."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from napari.layers import Labels

Path = list[tuple[float, float]]
"""(row, column) places of the pointer, in pixels."""


class DragTool:
    """Tells of drags with the left button, in place of napari's moving of the picture.

    Parameters
    ----------
    layer
        ``(t, z, y, x)`` labels on which the drags are.
    on_move
        Called with the way so far at each move.
    on_end
        Called with the whole way when the button is let go.
    """

    def __init__(
        self, layer: Labels, on_move: Callable[[Path], None], on_end: Callable[[Path], None]
    ) -> None:
        self.layer = layer
        self._on_move, self._on_end = on_move, on_end
        layer.mode = "pan_zoom"
        layer.mouse_pan = False
        layer.cursor = "cross"
        layer.mouse_drag_callbacks.append(self._drag)

    def close(self) -> None:
        """Give the pointer back to napari."""
        self.layer.mouse_drag_callbacks.remove(self._drag)
        if self.layer.mode == "pan_zoom":
            self.layer.mouse_pan = True
            self.layer.cursor = "standard"

    def _drag(self, _layer: Labels, event: Any) -> Iterator[None]:
        if event.button != 1:
            return
        way = [self._place(event)]
        yield
        while event.type == "mouse_move":
            way.append(self._place(event))
            self._on_move(way)
            yield
        way.append(self._place(event))  # vispy leaves out moves that follow fast
        self._on_end(way)

    def _place(self, event: Any) -> tuple[float, float]:
        row, column = self.layer.world_to_data(event.position)[-2:]
        return float(row), float(column)
