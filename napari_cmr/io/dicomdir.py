"""DICOMDIR: the list of a file set's images (PS3.3 F, PS3.10)."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path

import pydicom

from napari_cmr.core import Finding, NothingToReadError
from napari_cmr.io.dicom_values import Values

_CLASS = b"1.2.840.10008.1.3.10"
_META_BYTES = 1024


def is_dicomdir(path: Path) -> bool:
    """Whether a file's meta information says that it is a DICOMDIR."""
    try:
        with path.open("rb") as file:
            return has_dicomdir_class(file.read(_META_BYTES))
    except OSError:
        return False


def has_dicomdir_class(data: bytes) -> bool:
    """The same of a file's first bytes."""
    return data[128:132] == b"DICM" and _CLASS in data[132:_META_BYTES]


def listed_files(path: Path) -> tuple[list[Path], list[Finding]]:
    """The files that a DICOMDIR lists and that are here, and a finding of those that are not.

    The records are taken as they come; links between them, which burners get wrong, are not
    followed. Names that lead out of the DICOMDIR's folder count as not here.

    Raises
    ------
    NothingToReadError
        If it is damaged, lists nothing, or nothing that it lists is here.
    """
    names = _names(path)
    files = {file for parts in names if (file := _find(path.parent, parts)) is not None}
    missing = len({tuple(parts) for parts in names}) - len(files)
    if not names:
        raise NothingToReadError(f"{path} lists no images; open its folder instead.")
    if not files:
        raise NothingToReadError(
            f"{path} lists {missing} image(s), and none is here; open the folder that holds them."
        )
    findings = [missing_files("DICOMDIR", missing)] if missing > 0 else []
    return sorted(files), findings


def missing_files(lister: str, n: int) -> Finding:
    """That a list names files that are not here."""
    message = f"The {lister} lists {n} file(s) that are not here."
    return Finding("files-missing", message, "What is here is used.")


def _names(path: Path) -> list[list[str]]:
    """Each listed file's name as its parts."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # from memory, where an element that claims gigabytes finds only what is there
            dataset = pydicom.dcmread(BytesIO(path.read_bytes()))
            records = Values(dataset).items("DirectoryRecordSequence")
            names = [record.texts("ReferencedFileID") for record in records]
    except Exception as error:  # a broken byte may surface as anything inside the parser
        raise NothingToReadError(f"{path} is damaged; open its folder instead.") from error
    return [parts for parts in names if any(parts)]


def _find(folder: Path, parts: list[str]) -> Path | None:
    """The file of that name; discs change the case, and add version numbers."""
    if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts):
        return None
    for turned in (str, str.lower, str.upper):
        place = folder.joinpath(*map(turned, parts))
        for candidate in (place, place.with_name(place.name + ";1")):
            inside = candidate.is_file() and candidate.resolve().is_relative_to(folder.resolve())
            if inside:
                return candidate
    return None
