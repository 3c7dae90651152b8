"""Which files a path means: a folder's, one file, those of a zip archive or of a DICOMDIR."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from napari_cmr.core import Cancel, Finding, NothingToReadError
from napari_cmr.io.archive import ArchiveError, Unpacked, is_zip, unpack
from napari_cmr.io.dicomdir import is_dicomdir, listed_files

_ARCHIVES_IN_A_FOLDER = 8
NESTED = "archive within an archive"


@dataclass
class Listing:
    """Files to read.

    Parameters
    ----------
    unpacked
        Temporary folders that some of the files lie in; they go when nobody holds them.
    """

    files: list[Path] = field(default_factory=list)
    unpacked: tuple[Unpacked, ...] = ()
    skipped: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


def list_files(path: Path, cancel: Cancel | None) -> Listing:
    """The files at a path.

    The archives in a folder are unpacked too where they are few, as the two of one person in UK
    Biobank are; in an archive they are left alone.

    Raises
    ------
    NothingToReadError
        If there is nothing at the path.
    ArchiveError
        If the path is an archive that is damaged or refused.
    """
    if _is(path.is_file):
        return _one_file(path, cancel)
    if not _is(path.is_dir):
        raise NothingToReadError(f"There is no file or folder {path}.")
    files, passed = _walk(path)
    if not files and not passed:
        raise NothingToReadError(f"The folder {path} is empty; choose one with DICOM or NIfTI.")
    archives = [f for f in files if _is_named_zip(f)]
    listing = Listing([f for f in files if not _is_named_zip(f)], skipped=passed)
    if len(archives) > _ARCHIVES_IN_A_FOLDER:
        listing.skipped["zip archive, one of many; open it by itself"] = len(archives)
        return listing
    for archive in archives:
        try:
            _add(listing, unpack(archive, cancel=cancel))
        except ArchiveError as refusal:
            listing.skipped["archive that is damaged or refused"] += 1
            # Findings are written down, and an archive's name may be the patient's.
            told = str(refusal).replace(archive.name, "An archive in the folder")
            listing.findings.append(Finding("archive-refused", told, "Left out."))
    return listing


def _is(question: Callable[[], bool]) -> bool:
    """What a path says of itself; no, where no file system can have such a name."""
    try:
        return question()
    except OSError:
        return False


def _one_file(path: Path, cancel: Cancel | None) -> Listing:
    if is_zip(path) or _is_named_zip(path):
        listing = Listing()
        _add(listing, unpack(path, cancel=cancel))
        if not listing.files and not listing.skipped:
            raise NothingToReadError(
                f"The archive {path} is empty; choose one with DICOM or NIfTI."
            )
        return listing
    if is_dicomdir(path):
        files, findings = listed_files(path)
        return Listing(files, findings=findings)
    return Listing([path])


def _add(listing: Listing, unpacked: Unpacked) -> None:
    files, _ = _walk(unpacked.folder)
    nested = [f for f in files if _is_named_zip(f)]
    listing.files += [f for f in files if not _is_named_zip(f)]
    listing.unpacked += (unpacked,)
    listing.skipped += unpacked.skipped
    listing.skipped[NESTED] += len(nested)
    listing.skipped = +listing.skipped


def _walk(folder: Path) -> tuple[list[Path], Counter[str]]:
    """Files of a folder and all folders in it, and folders that were passed over, by reason."""
    passed: Counter[str] = Counter()
    files: list[Path] = []

    def closed(error: OSError) -> None:
        if Path(error.filename) == folder:
            reason = error.strerror or "no reason given"
            raise NothingToReadError(f"Cannot list {folder} ({reason}); choose another folder.")
        passed["folder that may not be opened"] += 1

    for below, folders, names in os.walk(folder, onerror=closed):
        passed["link to a folder, not followed"] += sum(
            Path(below, f).is_symlink() for f in folders
        )
        files += [Path(below, name) for name in names if not name.startswith(".")]
    return sorted(f for f in files if f.is_file()), +passed


def _is_named_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"
