"""From images in any order to stacks: positions, runs, phases. Pure logic on plain records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
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
from napari_cmr.io.lost_slices import lost_images_finding
from napari_cmr.io.phase_order import TRIGGER, PhaseKey, Run, order_phases, runs_at, skipped_phases
from napari_cmr.io.slice_runs import (
    SlicePosition,
    choose_runs,
    phase_count,
    place_along,
    resampled_finding,
    spread_over_time,
    unequal_findings,
)
from napari_cmr.io.stack_geometry import geometry_of

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


def sort_images(
    headers: Iterable[Header], *, lost: Sequence[Header] = (), resample_time: bool = False
) -> tuple[list[SortedStack], list[Finding], Counter[str]]:
    """Sort images into stacks.

    Parameters
    ----------
    lost
        Headers of images whose pixels could not be read; a stack says if it lacks a slice by it.
    resample_time
        Keep slices that have another number of phases, spread over the cycle of the others.

    Returns
    -------
    stacks, findings, skipped
        Findings that concern no single stack, and images left out, by reason.
    """
    unique, n_copies = without_copies(headers)
    skipped = Counter({"copy of another file": n_copies}) if n_copies else Counter[str]()
    groups = []
    for group in groups_of(unique):
        placed, unplaced = _placed(group)
        if unplaced:
            skipped["no slice position"] += unplaced
        if placed:
            groups.append(placed)
    groups, turned = _take_in_turned_slices(groups)
    stacks = [stack for group in groups for stack in _stacks(group, (), resample_time)]
    stacks = [_with_findings(s, turned) for s in stacks]
    if lost:
        stacks = [_without_slices(s, lost, stacks) for s in stacks]
    findings = []
    if skipped["no slice position"]:
        findings.append(
            Finding(
                "geometry-missing",
                f"{skipped['no slice position']} image(s) do not say, or not credibly, where they "
                "lie.",
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
    places = [place_along(h, normal) for h in group]
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


def _stacks(
    group: list[Header], findings: tuple[Finding, ...], resample_time: bool
) -> list[SortedStack]:
    """Stacks of one group; positions with another number of phases become their own."""
    normal = _axis(group)
    by_position = _by_position(group, normal)
    usual = Counter(len(images) for _, images in by_position).most_common(1)[0][0]
    slices = [SlicePosition(p, runs_at(images, usual)) for p, images in by_position]
    n_phases = phase_count(slices)
    chosen, older, other = choose_runs(slices, n_phases)
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
    kept = [s.position for s in slices if any(len(run) == n_phases for run in s.runs)]
    spread: dict[float, Run] = {}
    if resample_time:
        spread, other = spread_over_time(slices, kept, chosen, other)
        found += [resampled_finding(len(spread), n_phases)] if spread else []
    if not other:
        return [_stack(chosen, normal, found, spread.values())]
    kept += spread
    main, apart = unequal_findings(slices, kept, other, n_phases)
    rest = _stacks([h for run in other for h in run], (apart,), resample_time)
    return [_stack(chosen, normal, [*found, main], spread.values()), *rest]


def _stack(
    runs: list[Run],
    normal: FloatArray | None,
    findings: list[Finding],
    spread: Collection[Run] = (),
) -> SortedStack:
    """Put runs of one length in order; ``spread`` are in order already."""
    ordered, key, key_findings = order_phases(runs)
    if key is TRIGGER:
        key_findings += skipped_phases(ordered)
    if spread:
        ordered = sorted([*ordered, *spread], key=lambda run: place_along(run[0], normal))
    geometry, geometry_findings = geometry_of([run[0] for run in ordered], normal)
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


_IRREGULAR = {
    "invalid-uid": (
        "Some UIDs in the headers are not valid.",
        "They are used as text.",
    ),
    "shared-uid": ("Different images have the same UID.", "All are used."),
    "slope-zero": (
        "Some headers scale their pixels by zero, which would leave no picture.",
        "The pixels are taken as they are stored.",
    ),
    "short-pixels": ("An image lacks its last rows.", "They are filled with zeros."),
}


def _irregular(frames: tuple[tuple[Header, ...], ...]) -> list[Finding]:
    codes = {code for phase in frames for h in phase for code in h.irregular}
    return [Finding(code, *_IRREGULAR[code]) for code in sorted(codes)]


def _without_slices(
    stack: SortedStack, lost: Sequence[Header], stacks: Sequence[SortedStack]
) -> SortedStack:
    """Say of slices that no image could be read of."""
    images = [h for h in stack.frames[0] if h.position is not None]
    normal = _axis(images) if images else None
    if normal is None:
        return stack
    others = [h for other in stacks if other is not stack for h in other.frames[0]]
    finding = lost_images_finding(lost, images, normal, others)
    return stack if finding is None else replace(stack, findings=(*stack.findings, finding))


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
