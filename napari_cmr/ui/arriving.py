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
        self._instead_of: Labels | None = None
        self._opacity = 1.0
        self._come: deque[tuple[int, LabelArray]] = deque()

    @property
    def layer(self) -> Labels | None:
        """The layer while there is one."""
        return self._layer

    def begin(self, source: Source, *, instead_of: Labels | None = None) -> None:
        """A prediction of this stack begins.

        Parameters
        ----------
        instead_of
            Contours that the arriving ones replace on the canvas, phase by phase, until the end.
            They stay where they are, clear, so that the tool in hand is not lost.
        """
        self.end()
        self._source, self._instead_of = source, instead_of

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
        if self._layer is not None and self._instead_of is not None:
            self._instead_of.opacity = self._opacity
        self._source = self._instead_of = None
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = None

    def _add(self, source: Source) -> Labels:
        before = self._instead_of
        shown = np.zeros(source.stack.shape, np.uint8) if before is None else before.data.copy()
        data, options, _ = labels_layer(source, Segmentation.on(source.stack, shown))
        options["name"] = "arriving"
        options["metadata"] = {k: v for k, v in options["metadata"].items() if k != SOURCE}
        selected = self._viewer.layers.selection.active
        layer: Labels = self._viewer.add_labels(data, colormap=_colours(), **options)
        layer.contour = CONTOUR_PIXELS
        if before is not None:
            layer.contour, layer.opacity, layer.visible = (
                before.contour,
                before.opacity,
                before.visible,
            )
            self._opacity, before.opacity = before.opacity, 0.0
        layer.editable = False
        self._viewer.layers.selection.active = selected
        self._layer = layer
        return layer


def _colours() -> DirectLabelColormap:
    return DirectLabelColormap(color_dict=label_colours())
