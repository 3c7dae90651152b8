"""Carries how a reader wants to look at the pictures to the stage: playing, jumping, contrast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_cmr.core import InputError, Stack
from napari_cmr.review import ReviewSession
from napari_cmr.ui.cine import Cine, Playing
from napari_cmr.ui.keys import Keys
from napari_cmr.ui.keys_panel import KeysPanel
from napari_cmr.ui.landmark_points import LandmarkPoints
from napari_cmr.ui.rulers import Rulers
from napari_cmr.ui.stage import Stage
from napari_cmr.ui.viewing_panel import ViewingPanel
from napari_cmr.ui.windowing import Windowing


class Viewing:
    """Connects the viewing panel and its keys with the stage.

    Parameters
    ----------
    viewer, session, stage
        What is looked at.
    panel
        Emits what is wanted.
    keys
        Where its keys are bound.
    parent
        What the timer ends with.
    say
        Says one sentence.
    """

    def __init__(
        self,
        viewer: Any,
        session: ReviewSession,
        stage: Stage,
        panel: ViewingPanel,
        keys: Keys,
        parent: QObject,
        say: Callable[..., None],
    ) -> None:
        self._session, self._stage, self._panel, self._keys = session, stage, panel, keys
        self.cine = Cine(parent, stage, lambda: session.stack, panel.say)
        self.rulers = Rulers(viewer, lambda: session.stack, keys)
        self.points = LandmarkPoints(viewer, session, stage, keys, say)
        self._stack: Stack | None = None
        self._windowing = Windowing(viewer, lambda: stage.image)
        self.keys_panel: KeysPanel | None = None
        panel.play_phases_wanted.connect(self.play_phases)
        panel.play_slices_wanted.connect(self.play_slices)
        panel.filled_wanted.connect(self.fill)
        panel.keys_wanted.connect(self.show_keys)
        panel.ruler_wanted.connect(self.rulers.draw_line)
        panel.region_wanted.connect(self.rulers.draw_region)
        panel.landmarks_wanted.connect(self.points.show)
        for name, title, key, act in (
            ("play-phases", "play phases at the heart's own rate, or stop", "K", self.play_phases),
            ("play-slices", "play slices in one phase, or stop", "Shift+K", self.play_slices),
            ("phase-before", "phase before", ",", lambda: self.step(phases=-1)),
            ("next-phase", "next phase", ".", lambda: self.step(phases=1)),
            ("slice-before", "slice before", "PageUp", lambda: self.step(slices=-1)),
            ("next-slice", "next slice", "PageDown", lambda: self.step(slices=1)),
            ("go-to-ed", "go to end diastole", "D", lambda: self.jump("ed_phase")),
            ("go-to-es", "go to end systole", "S", lambda: self.jump("es_phase")),
            ("fill-contours", "contours as lines or filled", "T", self.toggle_filled),
            ("hide-contours", "hide contours, or show them", "H", stage.toggle_contours),
            ("ruler", "draw a ruler", "L", self.rulers.draw_line),
            ("region", "draw a region", "Alt+E", self.rulers.draw_region),
            ("landmarks", "landmarks, to be dragged", "Q", panel.landmarks.click),
            ("keys", "this list", "F1", self.show_keys),
        ):
            keys.add(name, title, key, act)

    def close(self) -> None:
        """Let go of the viewer."""
        self.cine.stop()
        self._windowing.close()
        if self.keys_panel is not None:
            self.keys_panel.close()

    def show_stack(self) -> None:
        """What is on show may be another stack, or none."""
        stack = self._session.stack
        if stack is not self._stack:
            self._stack = stack
            self.cine.stop()
            self.rulers.clear()
            self.points.clear()
            self._panel.set_has_stack(stack is not None)
        self.points.draw()

    def play_phases(self) -> None:
        """Play phases at the heart's own rate with the slice held, or stop."""
        self.cine.toggle(Playing.PHASES)

    def play_slices(self) -> None:
        """Play slices with the phase held, or stop."""
        self.cine.toggle(Playing.SLICES)

    def step(self, *, phases: int = 0, slices: int = 0) -> None:
        """Go on by so many; phases go round, slices end at the ends."""
        stack = self._session.stack
        if stack is None:
            return
        self.cine.stop()
        t, z = stack.shape[:2]
        if phases:
            self._stage.go_to(phase=(self._stage.phase + phases) % t)
        if slices:
            self._stage.go_to(slice_index=min(max(self._stage.slice + slices, 0), z - 1))

    def jump(self, which: str) -> None:
        """Go to end diastole (``ed_phase``) or end systole (``es_phase``), once it is known."""
        measures = self._session.measures
        if measures is None:
            self._panel.say("ED and ES are known once the stack is segmented.")
        else:
            self.cine.stop()
            self._stage.go_to(phase=getattr(measures, which))

    def fill(self, filled: bool) -> None:
        """Contours filled, or as lines."""
        self._stage.set_filled(filled)
        self._panel.show_filled(filled)

    def toggle_filled(self) -> None:
        """The other of the two."""
        self.fill(not self._stage.filled)

    def show_keys(self) -> None:
        """List the keys."""
        if self.keys_panel is None:
            parent = self._panel.window() if isinstance(self._panel, QWidget) else None
            self.keys_panel = KeysPanel(parent)
            self.keys_panel.rebind_wanted.connect(self._rebind)
        self.keys_panel.show_table(self._keys.table)
        self.keys_panel.show()

    def _rebind(self, name: str, key: str) -> None:
        assert self.keys_panel is not None
        try:
            self._keys.rebind(name, key)
        except InputError as error:
            self.keys_panel.say(str(error))
        else:
            self.keys_panel.show_table(self._keys.table)
            self.keys_panel.say(f"{key or 'No key'} does it from now on.")
