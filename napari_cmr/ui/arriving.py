"""Shows a prediction phase by phase while it is being made, on a layer that nobody draws on."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_cmr.core import LabelArray, Segmentation
from napari_cmr.ui.layers import SOURCE, Source, label_colours, labels_layer
from napari_cmr.ui.stage import CONTOUR_PIXELS


class Arriving:
    """Takes phases from the thread that finds them, and draws them in the window's.

    What is drawn here is not in the session: if the work is cancelled it goes without a trace,
    and a stroke on the contours meanwhile does not take it along.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None
        self._source: Source | None = None
        self._come: deque[tuple[int, LabelArray]] = deque()

    @property
    def layer(self) -> Labels | None:
        """The layer while there is one."""
        return self._layer

    def begin(self, source: Source) -> None:
        """A prediction of this stack begins."""
        self.end()
        self._source = source

    def take(self, phase: int, labels: LabelArray) -> None:
        """Hand a phase over; in any thread."""
        self._come.append((phase, labels.copy()))

    def draw(self) -> None:
        """Draw what has come since; in the window's thread."""
        if self._source is None or not self._come:
            return
        layer = self._layer or self._add(self._source)
        while self._come:
            phase, labels = self._come.popleft()
            layer.data[phase] = labels
        layer.refresh()

    def end(self) -> None:
        """The prediction is in the session, or was cancelled."""
        self._come.clear()
        self._source = None
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = None

    def _add(self, source: Source) -> Labels:
        empty = Segmentation.on(source.stack, np.zeros(source.stack.shape, np.uint8))
        data, options, _ = labels_layer(source, empty)
        options["name"] = "arriving"
        options["metadata"] = {k: v for k, v in options["metadata"].items() if k != SOURCE}
        selected = self._viewer.layers.selection.active
        layer: Labels = self._viewer.add_labels(data, colormap=_colours(), **options)
        layer.contour = CONTOUR_PIXELS
        layer.editable = False
        self._viewer.layers.selection.active = selected
        self._layer = layer
        return layer


def _colours() -> DirectLabelColormap:
    return DirectLabelColormap(color_dict=label_colours())
