"""The manifest in UK Biobank's archives (fields 20208 and 20209): what each file shows.

It is called ``manifest.csv`` or, misspelt, ``manifest.cvs``; its column is called ``series
discription``; and its dates (``Jun 13, 2014 ...``) hold a comma without quotes. It only adds what
the images' own headers do not say.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from napari_cmr.core import Finding
from napari_cmr.io.dicomdir import missing_files
from napari_cmr.io.header import Header, Kind
from napari_cmr.io.naming import kind_of, view_hint

_NAMES = ("manifest.csv", "manifest.cvs")
_MAX_BYTES = 16 << 20
_DESCRIPTIONS = ("series discription", "series description")


@dataclass(frozen=True)
class Manifests:
    """What the manifests among some files say.

    Parameters
    ----------
    files
        The manifests themselves.
    descriptions
        Series description by image file.
    findings
        Of files that are listed and not here.
    """

    files: frozenset[Path]
    descriptions: Mapping[Path, str]
    findings: tuple[Finding, ...]

    def described(self, headers: list[Header]) -> list[Header]:
        """Headers that name neither kind nor view get those that the manifest names."""
        if not self.descriptions:
            return headers
        return [self._described(h) for h in headers]

    def _described(self, h: Header) -> Header:
        text = self.descriptions.get(h.pixels.path, "") if h.pixels else ""
        if not text or h.kind is not Kind.PLAIN or h.view_hint is not None:
            return h
        return replace(h, kind=kind_of((), text), view_hint=view_hint(text))


def read_manifests(files: Iterable[Path]) -> Manifests:
    """Read the manifests among the files; what is called so and is none is left to the others."""
    files = list(files)
    candidates = [f for f in files if f.name.lower() in _NAMES]
    known = {folder_of: _names_in(folder_of, files) for folder_of in {f.parent for f in candidates}}
    read: list[Path] = []
    descriptions: dict[Path, str] = {}
    n_missing = 0
    for path in candidates:
        listed = _read(path)
        if listed is None:
            continue
        read.append(path)
        n_missing += sum(name not in known[path.parent] for name in listed)
        descriptions.update({path.parent / name: text for name, text in listed.items()})
    findings = (missing_files("manifest", n_missing),) if n_missing else ()
    return Manifests(frozenset(read), descriptions, findings)


def _names_in(folder: Path, files: list[Path]) -> set[str]:
    return {f.name for f in files if f.parent == folder}


def _read(path: Path) -> dict[str, str] | None:
    """Description by file name; None where the file is no such manifest."""
    if path.stat().st_size > _MAX_BYTES:
        return None
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig", errors="replace").splitlines()))
    except (OSError, csv.Error):
        return None
    columns = [name.strip().lower() for name in rows[0]] if rows else []
    text_at = next((columns.index(name) for name in _DESCRIPTIONS if name in columns), None)
    if "filename" not in columns or text_at is None:
        return None
    date_at = next((i for i, name in enumerate(columns) if "date" in name), len(columns))
    whole = [_joined(row, date_at, len(row) - len(columns)) for row in rows[1:]]
    name_at = columns.index("filename")
    return {row[name_at].strip(): row[text_at] for row in whole if len(row) == len(columns)}


def _joined(row: list[str], at: int, extra: int) -> list[str]:
    """A row whose date was cut at its commas, whole again."""
    if extra <= 0:
        return row
    return [*row[:at], ",".join(row[at : at + extra + 1]), *row[at + extra + 1 :]]
