"""Letters at the edges of the canvas that say which side of the patient they face."""

from __future__ import annotations

from typing import Any

from napari.components.overlays import TextOverlay

from napari_cmr.ui.orientation import Edges

_POSITIONS = {
    "left": "middle_left",
    "right": "middle_right",
    "top": "top_center",
    "bottom": "bottom_center",
}


class EdgeLetters:
    """Four text overlays on the canvas of a viewer."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._overlays = {
            side: TextOverlay(position=position, font_size=16, color="#ffe08a", box=False)
            for side, position in _POSITIONS.items()
        }
        for side, overlay in self._overlays.items():
            viewer.canvas.overlays[f"napari_cmr_{side}"] = overlay

    @property
    def shown(self) -> Edges | None:
        """The letters on the canvas; None where there are none."""
        if not all(overlay.visible for overlay in self._overlays.values()):
            return None
        return Edges(**{side: overlay.text for side, overlay in self._overlays.items()})

    def show(self, edges: Edges | None) -> None:
        """Show letters; none where the orientation is unknown.

        The canvas may be turned (row and column axes swapped, or running the other way), and
        the letters turn with it.
        """
        upright = None if edges is None else self._on_canvas(edges)
        for side, overlay in self._overlays.items():
            overlay.visible = upright is not None
            overlay.text = "" if upright is None else getattr(upright, side)

    def remove(self) -> None:
        """Take the letters off the canvas."""
        for side in self._overlays:
            self._viewer.canvas.overlays.pop(f"napari_cmr_{side}", None)

    def _on_canvas(self, edges: Edges) -> Edges | None:
        displayed = tuple(self._viewer.dims.displayed)
        last = self._viewer.dims.ndim - 1
        if sorted(displayed) != [last - 1, last]:
            return None
        down, right = (edges.top, edges.bottom), (edges.left, edges.right)
        if displayed[0] == last:
            down, right = right, down
        vertical, horizontal = self._viewer.scene.camera.orientation2d
        if vertical == "up":
            down = down[::-1]
        if horizontal == "left":
            right = right[::-1]
        return Edges(left=right[0], right=right[1], top=down[0], bottom=down[1])
