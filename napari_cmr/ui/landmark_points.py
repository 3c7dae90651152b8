"""Landmarks as points that a reader drags; what is dragged goes through the session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from napari.layers import Points
from qtpy.QtCore import QTimer

from napari_cmr.core import InputError
from napari_cmr.measure.landmarks import SAX_LANDMARKS
from napari_cmr.review import ReviewSession
from napari_cmr.review.landmarks import landmarks_of
from napari_cmr.ui.keys import Keys
from napari_cmr.ui.stage import Stage

_TITLES = {"LV_CENTRE": "LV", "RV_INSERTION_1": "RV 1", "RV_INSERTION_2": "RV 2"}
_FOUND, _PLACED = "#ffe08a", "#ff8ad8"


class LandmarkPoints:
    """Three points on the frame on show: those that the labels give, and those placed.

    Parameters
    ----------
    viewer, session, stage
        What is under review.
    keys
        Bound on the layer too, whose own keys would win.
    say
        Says one sentence.
    """

    def __init__(
        self,
        viewer: Any,
        session: ReviewSession,
        stage: Stage,
        keys: Keys,
        say: Callable[..., None],
    ) -> None:
        self._viewer, self._session, self._stage = viewer, session, stage
        self._keys, self._say = keys, say
        self.layer: Points | None = None
        self.wanted = False
        self._is_drawing = False
        self._is_dragged = False

    def show(self, wanted: bool) -> None:
        """Show them, or take them off."""
        self.wanted = wanted
        if not wanted:
            self.clear()
            return
        self.draw()
        if self.layer is None:
            self._say("No landmarks here: they follow from the contours of LV, wall and RV.")
        else:
            self._viewer.layers.selection.active = self.layer
            self.layer.mode = "select"

    def draw(self) -> None:
        """Draw those of the frame on show."""
        reading, image = self._session.reading, self._stage.image
        if not self.wanted or self._is_drawing or self._is_dragged:
            return
        found = None
        if reading is not None and image is not None and reading.history.has_labels:
            found = landmarks_of(reading, (self._stage.phase, self._stage.slice))
        if found is None:
            self.clear()
            return
        colours = [_PLACED if name in found.placed else _FOUND for name in SAX_LANDMARKS]
        self._is_drawing = True
        try:
            if self.layer is None or self.layer not in self._viewer.layers:
                self.layer = self._add(found.points, image)
            elif not np.array_equal(self.layer.data, found.points):
                self.layer.data = found.points
            self.layer.face_color = colours
        finally:
            self._is_drawing = False

    def clear(self) -> None:
        """Take them off."""
        layer, self.layer, self._is_dragged = self.layer, None, False
        if layer is not None and layer in self._viewer.layers:
            layer.mode = "pan_zoom"
            self._keys.forget(layer)
            self._viewer.layers.remove(layer)

    def take(self) -> None:
        """Put what was dragged into the session; what it refuses goes back."""
        layer, reading = self.layer, self._session.reading
        if layer is None or reading is None or self._is_drawing or self._is_dragged:
            return
        frame = (self._stage.phase, self._stage.slice)
        known = landmarks_of(reading, frame)
        if known is not None and layer.data.shape == known.points.shape:
            for name, old, new in zip(SAX_LANDMARKS, known.points, layer.data, strict=True):
                if not np.allclose(old, new, atol=1e-3):
                    self._place(frame, name, (float(new[0]), float(new[1])))
        self.draw()

    def _place(self, frame: tuple[int, int], name: str, at: tuple[float, float]) -> None:
        try:
            self._session.place_landmark(frame, name, at)
        except InputError as error:
            self._say(str(error), error=True)

    def _add(self, points: Any, image: Any) -> Points:
        active = self._viewer.layers.selection.active
        layer: Points = self._viewer.add_points(
            points,
            name="landmarks",
            size=4,
            border_color="black",
            features={"name": [_TITLES[name] for name in SAX_LANDMARKS]},
            text={"string": "{name}", "color": _FOUND, "size": 10, "translation": [-4, 0]},
            scale=image.scale[-2:],
            units=image.units[-2:],
            axis_labels=image.axis_labels[-2:],
        )
        # The reader's hand is still on the point while napari tells of it.
        layer.events.data.connect(self._soon)
        layer.mouse_drag_callbacks.append(self._dragged)
        self._keys.also_on(layer)
        self._viewer.layers.selection.active = active
        return layer

    def _dragged(self, _layer: Points, event: Any) -> Iterator[None]:
        """A drag is one step, whatever its way was."""
        self._is_dragged = True
        yield
        while event.type == "mouse_move":
            yield
        self._is_dragged = False
        self._soon()

    def _soon(self, _event: object = None) -> None:
        QTimer.singleShot(0, self.take)
