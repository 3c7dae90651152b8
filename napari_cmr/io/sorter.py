"""From images in any order to stacks: positions, runs, phases. Pure logic on plain records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_cmr.core import Finding, FloatArray, Geometry
from napari_cmr.io.anatomy import TOWARDS_APEX
from napari_cmr.io.cycle import implausible
from napari_cmr.io.grouping import (
    canonical,
    centre_of,
    groups_of,
    normal_of,
    without_copies,
)
from napari_cmr.io.header import Header
from napari_cmr.io.phase_order import TRIGGER, PhaseKey, Run, order_phases, runs_at

_TILT_LIMIT = np.cos(np.radians(15))


@dataclass(frozen=True, eq=False)
class SortedStack:
    """Images in place.

    Parameters
    ----------
    frames
        ``frames[t][z]``.
    times_ms
        ``(t, z)`` after the R wave, where trigger times are sound.
    ordered_by
        Name of the key that ordered the phases; empty for one phase or where none could.
    """

    frames: tuple[tuple[Header, ...], ...]
    geometry: Geometry
    times_ms: FloatArray | None
    ordered_by: str
    findings: tuple[Finding, ...]

    @property
    def headers(self) -> list[Header]:
        """All images."""
        return [h for phase in self.frames for h in phase]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(t, z, y, x)."""
        first = self.frames[0][0]
        return len(self.frames), len(self.frames[0]), first.rows, first.columns


@dataclass(frozen=True)
class _Slice:
    """What lies at one position: its runs, oldest first."""

    position: float
    runs: list[Run]


def sort_images(headers: Iterable[Header]) -> tuple[list[SortedStack], list[Finding], Counter[str]]:
    """Sort images into stacks.

    Returns
    -------
    stacks, findings, skipped
        Findings that concern no single stack, and images left out, by reason.
    """
    unique, n_copies = without_copies(headers)
    skipped = Counter({"copy of another file": n_copies}) if n_copies else Counter[str]()
    groups = []
    for group in groups_of(unique):
        placed, lost = _placed(group)
        if lost:
            skipped["no slice position"] += lost
        if placed:
            groups.append(placed)
    groups, turned = _take_in_turned_slices(groups)
    stacks = [stack for group in groups for stack in _stacks(group, ())]
    stacks = [_with_findings(s, turned) for s in stacks]
    findings = []
    if skipped["no slice position"]:
        findings.append(
            Finding(
                "geometry-missing",
                f"{skipped['no slice position']} image(s) do not say where they lie.",
                "Left out.",
            )
        )
    return sorted(stacks, key=_stack_order), findings, skipped


def _stack_order(stack: SortedStack) -> tuple[object, ...]:
    first = min(stack.headers, key=canonical)
    return (first.study, -stack.shape[1], -stack.shape[0], canonical(first))


def _placed(group: list[Header]) -> tuple[list[Header], int]:
    """Images that can be placed; those of an unplaced series only if they are one slice."""
    first = group[0]
    if first.position is not None and first.orientation is not None:
        return group, 0
    if any(h.slice_location is not None for h in group):
        located = [h for h in group if h.slice_location is not None]
        return located, len(group) - len(located)
    _, key, _ = order_phases([group])
    sure = key is not None and key.name in ("trigger", "temporal-index", "frame-time")
    return (group, 0) if sure else ([], len(group))


def _take_in_turned_slices(
    groups: list[list[Header]],
) -> tuple[list[list[Header]], frozenset[str]]:
    """Move single slices that are turned by a few degrees into the stack they lie in."""
    homes = [g for g in groups if g[0].position and len(_positions(g)) >= 3]
    rest = [g for g in groups if g not in homes]
    turned: set[str] = set()
    kept = []
    for group in rest:
        home = next((h for h in homes if _fits(group, h)), None)
        if home is None:
            kept.append(group)
            continue
        home.extend(group)
        turned.update(h.uid for h in group)
    return homes + kept, frozenset(turned)


