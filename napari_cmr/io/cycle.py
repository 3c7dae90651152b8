"""How long the cardiac cycle is, from headers that do not always agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_cmr.core import Finding, FloatArray
from napari_cmr.io.header import Header

_PLAUSIBLE_MS = (200.0, 2500.0)
_AGREE = 0.1
_LONGEST_MS = 4000.0  # two slow beats
_SHORTEST_STEP_MS = 2.0


def cycle_length(
    headers: Sequence[Header], times_ms: FloatArray | None
) -> tuple[float | None, str, list[Finding]]:
    """Length of the cardiac cycle in ms, what it comes from, and findings.

    NominalInterval is believed first, then HeartRate, if the phases fit into the cycle that they
    claim; failing both, phases times their step, where trigger times are known and there are at
    least eight phases (retrospective gating spreads them over the whole cycle).
    """
    nominal = _median([h.nominal_rr_ms for h in headers])
    rate = _median([h.heart_rate for h in headers])
    from_rate = 60_000 / rate if rate else None
    from_phases = _from_phases(times_ms)
    claims = [
        (value, basis)
        for value, basis in ((nominal, "nominal interval"), (from_rate, "heart rate"))
        if value is not None and _PLAUSIBLE_MS[0] <= value <= _PLAUSIBLE_MS[1]
    ]
    last = None if times_ms is None else float(np.max(times_ms, initial=0.0))
    fitting = [c for c in claims if last is None or last <= c[0] * (1 + _AGREE)]
    findings = []
    if len(fitting) == 2 and abs(fitting[0][0] / fitting[1][0] - 1) > _AGREE:
        findings.append(_disagreement(fitting[0][0], fitting[1][0]))
    if fitting:
        return fitting[0][0], fitting[0][1], findings
    if from_phases is None:
        return None, "", findings
    if claims:
        findings.append(_disagreement(claims[0][0], from_phases))
    return from_phases, "phases times their step", findings


def implausible(times_ms: FloatArray) -> str:
    """A sentence why times ``(t, z)`` cannot be milliseconds after an R wave; empty if they can.

    Scanners and converters put seconds there, the phase's number, or the time since the scan
    began.
    """
    low, high = float(times_ms.min()), float(times_ms.max())
    if low < -_LONGEST_MS or high > _LONGEST_MS:
        return f"The phase times run from {low:.0f} to {high:.0f} ms, longer than heartbeats last."
    if len(times_ms) >= 5 and high - low < _SHORTEST_STEP_MS * len(times_ms):
        return f"All {len(times_ms)} phases lie within {high - low:.3g} ms by their times."
    return ""


def _from_phases(times_ms: FloatArray | None) -> float | None:
    if times_ms is None or len(times_ms) < 8:
        return None
    steps = np.median(np.diff(times_ms, axis=0), axis=0)
    cycle = float(np.median(steps)) * len(times_ms)
    return cycle if _PLAUSIBLE_MS[0] <= cycle <= _PLAUSIBLE_MS[1] else None


def _disagreement(a: float, b: float) -> Finding:
    return Finding(
        "cycle-length-contradictory",
        f"The headers give cardiac cycles of {a:.0f} and {b:.0f} ms.",
        "Check the heart rate before relying on the cardiac output.",
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v]
    return float(np.median(known)) if known else None
