"""Window and level by dragging with the right mouse button, as on a reading station."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from napari.layers import Image

_RIGHT = 2
_PIXELS = 400.0
"""A drag of so many pixels changes by the width that the window had at its start."""


class Windowing:
    """Right-drag on the canvas: to the right widens the window, down raises its level.

    Parameters
    ----------
    viewer
        The napari viewer.
    image
        Gives the layer whose contrast changes, None where there is none.
    """

    def __init__(self, viewer: Any, image: Callable[[], Image | None]) -> None:
        self._viewer, self._image = viewer, image
        viewer.mouse_drag_callbacks.append(self._drag)

    def close(self) -> None:
        """Let go of the viewer."""
        self._viewer.mouse_drag_callbacks.remove(self._drag)

    def _drag(self, viewer: Any, event: Any) -> Iterator[None]:
        image = self._image()
        if event.button != _RIGHT or image is None:
            return
        camera = viewer.scene.camera
        could_pan, camera.mouse_pan = camera.mouse_pan, False  # else napari zooms meanwhile
        start, limits = tuple(event.pos), image.contrast_limits
        yield
        while event.type == "mouse_move":
            right, down = (float(a - b) for a, b in zip(event.pos, start, strict=True))
            low, high = windowed(limits, right, down)
            first, last = image.contrast_limits_range
            image.contrast_limits_range = (min(first, low), max(last, high))
            image.contrast_limits = (low, high)
            yield
        camera.mouse_pan = could_pan


def windowed(limits: tuple[float, float], right: float, down: float) -> tuple[float, float]:
    """Contrast limits after a drag by so many pixels; the window never closes."""
    low, high = limits
    width, level = high - low, (low + high) / 2
    wider = width * max(1 + right / _PIXELS, 0.02)
    higher = level + width * down / _PIXELS
    return higher - wider / 2, higher + wider / 2
