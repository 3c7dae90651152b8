"""What a folder, a file or an archive holds, from headers alone."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from napari_cmr.core import Cancel, NothingToReadError, Progress, check_cancel
from napari_cmr.io.catalogue import Catalogue, kept_alive, with_ids
from napari_cmr.io.dicom_headers import LostImageError, read_headers
from napari_cmr.io.dicom_study import dicom_entries
from napari_cmr.io.header import Header
from napari_cmr.io.listing import list_files
from napari_cmr.io.nifti_folder import is_nifti, nifti_entries
from napari_cmr.io.pixel_extent import Head, SkipError, read_head
from napari_cmr.io.ukb_manifest import read_manifests

_READERS = 8
_BATCH = 16  # files a thread reads before it hands them on


def scan(
    path: str | Path,
    *,
    resample_time: bool = False,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Catalogue:
    """List the stacks at a path, reading headers only.

    Parameters
    ----------
    path
        A folder, searched with all that is in it, a zip archive, a DICOMDIR, or one file. An
        archive is unpacked into a temporary folder of the owner's, which is removed when neither
        the catalogue nor an entry of it is held any more.
    resample_time
        Keep DICOM slices that have another number of phases than the others: each phase becomes
        the nearest image in the cycle. Else they are a stack of their own.

    Raises
    ------
    NothingToReadError
        If there is nothing at the path, or nothing in it can be read.
    ArchiveError
        If an archive is damaged or refused.
    CancelledError
        If ``cancel`` said so.
    """
    path = Path(path)
    listing = list_files(path, cancel)
    manifests = read_manifests(listing.files)
    files = [f for f in listing.files if f not in manifests.files]
    skipped = listing.skipped + Counter({"manifest": len(manifests.files)})
    niftis = [f for f in files if is_nifti(f)]
    others = [f for f in files if not is_nifti(f)]
    headers: list[Header] = []
    lost: list[Header] = []
    # Threads wait on the disk, parsing holds the interpreter's lock and stays here.
    for done, head in enumerate(_heads(others), start=1):
        check_cancel(cancel)
        try:
            headers += manifests.described(read_headers(head)) if head else []
        except LostImageError as reason:
            skipped[str(reason)] += 1
            lost.append(reason.header)
        except SkipError as reason:
            skipped[str(reason)] += 1
        skipped["not readable"] += head is None
        if progress is not None:
            progress(done, len(files))
    entries, findings, left_out = dicom_entries(headers, lost=lost, resample_time=resample_time)
    from_nifti, nifti_skipped = nifti_entries(niftis, cancel, beside_others=bool(headers))
    skipped += left_out + nifti_skipped
    if progress is not None:
        progress(len(files), len(files))
    every = [*entries, *from_nifti]
    if not every:
        raise NothingToReadError(_nothing(path, skipped))
    findings = [*listing.findings, *manifests.findings, *findings]
    catalogue = Catalogue(path, with_ids(every), dict(sorted((+skipped).items())), tuple(findings))
    return kept_alive(catalogue, listing.unpacked)


def _heads(files: list[Path]) -> Iterator[Head | None]:
    """The first bytes of each file, a few files ahead of their use; None if not readable."""
    batches = iter([files[i : i + _BATCH] for i in range(0, len(files), _BATCH)])
    with ThreadPoolExecutor(_READERS) as pool:
        waiting = deque(pool.submit(_batch, b) for b in islice(batches, _READERS))
        while waiting:
            heads = waiting.popleft().result()
            waiting.extend(pool.submit(_batch, b) for b in islice(batches, 1))
            yield from heads


def _batch(files: list[Path]) -> list[Head | None]:
    return [_head(f) for f in files]


def _head(path: Path) -> Head | None:
    try:
        return read_head(path)
    except OSError:
        return None


def _nothing(path: Path, skipped: Counter[str]) -> str:
    reasons = ", ".join(f"{n} {reason}" for reason, n in sorted((+skipped).items()))
    if (path / "manifest.csv").is_file():
        hint = "its manifest.csv is for predict, evaluate and finetune"
    else:
        hint = "choose another folder"
    return f"Nothing in {path} can be read as a study ({reasons}); {hint}."
