"""Scar of the late enhancement under review, and the region it is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QObject, QTimer

from napari_cmr.core import InputError
from napari_cmr.measure import Outline, Remote
from napari_cmr.review import Corrected, Event, ReviewSession, enhancement_of
from napari_cmr.review.enhancement import remote_of, remote_wall
from napari_cmr.ui.layers import image_grid
from napari_cmr.ui.rulers import Rulers
from napari_cmr.ui.scar_panel import ScarPanel

REMOTE_WALL = "napari-cmr remote wall"
"""Key in the metadata of the layer that outlines the remote wall."""

_COLOUR = "#ff5fd2"
_AFTER_STROKE_MS = 200


class Enhancement:
    """Connects the scar panel and the drawn regions with the session.

    Parameters
    ----------
    viewer, session
        What is under review.
    rulers
        What the reader drew.
    panel
        Where the numbers stand.
    parent
        What the timer ends with.
    """

    def __init__(
        self, viewer: Any, session: ReviewSession, rulers: Rulers, panel: ScarPanel, parent: QObject
    ) -> None:
        self._viewer, self._session = viewer, session
        self._rulers, self._panel = rulers, panel
        self._is_shown = False
        self._later = QTimer(parent)
        self._later.setSingleShot(True)
        self._later.setInterval(_AFTER_STROKE_MS)
        self._later.timeout.connect(self.draw)
        session.changed.connect(self._on_changed)
        panel.region_wanted.connect(self.use_region)
        panel.automatic_wanted.connect(lambda: self._set(()))
        panel.shown_wanted.connect(self.show_wall)

    def close(self) -> None:
        """Let go of the session."""
        self._later.stop()
        self._session.changed.disconnect(self._on_changed)

    def use_region(self) -> None:
        """Compare with the wall inside the regions that the reader drew."""
        outlines = self._rulers.outlines()
        if outlines:
            self._set(outlines)
        else:
            self._panel.say("Draw a region on healthy wall first: Region, or Alt+E.")

    def show_wall(self, shown: bool) -> None:
        """Outline the remote wall on the pictures, or take that off."""
        self._is_shown = shown
        self.draw()

    def draw(self) -> None:
        """Measure what is labelled now, and draw it."""
        self._later.stop()
        reading = self._session.reading
        wall = None if reading is None else remote_wall(reading)
        if reading is None or wall is None:
            self._panel.hide()
            self._outline(None)
            return
        by_hand = remote_of(reading) is not None
        try:
            found = enhancement_of(reading)
        except InputError as error:
            self._panel.show_trouble(error, by_hand=by_hand)
        else:
            assert found is not None
            self._panel.show_scar(found, wall)
        self._outline(wall)

    def _set(self, outlines: tuple[Outline, ...]) -> None:
        try:
            self._session.set_remote(outlines)
        except InputError as error:
            self._panel.say(str(error))

    def _on_changed(self, event: Event) -> None:
        if isinstance(event, Corrected):
            self._later.start()  # a stroke must not wait for numbers
        else:
            self.draw()

    def _outline(self, wall: Remote | None) -> None:
        layer = next((la for la in self._viewer.layers if la.metadata.get(REMOTE_WALL)), None)
        stack = self._session.stack
        if wall is None or stack is None or not self._is_shown:
            if layer is not None:
                self._viewer.layers.remove(layer)
            return
        mask = wall.mask[None].astype(np.uint8)
        if layer is not None and layer.data.shape == mask.shape:
            layer.data = mask
            return
        if layer is not None:
            self._viewer.layers.remove(layer)
        active = self._viewer.layers.selection.active
        added: Labels = self._viewer.add_labels(
            mask,
            name="remote wall",
            colormap=DirectLabelColormap(
                color_dict={None: "transparent", 0: "transparent", 1: _COLOUR}
            ),
            opacity=1.0,
            metadata={REMOTE_WALL: True},
            **image_grid(stack),
        )
        added.contour = 1
        added.editable = False
        self._viewer.layers.selection.active = active
