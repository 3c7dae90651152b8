"""Pixels on demand: a catalogue's entry becomes a stack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_cmr.core import (
    Cancel,
    Finding,
    Geometry,
    InputError,
    Progress,
    Sequence,
    Stack,
    View,
    check_cancel,
)
from napari_cmr.io.catalogue import Catalogue, Entry
from napari_cmr.io.nifti import respaced
from napari_cmr.io.scanning import scan

Spacing = tuple[float, float, float]


def load(
    entry: Entry,
    *,
    spacing: Spacing | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Stack:
    """Read the pixels of an entry.

    Parameters
    ----------
    spacing
        (slice, row, column) step in mm that a user gave; it wins over the headers.

    Raises
    ------
    InputError
        If a file vanished or is damaged, or holds pixels that are not numbers.
    CancelledError
        If ``cancel`` said so.
    """
    check_cancel(cancel)
    geometry, findings = entry.geometry, entry.findings
    if spacing is not None:
        geometry, findings = _given(geometry, findings, spacing)
    try:
        pixels = entry.source.read(progress, cancel)
    except MemoryError as error:
        t, z, y, x = entry.shape
        raise InputError(
            f"{entry.stack_id} ({t} phases x {z} slices of {y} x {x} pixels) does not fit into "
            "this computer's memory; open it on a larger one or take files out of its folder."
        ) from error
    return Stack(
        pixels=pixels,
        geometry=geometry,
        stack_id=entry.stack_id,
        subject=entry.subject,
        view=entry.view,
        sequence=entry.sequence,
        view_basis=entry.view_basis,
        times_ms=entry.times_ms,
        rr_ms=entry.rr_ms,
        height_cm=entry.height_cm,
        weight_kg=entry.weight_kg,
        findings=findings,
        layout=entry.layout,
    )


def _given(
    geometry: Geometry, findings: tuple[Finding, ...], spacing: Spacing
) -> tuple[Geometry, tuple[Finding, ...]]:
    kept = tuple(f for f in findings if f.code != "spacing-unknown")
    if geometry.spacing_known:
        message = "A spacing was given by hand and wins over the file's own."
        kept += (Finding("spacing-given", message, "Volumes and mass rest on it."),)
    return respaced(geometry, spacing), kept


def sax_cine(catalogue: Catalogue, stack_id: str | None = None) -> Entry:
    """The short-axis cine to segment: the one named, else the largest.

    Raises
    ------
    InputError
        If there is no stack of that name, no short-axis cine, or several studies to choose from.
    """
    if stack_id is not None:
        return _named(catalogue, stack_id)
    cines = [e for e in catalogue.entries if _is_sax_cine(e)]
    one_file = catalogue.path.is_file() and not catalogue.unpacked
    alone = one_file and len(catalogue.entries) == 1
    if not cines and alone and _may_be_sax(catalogue.entries[0]):
        return catalogue.entries[0]
    if not cines:
        raise InputError(
            f"{catalogue.path} holds no short-axis cine; it holds {_list(catalogue.entries)}. "
            "Choose another folder, or one of these by its id."
        )
    return _largest_of_one_study(catalogue, cines)


def sax_late_enhancement(catalogue: Catalogue, stack_id: str | None = None) -> Entry:
    """The short-axis late enhancement: the stack named, else the largest.

    Raises
    ------
    InputError
        As :func:`sax_cine`.
    """
    if stack_id is not None:
        return _named(catalogue, stack_id)
    found = [
        e
        for e in catalogue.entries
        if e.sequence is Sequence.LGE and e.view in (View.SAX, View.UNKNOWN) and not e.left_alone
    ]
    if not found:
        raise InputError(
            f"{catalogue.path} holds no short-axis late enhancement; it holds "
            f"{_list(catalogue.entries)}. Choose another folder, or one of these by its id."
        )
    return _largest_of_one_study(catalogue, found)


def stack_meant(
    catalogue: Catalogue, *, view: View | None, sequence: Sequence | None, stack_id: str | None
) -> Entry:
    """The stack that a manifest's row means: the one named, the only one, or the one it describes.

    Localisers and the like do not count where there is anything else. A row that says nothing, or
    says that it is a short-axis cine, means the one that :func:`sax_cine` chooses.

    Raises
    ------
    InputError
        If there is no stack of that name, or none or several of that description.
    """
    if stack_id is not None:
        return _named(catalogue, stack_id)
    worked = tuple(e for e in catalogue.entries if not e.left_alone) or catalogue.entries
    if len(worked) == 1:
        return worked[0]
    fit = [e for e in worked if view in (None, e.view) and sequence in (None, e.sequence)]
    if len(fit) == 1:
        return fit[0]
    cines = tuple(e for e in fit if _is_sax_cine(e))
    if cines and len({e.subject for e in cines}) == 1:
        return sax_cine(replace(catalogue, entries=cines))
    said = " ".join(filter(None, (view, sequence)))
    several = fit if said else cines
    raise InputError(
        f"{catalogue.path} holds {'more than one' if several else 'no'} "
        f"{said or 'short-axis cine'}; it holds {_list(catalogue.entries)}. "
        "Name one by its id in the manifest's column stack."
    )


def _largest_of_one_study(catalogue: Catalogue, entries: list[Entry]) -> Entry:
    if len({e.subject for e in entries}) > 1:
        raise InputError(
            f"{catalogue.path} holds several studies; choose the folder of one, or one of these "
            f"by its id: {_list(entries)}."
        )
    return max(entries, key=lambda e: (e.shape[1], e.shape[0]))


def open_stack(
    path: str | Path,
    *,
    stack_id: str | None = None,
    spacing: Spacing | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Stack:
    """Scan a path and load its short-axis cine, or the stack named.

    Raises
    ------
    InputError
        As :func:`napari_cmr.io.scan`, :func:`sax_cine` and :func:`load` do.
    """
    catalogue = scan(path, cancel=cancel)
    entry = sax_cine(catalogue, stack_id)
    return load(entry, spacing=spacing, progress=progress, cancel=cancel)


def _named(catalogue: Catalogue, stack_id: str) -> Entry:
    for entry in catalogue.entries:
        if entry.stack_id == stack_id:
            return entry
    raise InputError(
        f"{catalogue.path} holds no stack '{stack_id}'; it holds {_list(catalogue.entries)}."
    )


def _is_sax_cine(entry: Entry) -> bool:
    return entry.view is View.SAX and entry.sequence is Sequence.CINE


def _may_be_sax(entry: Entry) -> bool:
    """A file given by itself that says nothing against being a short axis."""
    return (
        not entry.left_alone
        and entry.view in (View.SAX, View.UNKNOWN)
        and entry.sequence in (Sequence.CINE, Sequence.OTHER)
    )


def _list(entries: tuple[Entry, ...] | list[Entry]) -> str:
    shown = [f"{e.stack_id} ({e.shape[0]} phases x {e.shape[1]} slices)" for e in entries[:12]]
    more = f" and {len(entries) - 12} more" if len(entries) > 12 else ""
    return ", ".join(shown) + more
