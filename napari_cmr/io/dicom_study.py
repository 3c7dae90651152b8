"""From DICOM headers to entries: sorted, told apart, named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence as Seq
from itertools import groupby

import numpy as np

from napari_cmr.core import Finding, Sequence, View
from napari_cmr.io.catalogue import Entry, left_alone_finding, ranked, subject_hash
from napari_cmr.io.cycle import cycle_length
from napari_cmr.io.dicom_pixels import DicomFrames
from napari_cmr.io.header import KIND_SEQUENCES, Header, Kind
from napari_cmr.io.sorter import SortedStack, sort_images
from napari_cmr.io.views import Plane, guess_views

_DYNAMIC_STEP_S = 0.3


def dicom_entries(
    headers: Iterable[Header], *, lost: Seq[Header] = (), resample_time: bool = False
) -> tuple[list[Entry], list[Finding], Counter[str]]:
    """Entries of all studies among the headers, findings of none of them, images left out."""
    stacks, findings, skipped = sort_images(headers, lost=lost, resample_time=resample_time)
    entries = []
    for study, group in groupby(stacks, key=lambda s: s.frames[0][0].study):
        entries += _study_entries(study, list(group))
    return entries, findings, skipped


def _study_entries(study: str, stacks: list[SortedStack]) -> list[Entry]:
    kinds = [_sequence(stack) for stack in stacks]
    worked = [i for i, (_, alone) in enumerate(kinds) if not alone]
    planes = [_plane(stacks[i], kinds[i][0]) for i in worked]
    views = dict(zip(worked, guess_views(planes), strict=True))
    entries = [
        _entry(study, stack, *kinds[i], *views.get(i, (View.UNKNOWN, "left alone")))
        for i, stack in enumerate(stacks)
    ]
    return ranked(entries)


def _plane(stack: SortedStack, sequence: Sequence) -> Plane:
    """What the view guess may look at; a hint counts only if all series agree."""
    hints = {h.view_hint for h in stack.headers}
    hint = hints.pop() if len(hints) == 1 else None
    return Plane(stack.geometry, stack.shape[2:], sequence, hint)


def _sequence(stack: SortedStack) -> tuple[Sequence, str]:
    """Sequence, and what it is where it is left alone."""
    first = stack.frames[0][0]
    if first.kind in KIND_SEQUENCES:
        return KIND_SEQUENCES[first.kind], ""
    if first.kind is not Kind.PLAIN:
        return Sequence.OTHER, first.kind.value
    if first.component != "M":
        return Sequence.OTHER, f"{first.component} images"
    if all(h.elsewhere for h in stack.headers) and not any(map(_is_gated, stack.headers)):
        return Sequence.OTHER, "not the heart"
    n_phases = len(stack.frames)
    if n_phases == 1:
        inversion = first.inversion_recovery and first.inversion_ms is not None
        return (Sequence.LGE if inversion else Sequence.OTHER), ""
    if not stack.ordered_by:
        return Sequence.OTHER, "unordered"
    if len({phase[0].inversion_ms for phase in stack.frames}) > 1:
        return Sequence.OTHER, "inversion times"
    if stack.ordered_by in ("acquisition-time", "content-time") and _is_dynamic(stack):
        return Sequence.OTHER, "dynamic"
    return Sequence.CINE, ""


def _is_gated(h: Header) -> bool:
    """Whether the heart's beat was followed; scanners set body parts wrongly, but not this."""
    return bool(h.trigger_ms or h.nominal_rr_ms or h.heart_rate or (h.phases_claimed or 0) > 1)


def _is_dynamic(stack: SortedStack) -> bool:
    """Images a heartbeat or more apart are a time series of beats, not phases of one."""
    times = [phase[0].acquired_s or phase[0].content_s or 0.0 for phase in stack.frames]
    return float(np.median(np.diff(times))) >= _DYNAMIC_STEP_S


def _entry(
    study: str,
    stack: SortedStack,
    sequence: Sequence,
    left_alone: str,
    view: View,
    basis: str,
) -> Entry:
    headers = stack.headers
    findings = list(stack.findings)
    if left_alone:
        findings.append(left_alone_finding(left_alone))
    rr_ms, rr_basis, rr_findings = cycle_length(headers, stack.times_ms)
    cine = sequence is Sequence.CINE
    places = tuple(tuple(h.pixels for h in phase if h.pixels) for phase in stack.frames)
    return Entry(
        stack_id="",
        view=view,
        view_basis=basis,
        sequence=sequence,
        shape=stack.shape,
        geometry=stack.geometry,
        subject=subject_hash(study),
        n_files=len({p.path for phase in places for p in phase}),
        source=DicomFrames(places),
        findings=tuple(findings + (rr_findings if cine else [])),
        times_ms=stack.times_ms,
        rr_ms=rr_ms if cine else None,
        rr_basis=rr_basis if cine else "",
        height_cm=next((h.height_cm for h in headers if h.height_cm), None),
        weight_kg=next((h.weight_kg for h in headers if h.weight_kg), None),
        left_alone=left_alone,
    )
