"""Which studies a cohort has: what lies in a folder, or what a manifest names."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from napari_cmr.core import InputError
from napari_cmr.io import parse_spacing

Spacing = tuple[float, float, float]
_NIFTI = (".nii", ".nii.gz")
_FILES = (*_NIFTI, ".zip")


@dataclass(frozen=True)
class StudyPlace:
    """Where one study lies.

    Parameters
    ----------
    study
        Its id: the name without its suffix, or the manifest's ``subject``.
    path
        Relative to the cohort's folder where it lies in it, else absolute; no two are alike.
    source
        The same, absolute.
    spacing
        (slice, row, column) step in mm where the files do not give it.
    stack
        Name of the stack to measure; else the short-axis cine.
    named
        Whether somebody named it as images; what was only found in a folder may be labels.
    resample_time
        Keep slices that have another number of phases, as `napari_cmr.io.scan` does.
    """

    study: str
    path: str
    source: Path
    spacing: Spacing | None = None
    stack: str | None = None
    named: bool = True
    resample_time: bool = False


@dataclass(frozen=True)
class Cohort:
    """The studies to measure, in the table's order, and how many files were not one."""

    folder: Path
    studies: tuple[StudyPlace, ...]
    left_out: int = 0
    resample_time: bool = False

    def resampled_in_time(self) -> Cohort:
        """The same, keeping slices that have another number of phases than the others."""
        studies = tuple(replace(study, resample_time=True) for study in self.studies)
        return replace(self, studies=studies, resample_time=True)


def cohort_in(
    folder: Path, out: Path, *, stack: str | None = None, spacing: Spacing | None = None
) -> Cohort:
    """The studies in a folder: each folder, zip archive or NIfTI file directly in it is one.

    Hidden names and ``out`` are passed over, other files are counted.

    Raises
    ------
    InputError
        If there is no such folder or no study in it.
    """
    folder = folder.resolve()
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"Cannot list {folder} ({reason}); give a folder of studies.") from error
    seen = [c for c in children if not c.name.startswith(".") and c.resolve() != out.resolve()]
    places = [c for c in seen if c.is_dir() or c.name.lower().endswith(_FILES)]
    if not places:
        raise InputError(
            f"{folder} holds no studies; each is a folder, a zip archive or a NIfTI file in it. "
            "For one study use segment."
        )
    studies = tuple(StudyPlace(_stem(c), c.name, c, spacing, stack, named=False) for c in places)
    return Cohort(folder, studies, len(seen) - len(places))


def cohort_of(
    manifest: Path,
    folder: Path | None = None,
    *,
    stack: str | None = None,
    spacing: Spacing | None = None,
) -> Cohort:
    """The studies that a manifest names: one a row, of any kind that a study may be.

    Its columns ``subject`` and ``image`` are read, ``spacing_mm`` and ``stack`` where there are
    any. An image that is not there is no fault of the manifest's: it will cost its row only.

    Parameters
    ----------
    folder
        What ``image`` is relative to; else the manifest's own folder.

    Raises
    ------
    InputError
        If it is no such CSV, has no rows, or names an image twice.
    """
    records = _records(manifest)
    base = (folder or manifest.parent).resolve()
    studies = tuple(_place(record, base, manifest.name, stack, spacing) for record in records)
    twice = _first_repeated(study.path for study in studies)
    if twice is not None:
        raise InputError(f"The manifest {manifest.name} names {twice} twice; leave one row of it.")
    return Cohort(base, studies)


def _records(manifest: Path) -> list[dict[str, str]]:
    if not manifest.is_file():
        raise InputError(f"There is no manifest {manifest}.")
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lacking = {"subject", "image"} - set(reader.fieldnames or ())
            records = [{k: v or "" for k, v in r.items() if k is not None} for r in reader]
    except OSError as error:
        raise InputError(f"Cannot read the manifest {manifest} ({error.strerror}).") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{manifest.name} is not a CSV file in UTF-8.") from error
    if lacking:
        names = ", ".join(sorted(lacking))
        raise InputError(f"The manifest {manifest.name} lacks the column(s) {names}.")
    if not records:
        raise InputError(f"The manifest {manifest.name} has no rows.")
    return records


def _place(
    record: dict[str, str], base: Path, manifest: str, stack: str | None, spacing: Spacing | None
) -> StudyPlace:
    if not record["subject"] or not record["image"]:
        raise InputError(f"Every row of {manifest} needs a subject and an image.")
    source = Path(os.path.normpath(base / record["image"]))
    inside = source.is_relative_to(base)
    return StudyPlace(
        record["subject"],
        source.relative_to(base).as_posix() if inside else str(source),
        source,
        parse_spacing(record.get("spacing_mm", "")) or spacing,
        record.get("stack") or stack,
    )


def _first_repeated(paths: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            return path
        seen.add(path)
    return None


def _stem(path: Path) -> str:
    """A folder's name, or a file's without what tells its kind."""
    if path.is_dir():
        return path.name
    name = path.name
    for suffix in (".gz", ".nii", ".zip"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name
