"""Which runs of images a stack takes at each position, and what becomes of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from napari_cmr.core import Finding, FloatArray
from napari_cmr.io.grouping import centre_of
from napari_cmr.io.header import Header
from napari_cmr.io.lost_slices import consequence, whereabouts
from napari_cmr.io.phase_order import Run, order_phases
from napari_cmr.io.resampling import can_be_resampled, has_phases_enough, resampled


@dataclass(frozen=True)
class SlicePosition:
    """What lies at one position: its runs, oldest first."""

    position: float
    runs: list[Run]


def spread_over_time(
    slices: Sequence[SlicePosition], kept: Sequence[float], chosen: Sequence[Run], other: list[Run]
) -> tuple[dict[float, Run], list[Run]]:
    """Runs made as long as the others, by the position that has no whole one; and the rest."""
    ordered, key, _ = order_phases(chosen)
    spread: dict[float, Run] = {}
    rest = list(other)
    for s in slices:
        runs = [r for r in s.runs if can_be_resampled(r, key, len(chosen[0]))]
        if s.position in kept or key is None or not runs:
            continue
        spread[s.position] = resampled(runs[-1], key, ordered)
        rest = [r for r in rest if r is not runs[-1]]
    return spread, rest


def resampled_finding(n_slices: int, n_phases: int) -> Finding:
    """That slices were resampled in time, as was asked for."""
    return Finding(
        "resampled-in-time",
        f"{n_slices} slice(s) have another number of phases than the others ({n_phases}).",
        "Each of their phases is the nearest image in the cycle; an image may stand for two.",
    )


def unequal_findings(
    slices: Sequence[SlicePosition], kept: Sequence[float], other: Sequence[Run], n_phases: int
) -> tuple[Finding, Finding]:
    """That runs have other numbers of phases: as the whole stack says it, and as they do."""
    counts = ", ".join(map(str, sorted({len(run) for run in other})))
    gone = [s.position for s in slices if s.position not in kept]
    code, action = "unequal-phases", "They are a stack of their own"
    if not gone:
        said = f"{len(other)} run(s) have {counts} phases, the whole ones {n_phases}."
        return Finding(code, said, f"{action}."), Finding(code, said, f"{action}.")
    where = whereabouts(gone, kept)
    said = f"{len(gone)} slice(s) {where} have {counts} phases, the others {n_phases}."
    meant = f"{action}, and {consequence(gone, kept)}"
    if all(has_phases_enough(run, n_phases) for run in other):
        meant += "; --resample-time keeps them"
    meant += "."
    return Finding(code, said, meant), Finding(code, said, f"{action}.")


def place_along(h: Header, normal: FloatArray | None) -> float:
    """Where an image lies along the normal, mm."""
    return (h.slice_location or 0.0) if normal is None else float(centre_of(h) @ normal)


def phase_count(slices: Sequence[SlicePosition]) -> int:
    """The number of phases that most positions have; of equals the larger."""
    counts: Counter[int] = Counter()
    for s in slices:
        counts.update({len(run) for run in s.runs})
    return max(counts, key=lambda n: (counts[n], n))


def choose_runs(
    slices: Sequence[SlicePosition], n_phases: int
) -> tuple[list[Run], list[Run], list[Run]]:
    """The run used at each position, older repeats of it, and runs of other lengths."""
    chosen, older, other = [], [], []
    for s in slices:
        whole = [run for run in s.runs if len(run) == n_phases]
        other += [run for run in s.runs if len(run) != n_phases]
        if whole:
            chosen.append(whole[-1])
            older += whole[:-1]
    return chosen, older, other
