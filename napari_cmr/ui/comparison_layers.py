"""Contours of two versions on the open stack, one at a time in place of the reader's own."""

from __future__ import annotations

from typing import Any

from napari.utils.colormaps import DirectLabelColormap

from napari_cmr.core import Segmentation
from napari_cmr.io import Catalogue
from napari_cmr.review.before_after import BeforeAfter
from napari_cmr.ui.layers import SOURCE, Source, label_colours, labels_layer
from napari_cmr.ui.outcome_panel import AFTER, BEFORE, YOURS
from napari_cmr.ui.stage import CONTOUR_PIXELS, Stage

COMPARED = "napari-cmr compared"
"""Key in the metadata of a layer that shows what a version found."""


class ComparisonLayers:
    """Shows what one of two versions found; the reader's contours are hidden meanwhile.

    Parameters
    ----------
    viewer
        The napari viewer.
    stage
        Where the open stack is drawn.
    """

    def __init__(self, viewer: Any, stage: Stage) -> None:
        self._viewer, self._stage = viewer, stage
        self._compared: BeforeAfter | None = None
        self._source: Source | None = None

    def take(self, compared: BeforeAfter, catalogue: Catalogue, stack: Any) -> None:
        """Have something to show; nothing is drawn yet."""
        self.clear()
        self._compared, self._source = compared, Source(catalogue, stack)

    def show(self, name: str) -> None:
        """Show ``yours``, ``before`` or ``after``."""
        compared, source = self._compared, self._source
        if compared is None or source is None:
            return
        if name != YOURS and self._stage.phase not in compared.phases:
            self._stage.go_to(phase=compared.phases[0])
        for key, found in ((BEFORE, compared.before), (AFTER, compared.after)):
            layer = self._layer(key)
            if layer is None and key == name:
                layer = self._add(key, source, found)
            if layer is not None:
                layer.visible = key == name
        if self._stage.contours is not None:
            self._stage.contours.visible = name == YOURS

    def clear(self) -> None:
        """Take all of it off the viewer, and show the reader's contours again."""
        if self._stage.contours is not None and self._compared is not None:
            self._stage.contours.visible = True
        self._compared = self._source = None
        for layer in [la for la in self._viewer.layers if la.metadata.get(COMPARED)]:
            self._viewer.layers.remove(layer)

    def _layer(self, key: str) -> Any:
        layers = self._viewer.layers
        return next((la for la in layers if la.metadata.get(COMPARED) == key), None)

    def _add(self, key: str, source: Source, found: Segmentation) -> Any:
        active = self._viewer.layers.selection.active
        data, options, _ = labels_layer(source, found)
        # Without a source the stage, which looks for the reader's contours, does not see it.
        metadata = {k: v for k, v in options["metadata"].items() if k != SOURCE}
        options |= {"name": f"{key}: {found.model}", "metadata": {**metadata, COMPARED: key}}
        colours = DirectLabelColormap(color_dict=label_colours())
        layer = self._viewer.add_labels(data, colormap=colours, **options)
        layer.contour = CONTOUR_PIXELS
        layer.editable = False
        self._viewer.layers.selection.active = active
        return layer