def _fits(group: list[Header], home: list[Header]) -> bool:
    a, b = group[0], home[0]
    if a.orientation is None or b.orientation is None or a.study != b.study:
        return False
    if a.position is None:
        return False
    same = (a.rows, a.columns, a.component, a.kind) == (b.rows, b.columns, b.component, b.kind)
    alike = same and a.pixel_spacing == b.pixel_spacing
    if not alike or len(_positions(group)) != 1:
        return False
    axes_a, axes_b = np.reshape(a.orientation, (2, 3)), np.reshape(b.orientation, (2, 3))
    if float(np.min(np.sum(axes_a * axes_b, axis=1))) < _TILT_LIMIT:
        return False
    normal, taken = _axis(home), _positions(home)
    assert normal is not None
    step = float(np.median(np.diff(taken)))
    at = float(centre_of(a) @ normal)
    off_axis = (centre_of(a) - centre_of(b)) - normal * ((centre_of(a) - centre_of(b)) @ normal)
    free = float(np.min(np.abs(taken - at))) > 0.5 * step
    near = taken[0] - 1.5 * step <= at <= taken[-1] + 1.5 * step
    return free and near and float(np.linalg.norm(off_axis)) < 50


def _positions(group: Sequence[Header]) -> FloatArray:
    """Distinct positions of image centres along the normal, ascending, mm."""
    normal = _axis(group)
    return np.array([p for p, _ in _by_position(group, normal)])


def _axis(group: Sequence[Header]) -> FloatArray | None:
    """The normal most images share, turned from base to apex; None without orientation."""
    if group[0].orientation is None or group[0].position is None:
        return None
    counts = Counter(h.orientation for h in group)
    common = max(counts, key=lambda o: (counts[o], o or ()))
    normal = normal_of(next(h for h in group if h.orientation == common))
    return normal if normal @ TOWARDS_APEX >= 0 else -normal


def _by_position(
    group: Sequence[Header], normal: FloatArray | None
) -> list[tuple[float, list[Header]]]:
    """Images by their position along the normal; within a tenth of the step they are one."""
    if normal is not None:
        places = [float(centre_of(h) @ normal) for h in group]
    else:
        places = [h.slice_location or 0.0 for h in group]
    order = sorted(range(len(group)), key=lambda i: (places[i], canonical(group[i])))
    sorted_places = np.array([places[i] for i in order])
    gaps = np.diff(sorted_places)
    thickness = group[0].thickness_mm or 5.0
    steps = gaps[gaps > 0.1 * thickness]
    tolerance = 0.1 * (float(np.median(steps)) if steps.size else thickness)
    slices: list[tuple[float, list[Header]]] = []
    for i in order:
        if slices and places[i] - slices[-1][0] <= tolerance:
            slices[-1][1].append(group[i])
        else:
            slices.append((places[i], [group[i]]))
    return slices


def _stacks(group: list[Header], findings: tuple[Finding, ...]) -> list[SortedStack]:
    """Stacks of one group; positions with another number of phases become their own."""
    normal = _axis(group)
    by_position = _by_position(group, normal)
    usual = Counter(len(images) for _, images in by_position).most_common(1)[0][0]
    slices = [_Slice(p, runs_at(images, usual)) for p, images in by_position]
    n_phases = _phase_count(slices)
    chosen, older, other = _choose(slices, n_phases)
    found = list(findings)
    if older:
        found.append(
            Finding(
                "repeated-slice",
                f"{len(older)} slice position(s) were scanned more than once.",
                "The latest whole run is used.",
            )
        )
    if not other:
        return [_stack(chosen, normal, found)]
    counts = sorted({len(run) for run in other})
    apart = Finding(
        "unequal-phases",
        f"{len(other)} run(s) have {', '.join(map(str, counts))} phases, the others {n_phases}.",
        "They are a stack of their own.",
    )
    rest = _stacks([h for run in other for h in run], (apart,))
    return [_stack(chosen, normal, [*found, apart]), *rest]


def _phase_count(slices: Sequence[_Slice]) -> int:
    """The number of phases that most positions have; of equals the larger."""
    counts: Counter[int] = Counter()
    for s in slices:
        counts.update({len(run) for run in s.runs})
    return max(counts, key=lambda n: (counts[n], n))


def _choose(slices: Sequence[_Slice], n_phases: int) -> tuple[list[Run], list[Run], list[Run]]:
    """The run used at each position, older repeats of it, and runs of other lengths."""
    chosen, older, other = [], [], []
    for s in slices:
        whole = [run for run in s.runs if len(run) == n_phases]
        other += [run for run in s.runs if len(run) != n_phases]
        if whole:
            chosen.append(whole[-1])
            older += whole[:-1]
    return chosen, older, other


