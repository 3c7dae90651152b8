"""Runs and phases at one slice position: which images are repeats, and which comes when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from napari_cmr.core import Finding
from napari_cmr.io.grouping import canonical
from napari_cmr.io.header import Header

Run = list[Header]
_STEPS_TO_JUDGE = 4
_SKIP = 1.6  # of the usual step; two steps where one image is missing


@dataclass(frozen=True)
class PhaseKey:
    """A header value that may say which phase an image is."""

    name: str
    title: str
    value: Callable[[Header], float | None]


TRIGGER = PhaseKey("trigger", "trigger times", lambda h: h.trigger_ms)
INSTANCE = PhaseKey("instance", "instance numbers", lambda h: h.instance)
PHASE_KEYS: tuple[PhaseKey, ...] = (
    TRIGGER,
    PhaseKey("temporal-index", "temporal positions", lambda h: h.temporal_index),
    PhaseKey("frame-time", "frame times", lambda h: h.frame_ms),
    PhaseKey("acquisition-time", "acquisition times", lambda h: h.acquired_s),
    PhaseKey("content-time", "content times", lambda h: h.content_s),
    PhaseKey("frame", "frame numbers", lambda h: h.frame_index),
    INSTANCE,
)


def runs_at(images: Sequence[Header], expected: int) -> list[Run]:
    """Split the images of one position into runs of the scanner.

    Parameters
    ----------
    images
        All images at the position.
    expected
        How many phases the other positions have; only asked where nothing else tells.

    Returns
    -------
    runs
        Oldest first.
    """
    by_series: dict[str, Run] = defaultdict(list)
    for h in images:
        by_series[h.series].append(h)
    # One image a series is a scanner that writes a series a phase; several are repeats.
    runs = list(by_series.values())
    if len(runs) > 1 and all(len(run) == 1 for run in runs) and _distinct_phase(images):
        runs = [list(images)]
    runs = [part for run in runs for part in _split_series(run, expected)]
    return sorted(runs, key=_age)


def _split_series(run: Run, expected: int) -> list[Run]:
    by_acquisition: dict[int | None, Run] = defaultdict(list)
    for h in run:
        by_acquisition[h.acquisition].append(h)
    parts = list(by_acquisition.values())
    if len(parts) > 1 and all(len(p) > 1 for p in parts) and _overlap(parts):
        return parts
    if _repeated(run):
        return _split_by_time(run, expected)
    return [run]


def _split_by_time(run: Run, expected: int) -> list[Run]:
    """Cut a series that repeats its phases into blocks of equal length, by time or number."""
    key = next((k for k in PHASE_KEYS[:2] if _some(k, run)), None)
    values = [key.value(h) for h in run] if key else []
    counts = {values.count(v) for v in values}
    n_runs = counts.pop() if len(counts) == 1 else len(run) // max(expected, 1)
    if n_runs < 2 or len(run) % n_runs:
        return [run]
    length = len(run) // n_runs
    if length == 1:
        return [run]  # a key that is constant says nothing of repeats
    for order in (PHASE_KEYS[3], PHASE_KEYS[4], PHASE_KEYS[6]):
        if not _some(order, run):
            continue
        ordered = sorted(run, key=lambda h: (order.value(h) or 0.0, *canonical(h)))
        blocks = [ordered[i : i + length] for i in range(0, len(run), length)]
        if key is None or not any(_repeated(b) for b in blocks):
            return blocks
    return [run]


def _repeated(run: Run) -> bool:
    """Whether a key that counts phases has the same value for several images."""
    for key in PHASE_KEYS[:2]:
        values = [key.value(h) for h in run]
        if None not in values and 1 < len(set(values)) < len(values):
            return True
    return False


def _distinct_phase(images: Iterable[Header]) -> bool:
    for key in PHASE_KEYS[:2]:
        values = [key.value(h) for h in images]
        if None not in values and len(set(values)) == len(values):
            return True
    return False


def _overlap(parts: list[Run]) -> bool:
    """Whether runs cover the same part of the cycle, as repeats do and segments do not."""
    ranges = []
    for part in parts:
        times = [h.trigger_ms for h in part if h.trigger_ms is not None]
        if len(times) < len(part):
            return all(len(p) == len(parts[0]) for p in parts)
        ranges.append((min(times), max(times)))
    ranges.sort()
    return all(a[1] > b[0] for a, b in pairwise(ranges))


def _some(key: PhaseKey, run: Run) -> bool:
    values = {key.value(h) for h in run}
    return None not in values and len(values) > 1


def _age(run: Run) -> tuple[float, float, float, str]:
    """Sorts runs from the oldest to the newest: by time, else by series, else by number."""

    def latest(values: Iterable[float | None]) -> float:
        known = [v for v in values if v is not None]
        return max(known, default=-1.0)

    return (
        latest(h.acquired_s for h in run),
        latest(h.series_number for h in run),
        latest(h.acquisition for h in run),
        max(h.uid for h in run),
    )


def order_phases(runs: Sequence[Run]) -> tuple[list[Run], PhaseKey | None, list[Finding]]:
    """Put the images of each run in the order of the cycle, all by the same key.

    A key is refused where it is missing, constant or repeated within a run, and trigger times
    where two other keys agree on another order; the next is taken.

    Returns
    -------
    runs, key, findings
        The runs in order; the key used, or None for a single phase or where every key was
        refused (then the order means nothing).
    """
    if all(len(run) == 1 for run in runs):
        return [list(run) for run in runs], None, []
    refused: list[str] = []
    for key in PHASE_KEYS:
        fault = key_fault(key, runs) or _outvoted(key, runs)
        if not fault:
            ordered = [sorted(run, key=lambda h: key.value(h) or 0.0) for run in runs]
            return ordered, key, _refusal(refused, key) + _doubt(key, runs)
        if fault != "missing":
            refused.append(f"{key.title} are {fault}")
    ordered = [sorted(run, key=canonical) for run in runs]
    return ordered, None, _refusal(refused, None)


def key_fault(key: PhaseKey, runs: Sequence[Run]) -> str:
    """Why a key cannot order the phases; empty where it can."""
    for run in runs:
        values = [key.value(h) for h in run]
        if None in values:
            return "missing"
        if len(set(values)) == 1:
            return "constant"
        if len(set(values)) < len(values):
            return "repeated"
    if key.name == "temporal-index" and len({_pattern(key, run) for run in runs}) > 1:
        return "contradictory between slices"
    return ""


def _outvoted(key: PhaseKey, runs: Sequence[Run]) -> str:
    """Why trigger times are not believed against what else orders the phases; empty if they are.

    Two keys that agree in every run outvote them. Instance numbers alone do where the times come
    in uneven steps, which no gating gives.
    """
    if key is not TRIGGER:
        return ""
    sound = [k for k in _WITNESSES if not key_fault(k, runs)]
    for i, a in enumerate(sound):
        for b in sound[i + 1 :]:
            agree = all(_sequence(a, run) == _sequence(b, run) for run in runs)
            if agree and _contradicted(a, runs):
                return f"contradicted by the {a.title} and the {b.title}"
    if INSTANCE in sound and any(map(_uneven_steps, _contradicted(INSTANCE, runs))):
        return "uneven and contradicted by the instance numbers"
    return ""


def _contradicted(witness: PhaseKey, runs: Sequence[Run]) -> list[Run]:
    """Runs whose trigger times tell another order than the witness.

    An order that only begins elsewhere in the cycle is no contradiction: the R wave is where
    trigger times begin, and not always where numbering does.
    """
    return [r for r in runs if not _same_circle(_sequence(witness, r), _sequence(TRIGGER, r))]


def _uneven_steps(run: Run) -> bool:
    steps = np.diff(np.sort([h.trigger_ms or 0.0 for h in run]))
    return len(steps) >= _STEPS_TO_JUDGE and bool(np.max(steps) > 3 * np.median(steps))


_WITNESSES = tuple(
    k for k in PHASE_KEYS if k.name in ("temporal-index", "content-time", "instance")
)


def _sequence(key: PhaseKey, run: Run) -> list[int]:
    """The images of a run in the key's order."""
    return sorted(range(len(run)), key=lambda i: key.value(run[i]) or 0.0)


