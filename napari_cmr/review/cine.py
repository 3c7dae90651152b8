"""When each phase of a slice is to be seen, so that the heart beats as fast as it did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cmr.core import FloatArray, Stack

ASSUMED_MS = 1000.0
"""Length of a cycle where neither times nor a heart rate are known: 60 beats a minute."""


@dataclass(frozen=True, eq=False)
class Cycle:
    """One heartbeat of one slice.

    Parameters
    ----------
    starts_ms
        ``(t,)`` when each phase begins, from 0 and growing.
    length_ms
        Of the whole cycle.
    basis
        What both rest on, as a clause for a reader.
    """

    starts_ms: FloatArray
    length_ms: float
    basis: str

    @property
    def beats_per_minute(self) -> float:
        """The heart rate that is played."""
        return 60_000 / self.length_ms

    def phase_at(self, elapsed_ms: float) -> int:
        """The phase to be seen so long after the first began; the cycle repeats."""
        within = elapsed_ms % self.length_ms
        return int(np.searchsorted(self.starts_ms, within, side="right")) - 1

    def fraction_of(self, phase: int) -> float:
        """How far into the cycle a phase begins, 0 up to 1."""
        return float(self.starts_ms[phase] / self.length_ms)

    def phase_nearest(self, fraction: float) -> int:
        """The phase that begins nearest to a part of the cycle, round its end too."""
        away = np.abs(self.starts_ms / self.length_ms - fraction)
        return int(np.argmin(np.minimum(away, 1 - away)))


def cycle_of(stack: Stack, slice_index: int) -> Cycle:
    """The heartbeat of a slice: its own times, else the RR interval in even parts, else 60/min.

    The last phase lasts until the RR interval ends, or as long as the median of the others where
    that is not known or is shorter than the phases are.
    """
    phases = stack.shape[0]
    times = None if stack.times_ms is None else stack.times_ms[:, slice_index]
    if times is not None and phases > 1 and np.isfinite(times).all() and (np.diff(times) > 0).all():
        starts = times - times[0]
        rr = stack.rr_ms
        if rr is not None and rr > starts[-1]:
            return Cycle(starts, rr, "phase times and RR interval of the images")
        step = float(np.median(np.diff(starts)))
        return Cycle(starts, float(starts[-1]) + step, "phase times of the images")
    length, basis = stack.rr_ms, "RR interval of the images, phases evenly spaced"
    if not length:
        length, basis = ASSUMED_MS, "60 beats a minute assumed, since the images do not say"
    return Cycle(np.arange(phases) * length / phases, length, basis)
