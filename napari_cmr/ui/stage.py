"""The viewer's part: layers of the stack under review, where it stands, and patient letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from napari.components.overlays import BrushCircleOverlay
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap

from napari_cmr.core import LabelArray, Segmentation, Stack
from napari_cmr.io import Catalogue
from napari_cmr.review import Box, Frame
from napari_cmr.review.record import inside
from napari_cmr.ui.edge_letters import EdgeLetters
from napari_cmr.ui.layers import SOURCE, Source, image_layer, label_colours, labels_layer
from napari_cmr.ui.orientation import edges

CONTOUR_PIXELS = 1
_FILLED_OPACITY = 0.45
PREVIEW = "napari-cmr preview"
"""Key in the metadata of a layer that shows what is only proposed."""


class Stage:
    """Shows one stack at a time in a napari viewer.

    Parameters
    ----------
    viewer
        The napari viewer.
    on_phase
        Called with the phase on display, whenever it may have changed.
    """

    def __init__(self, viewer: Any, on_phase: Callable[[int], None]) -> None:
        self._viewer = viewer
        self._on_phase = on_phase
        self._letters = EdgeLetters(viewer)
        self._source: Source | None = None
        self._filled = False
        _unbox_brush(viewer)
        viewer.dims.events.point.connect(self._moved)
        viewer.dims.events.order.connect(self._moved)
        viewer.dims.events.ndisplay.connect(self._moved)
        viewer.scene.camera.events.orientation.connect(self._moved)

    def close(self) -> None:
        """Let go of the viewer; its layers stay."""
        for event in ("point", "order", "ndisplay"):
            getattr(self._viewer.dims.events, event).disconnect(self._moved)
        self._viewer.scene.camera.events.orientation.disconnect(self._moved)
        self._letters.remove()

    @property
    def image(self) -> Image | None:
        """The layer with the images of the stack on show."""
        return self._layer_of(Image)

    @property
    def contours(self) -> Labels | None:
        """The layer with the structures of the stack on show."""
        return next((la for la in self._labels_layers() if not la.metadata.get(PREVIEW)), None)

    @property
    def preview(self) -> Labels | None:
        """The layer with what is proposed, if anything is."""
        return next((la for la in self._labels_layers() if la.metadata.get(PREVIEW)), None)

    @property
    def phase(self) -> int:
        """Zero-based phase on display."""
        return self._index(0)

    @property
    def slice(self) -> int:
        """Zero-based slice on display."""
        return self._index(1)

    @property
    def letters(self) -> EdgeLetters:
        """The patient letters at the canvas's edges."""
        return self._letters

    @property
    def filled(self) -> bool:
        """Whether contours are filled, or lines."""
        return self._filled

    def set_filled(self, filled: bool) -> None:
        """Draw contours filled and half clear, or as lines; those to come too."""
        self._filled = filled
        if self.contours is not None:
            self._style(self.contours)

    def toggle_contours(self) -> None:
        """Hide the contours, or show them again."""
        if self.contours is not None:
            self.contours.visible = not self.contours.visible

    def sources(self) -> list[Source]:
        """What the image layers in the viewer show, as far as they came from this plugin."""
        found = (source_of(layer) for layer in self._viewer.layers if isinstance(layer, Image))
        return [source for source in found if source is not None]

    def clear(self, keep: Catalogue | None = None) -> None:
        """Take the layers of other studies than the one to keep off the viewer."""
        self._source = None
        self._remove(
            layer
            for layer in self._viewer.layers
            if (source := source_of(layer)) is not None and source.catalogue is not keep
        )

    def show_stack(self, source: Source) -> None:
        """Show a stack alone: the middle slice, first phase, the picture filling the canvas.

        Layers of the study's other stacks go, since their slices would share the sliders.
        """
        self._source = source
        self._remove(
            layer
            for layer in self._viewer.layers
            if (other := source_of(layer)) is not None and other.stack is not source.stack
        )
        if self.image is None:
            data, options, _ = image_layer(source)
            self._viewer.add_image(data, **options)
        image = self._layer_of(Image)
        image.visible = True
        dims = self._viewer.dims
        dims.ndisplay = 2
        dims.order = tuple(range(dims.ndim))
        self.go_to(phase=0, slice_index=source.stack.shape[1] // 2)
        self.fit()
        self._viewer.layers.selection.active = image
        self._moved()

    def fit(self) -> None:
        """Let the picture fill the canvas."""
        if self.image is not None:
            self._viewer.reset_view(layers=[self.image], margin=0.01)

    def show_segmentation(self, segmentation: Segmentation) -> None:
        """Draw a segmentation of the stack on show; it replaces an earlier one."""
        if self._source is None:
            return
        layer = self.contours
        if layer is None:
            self._add_contours(self._source, segmentation)
            self._viewer.layers.selection.active = self.image
        else:
            layer.metadata["model"] = segmentation.model
            self.show_labels(segmentation.labels)

    def show_labels(self, labels: LabelArray, box: Box | None = None) -> None:
        """Draw labels of the stack on show, or the part of them in a box, where they differ.

        They are written into the layer's own array: to give the layer another one would leave
        napari's history behind, which would later paste what is no longer true.
        """
        layer = self.contours
        if layer is None:
            return
        where = (slice(None),) * 4 if box is None else inside(box)
        if not np.array_equal(layer.data[where], labels[where]):
            layer.data[where] = labels[where]
            layer.refresh()

    def remove_contours(self) -> None:
        """Take contours and previews off the viewer."""
        self._remove(self._labels_layers())

    def start_drawing(self, labels: LabelArray) -> None:
        """Give the reader the brush, on contours that begin with the given labels."""
        if self._source is None:
            return
        layer = self.contours
        if layer is None:
            empty = Segmentation.on(self._source.stack, labels)
            layer = self._add_contours(self._source, empty)
        layer.visible = True
        layer.n_edit_dimensions = 2
        layer.selected_label = max(layer.selected_label, 1)
        self._viewer.layers.selection.active = layer
        layer.mode = "paint"

    def show_preview(self, frames: Mapping[Frame, LabelArray]) -> None:
        """Show what is proposed for some frames, filled and half clear; no frames end it."""
        layer = self.preview
        if layer is not None:
            self._remove([layer])
        if self._source is None or not frames:
            return
        labels = np.zeros(self._source.stack.shape, np.uint8)
        for frame, drawn in frames.items():
            labels[frame] = drawn
        active = self._viewer.layers.selection.active
        _, options, _ = labels_layer(self._source, Segmentation.on(self._source.stack, labels))
        options |= {"name": "preview", "opacity": 0.4}
        options["metadata"] = options["metadata"] | {PREVIEW: True}
        layer = self._viewer.add_labels(labels, colormap=_colours(), **options)
        layer.editable = False
        self._viewer.layers.selection.active = active

    def _add_contours(self, source: Source, segmentation: Segmentation) -> Labels:
        """Add the layer, with labels of its own: what is drawn must go through the session."""
        data, options, _ = labels_layer(source, segmentation)
        layer = self._viewer.add_labels(data.copy(), colormap=_colours(), **options)
        self._style(layer)
        return layer

    def _style(self, layer: Labels) -> None:
        layer.contour = 0 if self._filled else CONTOUR_PIXELS
        layer.opacity = _FILLED_OPACITY if self._filled else 1.0

    def _remove(self, layers: Iterable[Layer]) -> None:
        """Take layers off, all tools first: napari draws the brush's circle past its layer's end.

        The image often goes before the contours, and by then the brush must be away already.
        """
        going = list(layers)
        for layer in going:
            if isinstance(layer, Labels):
                layer.mode = "pan_zoom"
        for layer in going:
            self._viewer.layers.remove(layer)

    def _labels_layers(self) -> list[Any]:
        if self._source is None:
            return []
        stack = self._source.stack
        return [la for la in self._viewer.layers if _shows(la, stack, Labels)]

    def go_to(self, *, phase: int | None = None, slice_index: int | None = None) -> None:
        """Move to a phase, a slice, or both."""
        image = self.image
        if image is None:
            return
        first = self._viewer.dims.ndim - image.ndim
        for axis, index in ((0, phase), (1, slice_index)):
            if index is not None:
                self._viewer.dims.set_point(first + axis, index * image.scale[axis])

    def _index(self, axis: int) -> int:
        image = self.image
        if image is None:
            return 0
        point = self._viewer.dims.point[-image.ndim :]
        index = round(float(image.world_to_data(point)[axis]))
        return min(max(index, 0), int(image.data.shape[axis]) - 1)

    def _layer_of(self, kind: type[Layer]) -> Any:
        if self._source is None:
            return None
        stack = self._source.stack
        return next((la for la in self._viewer.layers if _shows(la, stack, kind)), None)

    def _moved(self, _event: object = None) -> None:
        if self.image is None or self._source is None:
            self._letters.show(None)
            return
        self._letters.show(edges(self._source.stack.geometry, self.slice))
        self._on_phase(self.phase)


def _unbox_brush(viewer: Any) -> None:
    """Never draw a box behind the brush's circle.

    napari 0.9.2 shows that box when a layer goes or layers change places while a brush is out,
    and never hides it again: a dark square that stays, and that has crashed OpenGL when it was
    all there was to draw.
    """
    for overlay in viewer.canvas.overlays.values():
        if isinstance(overlay, BrushCircleOverlay):
            overlay.box = False


def _colours() -> DirectLabelColormap:
    return DirectLabelColormap(color_dict=label_colours())


def source_of(layer: Layer) -> Source | None:
    """What a layer shows, if it is one of ours."""
    source = layer.metadata.get(SOURCE)
    return source if isinstance(source, Source) else None


def _shows(layer: Layer, stack: Stack, kind: type[Layer]) -> bool:
    source = source_of(layer)
    return source is not None and source.stack is stack and isinstance(layer, kind)
