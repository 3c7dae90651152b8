"""The tools that correct contours: which is in the hand, and what ours do to a frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from napari.layers import Labels

from napari_cmr.core import InputError, LabelArray, Structure
from napari_cmr.review import Frame, ReviewSession
from napari_cmr.review.shaping import cut, fill_holes, grow, line_mask, nudge
from napari_cmr.ui.drag_tool import DragTool, Path
from napari_cmr.ui.keys import Keys
from napari_cmr.ui.stage import Stage
from napari_cmr.ui.tools_panel import Tool, ToolsPanel

_OURS = (Tool.NUDGE, Tool.CUT)


class Tools:
    """Connects the panel of tools with napari's on the contours, and does ours.

    Parameters
    ----------
    session, stage, panel, keys
        What is reviewed, where it is drawn, where the tools are chosen, and by which keys.
    draw
        Makes sure that there are contours to draw on.
    say
        Shows a sentence; an empty one takes the last away.
    """

    def __init__(
        self,
        session: ReviewSession,
        stage: Stage,
        panel: ToolsPanel,
        keys: Keys,
        draw: Callable[[], None],
        say: Callable[..., None],
    ) -> None:
        self._session, self._stage, self._panel = session, stage, panel
        self._draw, self._say = draw, say
        self._layer: Labels | None = None
        self._drag: DragTool | None = None
        self._structure = Structure.LV
        self._only = False
        panel.structure_wanted.connect(lambda value: self.choose(Structure(value)))
        panel.tool_wanted.connect(lambda name: self.take(Tool(name)))
        panel.only_wanted.connect(self.allow_only)
        panel.grow_wanted.connect(lambda by, in_mm: self.grow(by, in_mm=in_mm))
        panel.fill_wanted.connect(self.fill_holes)
        panel.show_structure(self._structure)
        self._add_keys(keys)

    @property
    def only(self) -> Structure | None:
        """The structure that alone may change; None where all may."""
        return self._structure if self._only else None

    def hear(self, layer: Labels | None) -> None:
        """Follow the contours that are there now, and no others."""
        if layer is self._layer:
            return
        self.let_go()
        self._layer = layer
        if layer is not None:
            layer.selected_label = int(self._structure)
            layer.preserve_labels = self._only
            layer.events.selected_label.connect(self._label_chosen)
            layer.events.preserve_labels.connect(self._preserve_chosen)
            layer.events.mode.connect(self._mode_chosen)
        self._panel.show_tool(None)

    def let_go(self) -> None:
        """Follow none."""
        self._put_away()
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._label_chosen)
            self._layer.events.preserve_labels.disconnect(self._preserve_chosen)
            self._layer.events.mode.disconnect(self._mode_chosen)
        self._layer = None

    def choose(self, structure: Structure) -> None:
        """Draw another structure."""
        self._structure = structure
        self._panel.show_structure(structure)
        if self._layer is not None:
            self._layer.selected_label = int(structure)

    def allow_only(self, only: bool) -> None:
        """Let only the chosen structure change, or all."""
        self._only = only
        self._panel.only.setChecked(only)
        if self._layer is not None:
            self._layer.preserve_labels = only

    def take(self, tool: Tool) -> None:
        """Take a tool into the hand."""
        self._draw()
        layer = self._layer
        if layer is None:
            return
        self._put_away()
        if tool in _OURS:
            self._drag = DragTool(layer, self._moves[tool], self._ends[tool])
        else:
            layer.mode = tool.value
        self._panel.show_tool(tool)

    def take_fill(self) -> None:
        """Take napari's fill into the hand, for which the panel has no button."""
        self._draw()
        if self._layer is not None:
            self._put_away()
            self._layer.mode = "fill"

    def grow(self, by: float, *, in_mm: bool) -> None:
        """Grow the chosen structure on the frame on show; negative shrinks."""
        spacing = self._spacing() if in_mm else (1.0, 1.0)
        name = "growth" if by > 0 else "shrinking"
        self._reshape(lambda now: grow(now, self._structure, by, spacing, self.only), name)

    def fill_holes(self) -> None:
        """Fill what the chosen structure encloses on the frame on show."""
        self._reshape(lambda now: fill_holes(now, self._structure), "filling of holes")

    def _add_keys(self, keys: Keys) -> None:
        for structure in list(Structure)[1:]:
            name, title = f"structure-{int(structure)}", f"draw the {structure.title}"
            keys.add(name, title, str(int(structure)), partial(self.choose, structure))
        # napari's own keys for these act only while the contours are the active layer.
        for name, title, key, act in (
            ("brush", "paint the structure", "P", partial(self.take, Tool.BRUSH)),
            ("eraser", "paint background", "E", partial(self.take, Tool.ERASER)),
            ("fill", "fill an area with the structure", "F", self.take_fill),
            ("polygon", "draw a polygon", "W", partial(self.take, Tool.POLYGON)),
            ("nudge", "drag a contour", "M", partial(self.take, Tool.NUDGE)),
            ("cut", "cut a structure along a line", "C", partial(self.take, Tool.CUT)),
            ("only", "only the chosen structure may change", "B", self._toggle_only),
            ("grow", "grow the structure", "Shift+W", lambda: self.grow(1, in_mm=False)),
            ("shrink", "shrink the structure", "Shift+S", lambda: self.grow(-1, in_mm=False)),
            ("fill-holes", "fill holes of the structure", "Shift+F", self.fill_holes),
        ):
            keys.add(name, title, key, act)

    def _toggle_only(self) -> None:
        self.allow_only(not self._only)

    @property
    def _moves(self) -> dict[Tool, Callable[[Path], None]]:
        return {Tool.NUDGE: self._show_nudge, Tool.CUT: self._show_line}

    @property
    def _ends(self) -> dict[Tool, Callable[[Path], None]]:
        return {
            Tool.NUDGE: lambda way: self._reshape(lambda now: self._nudged(now, way), "nudge"),
            Tool.CUT: lambda way: self._reshape(lambda now: cut(now, way, self.only), "cut"),
        }

    def _nudged(self, labels: LabelArray, way: Path) -> LabelArray:
        return nudge(labels, way, self._panel.reach.value(), self._spacing(), self.only)

    def _show_nudge(self, way: Path) -> None:
        self._show(self._nudged(self._labels_here(), way))

    def _show_line(self, way: Path) -> None:
        """Draw the line as a gap in what it crosses, until it is let go."""
        labels = self._labels_here().copy()
        labels[line_mask(way, labels.shape)] = 0
        self._show(labels)

    def _reshape(self, how: Callable[[LabelArray], LabelArray], name: str) -> None:
        if self._session.segmentation is None:
            return
        self._say("")
        try:
            self._session.reshape(self._frame(), how(self._labels_here()), name)
        except InputError as error:
            self._say(str(error), error=True)
        self._show(self._labels_here())

    def _show(self, labels: LabelArray) -> None:
        """Draw a frame as it would become; the session has what it is."""
        layer = self._layer
        if layer is not None and not (layer.data[self._frame()] == labels).all():
            layer.data[self._frame()] = labels
            layer.refresh(extent=False)

    def _labels_here(self) -> LabelArray:
        assert self._session.reading is not None
        labels: LabelArray = self._session.reading.history.labels[self._frame()]
        return labels

    def _frame(self) -> Frame:
        return self._stage.phase, self._stage.slice

    def _spacing(self) -> tuple[float, float]:
        assert self._session.stack is not None
        return self._session.stack.geometry.pixel_spacing

    def _put_away(self) -> None:
        drag, self._drag = self._drag, None
        if drag is not None:
            drag.close()

    def _label_chosen(self, _event: Any = None) -> None:
        if self._layer is not None and 0 < self._layer.selected_label <= max(Structure):
            self._structure = Structure(int(self._layer.selected_label))
            self._panel.show_structure(self._structure)

    def _preserve_chosen(self, _event: Any = None) -> None:
        if self._layer is not None and self._layer.preserve_labels != self._only:
            self.allow_only(bool(self._layer.preserve_labels))

    def _mode_chosen(self, _event: Any = None) -> None:
        """Napari's own keys and buttons choose tools too."""
        if self._layer is None:
            return
        mode = str(self._layer.mode)
        if mode != "pan_zoom":
            self._put_away()
        if self._drag is None:
            self._panel.show_tool(Tool(mode) if mode in set(Tool) else None)
