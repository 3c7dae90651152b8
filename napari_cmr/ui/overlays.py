"""Maps over the images: how unsure the model is, and what a number hangs on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy  # its parts come when first used
from napari.layers import Image
from napari.utils.colormaps import Colormap

from napari_cmr.core import Stack
from napari_cmr.ui.layers import image_grid

OVERLAY = "napari-cmr overlay"
"""Key in the metadata of a layer that lies over the images."""

_MOST_ENTROPY = 0.8
_STRONGEST = 99.0
_SMOOTH_MM = 2.0
_DOUBT = [[0.5, 0.1, 0.5, 0.0], [0.8, 0.2, 0.5, 0.7], [1.0, 0.85, 0.2, 1.0]]
_SIGNED = [
    [0.1, 0.35, 1.0, 1.0],
    [0.2, 0.6, 1.0, 0.45],
    [0.5, 0.5, 0.5, 0.0],
    [1.0, 0.55, 0.1, 0.45],
    [1.0, 0.15, 0.05, 1.0],
]
_POSITIVE = _SIGNED[2:]


class Overlays:
    """Adds and removes the two maps in a napari viewer.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer

    def layer(self, kind: str) -> Image | None:
        """The layer of a kind, ``doubt`` or ``why``, if it is there."""
        return next((la for la in self._viewer.layers if la.metadata.get(OVERLAY) == kind), None)

    def show_doubt(
        self, stack: Stack, entropy: npt.NDArray[np.float16], *, visible: bool, opacity: float
    ) -> None:
        """Draw the entropy of the model's probabilities."""
        self._show(
            "doubt", "uncertainty", stack, entropy, _DOUBT, (0.05, _MOST_ENTROPY), visible, opacity
        )

    def show_map(
        self, stack: Stack, title: str, maps: npt.NDArray[np.float32], opacity: float
    ) -> None:
        """Draw what a number hangs on: warm speaks for it, blue against it.

        It is smoothed a little for the eye; the numbers beside it are of the map as it is.
        """
        width = [_SMOOTH_MM / mm for mm in stack.geometry.pixel_spacing]
        maps = scipy.ndimage.gaussian_filter(maps, (0, 0, *width))
        sizes = np.abs(maps[np.abs(maps) > np.abs(maps).max(initial=0) / 1000])
        most = float(np.percentile(sizes, _STRONGEST)) if sizes.size else 1.0
        signed = bool((maps < 0).any())
        colours = _SIGNED if signed else _POSITIVE
        limits = (-most if signed else 0.0, most)
        self._show("why", f"why: {title}", stack, maps, colours, limits, True, opacity)

    def set_visible(self, kind: str, visible: bool) -> None:
        """Show or hide a map that is there."""
        layer = self.layer(kind)
        if layer is not None:
            layer.visible = visible

    def set_opacity(self, kind: str, opacity: float) -> None:
        """How strongly a map is drawn."""
        layer = self.layer(kind)
        if layer is not None:
            layer.opacity = opacity

    def remove(self, kind: str) -> None:
        """Take a map off the viewer."""
        layer = self.layer(kind)
        if layer is not None:
            self._viewer.layers.remove(layer)

    def _show(
        self,
        kind: str,
        name: str,
        stack: Stack,
        values: npt.NDArray[Any],
        colours: list[list[float]],
        limits: tuple[float, float],
        visible: bool,
        opacity: float,
    ) -> None:
        self.remove(kind)
        active = self._viewer.layers.selection.active
        layer = self._viewer.add_image(
            np.asarray(values, np.float32),
            name=name,
            colormap=Colormap(colours, name=f"napari-cmr {kind} {len(colours)}"),
            contrast_limits=limits,
            blending="translucent",
            opacity=opacity,
            visible=visible,
            interpolation2d="linear",
            metadata={OVERLAY: kind},
            **image_grid(stack),
        )
        # Under the contours, which must stay legible, and above the images.
        self._viewer.layers.move(self._viewer.layers.index(layer), 1)
        self._viewer.layers.selection.active = active
