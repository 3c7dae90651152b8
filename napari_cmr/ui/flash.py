"""Shows for a moment where a step was taken back or done again: an outline over the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari._vispy.overlays.base import VispySceneOverlay
from napari._vispy.utils.visual import overlay_to_visual
from napari.components.overlays import SceneOverlay
from qtpy.QtCore import QObject, QTimer
from vispy.scene.visuals import Line  # type: ignore[import-untyped]

from napari_cmr.core import FloatArray
from napari_cmr.review.acted import Acted, Mask
from napari_cmr.ui.stage import Stage

SHOWN_MS = 1000
_TICKS = 10
"""A window that was busy all that time has one tick only, and shows the outline for the others."""
_OVERLAY = "napari_cmr_flash"
_COLOUR = "#ffe08a"
_ROOM = 4
"""Pixels between what changed and the box that catches the eye."""
_RIGHT, _DOWN = np.array([0, 1]), np.array([1, 0])


class OutlineOverlay(SceneOverlay):
    """Line segments in world coordinates, ends of (row, column), pair by pair."""

    ends: list[tuple[float, float]] = []  # noqa: RUF012  pydantic copies it


class _VispyOutline(VispySceneOverlay):
    """Draws an `OutlineOverlay`."""

    def __init__(self, **given: Any) -> None:
        line = Line(connect="segments", color=_COLOUR, width=2, antialias=True)
        super().__init__(node=line, **given)
        self.overlay.events.ends.connect(self._on_ends)
        self.reset()

    def reset(self) -> None:
        """Draw what the overlay holds."""
        super().reset()
        self._on_ends()

    def _on_ends(self) -> None:
        if self.overlay.ends:
            self.node.set_data(np.asarray(self.overlay.ends)[:, ::-1])  # vispy counts x first

    def close(self) -> None:
        """Listen no longer."""
        self.overlay.events.ends.disconnect(self._on_ends)
        super().close()


overlay_to_visual[OutlineOverlay] = _VispyOutline


class Flash:
    """An outline that goes by itself; it follows the reader over the frames that changed.

    It is an overlay of napari's scene and no layer: the list of layers, the tool in hand and the
    sliders do not notice it.

    Parameters
    ----------
    viewer
        The napari viewer.
    stage
        Where the stack is drawn.
    parent
        What the timer ends with.
    """

    def __init__(self, viewer: Any, stage: Stage, parent: QObject) -> None:
        self._viewer, self._stage = viewer, stage
        self._acted: Acted | None = None
        self._overlay = OutlineOverlay(visible=False)
        viewer.scene.overlays[_OVERLAY] = self._overlay
        viewer.layers.events.removed.connect(self.draw)
        self._left = 0
        self.timer = QTimer(parent)
        self.timer.setInterval(SHOWN_MS // _TICKS)
        self.timer.timeout.connect(self._tick)

    @property
    def shown(self) -> FloatArray | None:
        """``(2 n, 2)`` ends of the lines on the picture, in pixels; None where there are none."""
        image = self._stage.image
        if not self._overlay.visible or image is None:
            return None
        return np.asarray(self._overlay.ends / image.scale[-2:], np.float64)

    def show(self, acted: Acted) -> None:
        """Outline what a step changed, in the frame on show and in those gone to meanwhile."""
        self._acted = acted
        self._left = _TICKS
        self.timer.start()
        self.draw()

    def draw(self, _event: object = None) -> None:
        """Draw what changed in the frame on show; nothing once the time is over."""
        if self._acted is None:
            return
        image, dims = self._stage.image, self._viewer.dims
        flat = dims.ndisplay == 2 and dims.displayed == (dims.ndim - 2, dims.ndim - 1)
        mask = self._acted.mask((self._stage.phase, self._stage.slice)) if flat else None
        if mask is not None and image is not None:
            lines = np.concatenate([_outline(mask), _box(mask)])
            self._overlay.ends = [(y, x) for y, x in (lines * image.scale[-2:]).tolist()]
        self._overlay.visible = mask is not None and image is not None

    def hide(self) -> None:
        """Take it away."""
        self.timer.stop()
        self._acted = None
        self._overlay.visible = False

    def _tick(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self.hide()

    def remove(self) -> None:
        """Let go of the viewer; the timer ends with its parent."""
        self._viewer.layers.events.removed.disconnect(self.draw)
        self._viewer.scene.overlays.pop(_OVERLAY, None)


def _outline(mask: Mask) -> FloatArray:
    """``(2 n, 2)`` ends of the pixel edges between what is in a mask and what is not."""
    padded = np.pad(mask, 1)
    across = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])  # edge above row r, along column c
    along = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])  # edge left of column c, along row r
    ends = np.concatenate(
        [
            np.stack([across, across + _RIGHT], axis=1).reshape(-1, 2),
            np.stack([along, along + _DOWN], axis=1).reshape(-1, 2),
        ]
    )
    return ends - 0.5  # a pixel's middle is at its index


def _box(mask: Mask) -> FloatArray:
    """``(8, 2)`` ends of the sides of a box round a mask, a little away and within the picture."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    top, left = (max(0, found[0] - _ROOM) - 0.5 for found in (rows, columns))
    bottom = min(mask.shape[0], rows[-1] + 1 + _ROOM) - 0.5
    right = min(mask.shape[1], columns[-1] + 1 + _ROOM) - 0.5
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    pairs = zip(corners, [*corners[1:], corners[0]], strict=True)
    return np.array([corner for pair in pairs for corner in pair], np.float64)