def _stack(runs: list[Run], normal: FloatArray | None, findings: list[Finding]) -> SortedStack:
    ordered, key, key_findings = order_phases(runs)
    geometry, geometry_findings = _geometry([run[0] for run in ordered], normal)
    frames = tuple(tuple(run[t] for run in ordered) for t in range(len(ordered[0])))
    claimed = ordered[0][0].phases_claimed
    missing = claimed is not None and 1 < len(frames) < claimed
    if missing:
        key_findings.append(
            Finding(
                "phases-missing",
                f"The header promises {claimed} phases, {len(frames)} are here.",
                "What is here is used.",
            )
        )
    irregular = _irregular(frames)
    times_ms = _times(frames, key)
    if times_ms is not None and (fault := implausible(times_ms)):
        key_findings.append(
            Finding("phase-times-implausible", fault, "They order the phases and say no more.")
        )
        times_ms = None
    return SortedStack(
        frames,
        geometry,
        times_ms,
        key.name if key else "",
        (*findings, *key_findings, *geometry_findings, *irregular),
    )


def _times(frames: tuple[tuple[Header, ...], ...], key: PhaseKey | None) -> FloatArray | None:
    """``(t, z)`` milliseconds, where trigger or frame times ordered the phases."""
    if key is TRIGGER or (key is None and all(h.trigger_ms is not None for h in frames[0])):
        return np.array([[h.trigger_ms for h in phase] for phase in frames], np.float64)
    if key is not None and key.name == "frame-time":
        return np.array([[h.frame_ms for h in phase] for phase in frames], np.float64)
    return None


def _geometry(
    images: Sequence[Header], normal: FloatArray | None
) -> tuple[Geometry, list[Finding]]:
    first = images[0]
    spacing = first.pixel_spacing
    findings = []
    if spacing is None:
        findings.append(
            Finding(
                "spacing-unknown",
                "The images do not say how many millimetres a pixel is.",
                "EF and ratios are reported, volumes and mass are not; give the spacing.",
            )
        )
    if normal is None:
        findings.append(
            Finding(
                "orientation-missing",
                "The images do not say how they lie in the patient.",
                "Slices are in the order of their locations."
                if first.slice_location is not None
                else "They are taken as one slice.",
            )
        )
        origins = np.zeros((len(images), 3))
        origins[:, 2] = [h.slice_location or 0.0 for h in images]
        axes = np.tile([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], (len(images), 1, 1))
    else:
        origins = np.array([h.position for h in images], np.float64)
        axes = np.array([[h.orientation[3:], h.orientation[:3]] for h in images if h.orientation])
        axes /= np.linalg.norm(axes, axis=2, keepdims=True)
    geometry = Geometry(
        origins,
        axes,
        spacing or (1.0, 1.0),
        first.thickness_mm,
        spacing_known=spacing is not None,
        oriented=normal is not None,
        grid=(first.rows, first.columns),
    )
    return geometry, findings + _uneven(images, normal)


def _uneven(images: Sequence[Header], normal: FloatArray | None) -> list[Finding]:
    """Findings for gaps that differ and for slices that are turned."""
    if normal is None or len(images) < 2:
        return []
    gaps = np.diff([float(centre_of(h) @ normal) for h in images])
    findings = []
    if len(gaps) > 1 and np.max(np.abs(gaps - np.median(gaps))) > 0.1 * np.median(gaps):
        findings.append(
            Finding(
                "uneven-gaps",
                f"The slices lie {gaps.min():.1f} to {gaps.max():.1f} mm apart.",
                "Volumes use the true positions.",
            )
        )
    turned = sum(abs(float(normal_of(h) @ normal)) < np.cos(np.radians(1)) for h in images)
    if turned:
        findings.append(
            Finding(
                "rotated-slice",
                f"{turned} slice(s) are turned against the others.",
                "They stay in the stack at their true positions.",
            )
        )
    return findings


_IRREGULAR = {
    "invalid-uid": (
        "Some UIDs in the headers are not valid.",
        "They are used as text.",
    ),
    "shared-uid": ("Different images have the same UID.", "All are used."),
    "short-pixels": ("An image lacks its last rows.", "They are filled with zeros."),
}


def _irregular(frames: tuple[tuple[Header, ...], ...]) -> list[Finding]:
    codes = {code for phase in frames for h in phase for code in h.irregular}
    return [Finding(code, *_IRREGULAR[code]) for code in sorted(codes)]


def _with_findings(stack: SortedStack, turned: frozenset[str]) -> SortedStack:
    """Say of slices turned within their plane what the normals cannot show."""
    if any(f.code == "rotated-slice" for f in stack.findings):
        return stack
    if not any(h.uid in turned for h in stack.headers) or stack.shape[1] < 2:
        return stack
    finding = Finding(
        "rotated-slice",
        "A slice is turned within its plane against the others.",
        "It stays in the stack as it is.",
    )
    return replace(stack, findings=(*stack.findings, finding))
