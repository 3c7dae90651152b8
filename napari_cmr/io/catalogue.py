"""What a folder holds: entries that can be loaded, and what was left out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from napari_cmr.core import Cancel, Finding, FloatArray, Geometry, Layout, Progress, Sequence, View
from napari_cmr.io.archive import Unpacked


class PixelSource(Protocol):
    """Reads the pixels of an entry."""

    def read(self, progress: Progress | None, cancel: Cancel | None) -> npt.NDArray[Any]:
        """``(t, z, y, x)``, rescaled to the modality's values."""
        ...


@dataclass(frozen=True, eq=False)
class Entry:
    """One stack of a catalogue; its pixels are still on the disk.

    Parameters
    ----------
    stack_id
        Name within the catalogue, for example ``sax-1``.
    view, view_basis
        What it shows and what that rests on.
    shape
        (t, z, y, x).
    subject
        Salted hash of the study's UIDs or the file's stem; never identifying text.
    times_ms
        ``(t, z)`` after the R wave, or None.
    rr_ms, rr_basis
        Length of the cardiac cycle where it can be trusted, and what it comes from.
    left_alone
        What it is (localiser, perfusion, flow, ...) where it is named but not worked on.
    unpacked
        Temporary folders that the files lie in, where they come from an archive.
    """

    stack_id: str
    view: View
    view_basis: str
    sequence: Sequence
    shape: tuple[int, int, int, int]
    geometry: Geometry
    subject: str
    n_files: int
    source: PixelSource
    findings: tuple[Finding, ...] = ()
    times_ms: FloatArray | None = None
    rr_ms: float | None = None
    rr_basis: str = ""
    height_cm: float | None = None
    weight_kg: float | None = None
    layout: Layout = field(default_factory=Layout)
    left_alone: str = ""
    unpacked: tuple[Unpacked, ...] = ()

    @property
    def spacing_mm(self) -> tuple[float, float, float] | None:
        """(slice, row, column) step in mm, None where the source gives none."""
        return self.geometry.spacing if self.geometry.spacing_known else None

    @property
    def phase_ms(self) -> tuple[float, ...] | None:
        """Times of the middle slice; other slices may differ."""
        if self.times_ms is None:
            return None
        return tuple(float(v) for v in self.times_ms[:, self.shape[1] // 2])

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        spacing, phases = self.spacing_mm, self.phase_ms
        return {
            "id": self.stack_id,
            "view": self.view.value,
            "view_basis": self.view_basis,
            "sequence": self.sequence.value,
            "shape": list(self.shape),
            "spacing_mm": None if spacing is None else [round(v, 6) for v in spacing],
            "phase_ms": None if phases is None else [round(v, 3) for v in phases],
            "files": self.n_files,
            "findings": [_finding_as_dict(f) for f in self.findings],
        }


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The stacks found at a path, and the files left out, counted by reason."""

    path: Path
    entries: tuple[Entry, ...]
    skipped: dict[str, int]
    findings: tuple[Finding, ...] = ()
    unpacked: tuple[Unpacked, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The contract of ``scan --json``."""
        return {
            "stacks": [entry.as_dict() for entry in self.entries],
            "skipped": dict(self.skipped),
            "findings": [_finding_as_dict(f) for f in self.findings],
        }


def _finding_as_dict(finding: Finding) -> dict[str, str]:
    return {"code": finding.code, "message": finding.message, "action": finding.action}


def kept_alive(catalogue: Catalogue, unpacked: tuple[Unpacked, ...]) -> Catalogue:
    """The catalogue, which with each of its entries holds on to the folders it was read from."""
    if not unpacked:
        return catalogue
    entries = tuple(replace(entry, unpacked=unpacked) for entry in catalogue.entries)
    return replace(catalogue, entries=entries, unpacked=unpacked)


def subject_hash(*uids: str, salt: str = "napari-cmr") -> str:
    """A short name for a study that does not show its UIDs."""
    text = "\n".join((salt, *sorted(uids)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def ranked(entries: Iterable[Entry]) -> list[Entry]:
    """Short-axis cines first, what is left alone last; ties keep their order."""
    return sorted(
        entries,
        key=lambda e: (
            bool(e.left_alone),
            list(View).index(e.view),
            e.sequence is not Sequence.CINE,
            -e.shape[0] * e.shape[1],
        ),
    )


def with_ids(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Entries named ``sax-1``, ``sax-2``, ``sax-lge-1``, ``localiser-1`` and so on."""
    counts: Counter[str] = Counter()
    result = []
    for entry in entries:
        name = _name(entry)
        counts[name] += 1
        result.append(replace(entry, stack_id=f"{name}-{counts[name]}"))
    return tuple(result)


def _name(entry: Entry) -> str:
    if entry.left_alone:
        return entry.left_alone.replace(" ", "-")
    parts = [entry.view.value.lower()]
    if entry.sequence is not Sequence.CINE:
        parts.append(entry.sequence.value.lower())
    return "-".join(parts)


def left_alone_finding(what: str) -> Finding:
    """That a stack is named but not worked on."""
    return Finding("left-alone", f"This is no cine, LGE or map: {what}.", "Left alone.")