def _same_circle(a: list[int], b: list[int]) -> bool:
    at = b.index(a[0])
    return b[at:] + b[:at] == a


def _pattern(key: PhaseKey, run: Run) -> tuple[float, ...]:
    values = np.sort([key.value(h) or 0.0 for h in run])
    return tuple(values - values[0])


def _doubt(key: PhaseKey, runs: Sequence[Run]) -> list[Finding]:
    """That trigger times are believed although the numbers tell another order."""
    if key is not TRIGGER or key_fault(INSTANCE, runs):
        return []
    n = len(_contradicted(INSTANCE, runs))
    if not n:
        return []
    message = f"Trigger times and instance numbers tell different orders in {n} slice(s)."
    return [Finding("phase-order-doubtful", message, "Trigger times are believed; play the cine.")]


def skipped_phases(runs: Sequence[Run]) -> list[Finding]:
    """That trigger times, in order, leave out a phase or more of some slices."""
    n = sum(map(_skips, runs))
    if not n:
        return []
    message = f"The trigger times of {n} slice(s) skip a phase or more."
    action = "What is here is used; after the gap, phases may not match those of other slices."
    return [Finding("phase-skipped", message, action)]


def _skips(run: Run) -> bool:
    steps = np.diff([h.trigger_ms or 0.0 for h in run])
    return len(steps) >= _STEPS_TO_JUDGE and bool(np.max(steps) > _SKIP * np.median(steps))


def _refusal(refused: list[str], key: PhaseKey | None) -> list[Finding]:
    if key is None:
        message = "Nothing in the headers says which phase is which."
        return [Finding("phases-unordered", message, "Left alone.")]
    if not refused:
        return []
    message = f"The {', the '.join(refused)}."
    return [Finding("phase-key-refused", message, f"Phases are in the order of {key.title}.")]
