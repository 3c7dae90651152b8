"""Slices with another number of phases, spread over the cycle of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_cmr.io.phase_order import TRIGGER, PhaseKey, Run, key_fault

_FEWEST = 4  # phases; and half of those of the others
_RR_AGREES = 0.25
_STEPS_ALIKE = 0.1
_COMMON_START = ("trigger", "temporal-index")


def can_be_resampled(run: Run, key: PhaseKey | None, n_phases: int) -> bool:
    """Whether a run has phases enough, in an order that is known, to stand for the others'."""
    enough = has_phases_enough(run, n_phases)
    return enough and key is not None and not key_fault(key, [run])


def has_phases_enough(run: Run, n_phases: int) -> bool:
    """Whether a run is not too short to stand for one of so many phases."""
    return len(run) >= max(_FEWEST, n_phases / 2)


def resampled(run: Run, key: PhaseKey, usual: Sequence[Run]) -> Run:
    """A run of as many phases as the usual ones, each the nearest image in the cycle.

    No pixel is made up: an image may stand for two phases, or for none.

    Parameters
    ----------
    run
        The images of one slice.
    key
        What orders them, without fault in the run and in the usual ones.
    usual
        Runs of the other slices, in order.
    """
    ordered = sorted(run, key=lambda h: key.value(h) or 0.0)
    values = np.array([key.value(h) or 0.0 for h in ordered])
    firsts = [key.value(other[0]) or 0.0 for other in usual]
    start = float(np.median(firsts)) if key.name in _COMMON_START else values[0]
    cycle = _cycle(ordered, key, start, usual)
    own = (values - start) / cycle
    n_phases = len(usual[0])
    wanted = np.arange(n_phases) / n_phases
    apart = np.abs(wanted[:, None] - own[None])
    nearest = np.argmin(np.minimum(apart, np.abs(1 - apart)), axis=1)
    images = [ordered[i] for i in nearest]
    if key is not TRIGGER:
        return images
    return [replace(h, trigger_ms=start + cycle * at) for h, at in zip(images, wanted, strict=True)]


def _cycle(run: Run, key: PhaseKey, start: float, usual: Sequence[Run]) -> float:
    """Length of the cycle in the key's own unit.

    The header's own, where it fits; else that of the other slices, where they step alike: then
    images at the end may be missing; else from the first image to the last and a step more.
    """
    step = _step(run, key)
    spanned = (key.value(run[-1]) or 0.0) - start + step
    nominal = run[0].nominal_rr_ms if key is TRIGGER else None
    if nominal is not None and abs(nominal / spanned - 1) <= _RR_AGREES:
        return nominal
    steps = [_step(other, key) for other in usual]
    alike = abs(float(np.median(steps)) / step - 1) <= _STEPS_ALIKE
    return max(spanned, step * len(usual[0])) if alike else spanned


def _step(run: Run, key: PhaseKey) -> float:
    return float(np.median(np.diff([key.value(h) or 0.0 for h in run])))
