"""Plays phases at the heart's own rate with the slice held, or slices with the phase held."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from qtpy.QtCore import QElapsedTimer, QObject, QTimer

from napari_cmr.core import Stack
from napari_cmr.review.cine import Cycle, cycle_of
from napari_cmr.ui.stage import Stage

SLICE_MS = 250
"""How long each slice is seen when slices are played."""
_TICK_MS = 15


class Playing(Enum):
    """What moves."""

    NOTHING = "nothing"
    PHASES = "phases"
    SLICES = "slices"


class Cine(QObject):
    """Moves a stage in time.

    Which phase is due is told by the clock, not by counting ticks: a computer that draws too
    slowly skips phases and keeps the heart rate.

    Parameters
    ----------
    stage
        What is moved.
    stack
        Gives the stack on show, None where there is none.
    told
        Called with a sentence about what is played; an empty one at its end.
    """

    def __init__(
        self,
        parent: QObject,
        stage: Stage,
        stack: Callable[[], Stack | None],
        told: Callable[[str], None],
    ) -> None:
        super().__init__(parent)
        self._stage, self._stack, self._told = stage, stack, told
        self.playing = Playing.NOTHING
        self._cycle: Cycle | None = None
        self._first = 0.0
        self._clock = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.step)

    def toggle(self, what: Playing) -> None:
        """Play it, or stop it if it is being played."""
        wanted = Playing.NOTHING if self.playing is what else what
        self.stop()
        stack = self._stack()
        if stack is None or wanted is Playing.NOTHING:
            return
        if wanted is Playing.PHASES:
            self._cycle = cycle_of(stack, self._stage.slice)
            self._first = float(self._cycle.starts_ms[self._stage.phase])
            rate = f"{self._cycle.beats_per_minute:.0f}/min"
            self._told(f"Playing phases at {rate}: {self._cycle.basis}.")
        else:
            self._first = float(self._stage.slice * SLICE_MS)
            self._told("Playing slices, four a second.")
        self.playing = wanted
        self._clock.start()
        self._timer.start()

    def stop(self) -> None:
        """Stay where it is."""
        if self.playing is not Playing.NOTHING:
            self.playing = Playing.NOTHING
            self._timer.stop()
            self._told("")

    def step(self) -> None:
        """Go to what is due now."""
        self.show_at(self._first + self._clock.elapsed())

    def show_at(self, elapsed_ms: float) -> None:
        """Go to what is due at a time since the first phase, or the first slice."""
        stack = self._stack()
        if stack is None:
            self.stop()
        elif self.playing is Playing.PHASES and self._cycle is not None:
            due = self._cycle.phase_at(elapsed_ms)
            if due != self._stage.phase:
                self._stage.go_to(phase=due)
        elif self.playing is Playing.SLICES:
            due = int(elapsed_ms // SLICE_MS) % stack.shape[1]
            if due != self._stage.slice:
                self._stage.go_to(slice_index=due)
