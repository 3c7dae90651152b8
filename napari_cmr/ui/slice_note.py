"""What a reader said of the frame on show, on the picture itself."""

from __future__ import annotations

from typing import Any

from napari.components.overlays import TextOverlay

from napari_cmr.review import History, Verdict

_OVERLAY = "napari_cmr_slice_note"
_SAID = {Verdict.ACCEPTED: "accepted", Verdict.REJECTED: "rejected"}


class SliceNote:
    """One text overlay at the corner of a viewer's canvas."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._overlay = TextOverlay(
            position="top_left", font_size=12, color="#ffe08a", box=False, visible=False
        )
        viewer.canvas.overlays[_OVERLAY] = self._overlay

    def show(self, text: str) -> None:
        """Show a text; an empty one takes it away."""
        if self._overlay.text != text:
            self._overlay.text = text
        if self._overlay.visible != bool(text):
            self._overlay.visible = bool(text)

    def remove(self) -> None:
        """Take it off the canvas."""
        self._viewer.canvas.overlays.pop(_OVERLAY, None)


def note(history: History, phase: int, slice_index: int) -> str:
    """What was said of a frame: base, apex, out, accepted, rejected; and of the stack: flagged."""
    extent = history.extent
    words = []
    if slice_index in (extent.base, extent.apex):
        words.append("base" if slice_index == extent.base else "apex")
    if slice_index in extent.left_out(history.shape[1]):
        words.append("out of the volumes")
    if (said := history.verdict((phase, slice_index))) in _SAID:
        words.append(_SAID[said])
    if history.flagged:
        words.append("flagged")
    return ", ".join(words)
