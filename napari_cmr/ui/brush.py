"""Hears what a reader draws on napari's labels layer, so that the session has every stroke."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_cmr.core import LabelArray
from napari_cmr.review import Box, changed_box
from napari_cmr.review.record import inside

OnStroke = Callable[[Box, LabelArray], None]


class Brush:
    """Tells of each stroke of brush, eraser, polygon and fill on a labels layer.

    napari tells of most tools after it wrote to the layer's data, of the polygon before; and it
    describes strokes by masks since 0.9 and by indices before, and in ``data_setitem`` still. So
    what is told here is made from the description and holds in all cases. napari's own history is
    emptied: it has an end, it knows of no prediction, and its undo tells nobody.

    Parameters
    ----------
    layer
        ``(t, z, y, x)`` uint8 labels.
    on_stroke
        Called with the box of a stroke and the labels in it after the stroke.
    """

    def __init__(self, layer: Labels, on_stroke: OnStroke) -> None:
        self.layer = layer
        self._on_stroke = on_stroke
        self._known: LabelArray = layer.data
        layer.events.paint.connect(self._painted)
        layer.events.data.connect(self._replaced)

    def close(self) -> None:
        """Listen no longer."""
        self.layer.events.paint.disconnect(self._painted)
        self.layer.events.data.disconnect(self._replaced)

    def _painted(self, event: Any) -> None:
        box = _box(event.value, self.layer.data.shape)
        labels = np.array(self.layer.data[inside(box)])
        for atom in event.value:
            _paint(atom, labels, box)
        self.layer._undo_history.clear()
        self.layer._redo_history.clear()
        self._on_stroke(box, labels)

    def _replaced(self, _event: Any) -> None:
        """Another plugin, or a script, put other labels into the layer."""
        before, after = self._known, self.layer.data
        self._known = after
        if after.shape != before.shape:
            return
        box = changed_box(before, after)
        if box is not None:
            self._on_stroke(box, np.array(after[inside(box)]).astype(np.uint8))


def _box(atoms: Sequence[Any], shape: tuple[int, ...]) -> Box:
    """The smallest box round all parts of a stroke."""
    ends = [_ends(atom, shape) for atom in atoms]
    if len(ends) == 1:  # a dab, which must not wait
        return ends[0]
    t, z, y, x = (
        (min(e[axis][0] for e in ends), max(e[axis][1] for e in ends)) for axis in range(4)
    )
    return t, z, y, x


def _ends(atom: Any, shape: tuple[int, ...]) -> Box:
    if hasattr(atom, "slice_key"):
        parts = [part.indices(size) for part, size in zip(atom.slice_key, shape, strict=True)]
        (t, t_end, _), (z, z_end, _), (y, y_end, _), (x, x_end, _) = parts
        return (t, t_end), (z, z_end), (y, y_end), (x, x_end)
    indices, _, _ = atom
    t, z, y, x = ((int(np.min(index)), int(np.max(index)) + 1) for index in indices)
    return t, z, y, x


def _paint(atom: Any, labels: LabelArray, box: Box) -> None:
    """Write one part of a stroke into the labels of a box."""
    first = [start for start, _ in box]
    if hasattr(atom, "slice_key"):
        where = tuple(
            slice(part.start - start, part.stop - start)
            for part, start in zip(atom.slice_key, first, strict=True)
        )
        region = labels[where]
        region[... if atom.mask is None else atom.mask] = atom.new_value
        return
    indices, _, after = atom
    labels[tuple(np.asarray(i) - start for i, start in zip(indices, first, strict=True))] = after
