"""Why a study failed, in words for a table."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath


def for_a_table(reason: str, study: Path) -> str:
    """A reason that counts a file of the study instead of naming it, and says no absolute path.

    The table may leave the hospital, and files are often called after the person.

    Parameters
    ----------
    reason
        A sentence that may begin with a file's name.
    study
        The study's folder or zip archive; a single file is called as it is in the table's ``path``.
    """
    reason = reason.replace(str(study), study.name)
    names = _names(study)
    for number, name in enumerate(names, start=1):
        if reason.startswith(f"{name} "):
            return f"File {number} of {len(names)} in order of name{reason[len(name) :]}"
    return reason


def _names(study: Path) -> list[str]:
    if study.is_dir():
        return sorted(path.name for path in study.rglob("*") if path.is_file())
    if study.is_file() and zipfile.is_zipfile(study):
        with zipfile.ZipFile(study) as archive:
            entries = archive.infolist()
        return sorted(PurePosixPath(e.filename).name for e in entries if not e.is_dir())
    return []
