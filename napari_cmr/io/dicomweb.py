"""Search a PACS, fetch a study, store results back: DICOMweb's QIDO, WADO and STOW (PS3.18)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError

from napari_cmr.core import (
    Cancel,
    InputError,
    NothingToReadError,
    Progress,
    check_cancel,
    replacing,
)
from napari_cmr.io.pacs_errors import (
    AnsweredError,
    IncompleteFetchError,
    PacsError,
)
from napari_cmr.io.pacs_login import Login
from napari_cmr.io.pacs_search import (
    FIELDS,
    Found,
    Query,
    check_matches,
    check_warning,
    found_study,
    unsupported,
)
from napari_cmr.io.pacs_server import Server
from napari_cmr.io.pacs_session import PacsSession, without_traces

_PAGE = 1000
_WHOLE = 1 << 40  # bytes; not every server takes a body in pieces
_UID = re.compile(r"[0-9][0-9.]{0,63}")
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, EOFError)
RESULTS = {
    "1.2.840.10008.5.1.4.1.1.66.4": "segmentation",
    "1.2.840.10008.5.1.4.1.1.88.22": "report",
    "1.2.840.10008.5.1.4.1.1.88.33": "report",
    "1.2.840.10008.5.1.4.1.1.88.34": "report",
    "1.2.840.10008.5.1.4.1.1.30": "parametric map",
}
"""SOP classes of what is derived from images."""


@dataclass(frozen=True)
class Fetched:
    """A study in a folder: how many files were there before, and how many came now."""

    folder: Path
    had: int
    came: int


@dataclass(frozen=True)
class Stored:
    """Which files the server took, and which not with the reason."""

    taken: tuple[Path, ...]
    refused: tuple[tuple[Path, str], ...] = ()


class Pacs:
    """A DICOMweb server to search, fetch from and store to.

    Parameters
    ----------
    server
        Which one.
    login
        From :func:`napari_cmr.io.pacs_login.find_login`; None where it wants none.
    """

    def __init__(self, server: Server, login: Login | None = None) -> None:
        from dicomweb_client import DICOMwebClient

        self._server = server
        self._session = PacsSession(server, login)
        with self._talking(None):
            self._client = DICOMwebClient(
                server.url.rstrip("/"),
                session=self._session,
                chunk_size=_WHOLE,
                permissive_uid=True,  # real studies hold UIDs that break the rules
                timeout=server.timeout_s,
            )
            self._client.set_http_retry_params(retry=False)

    def search(self, query: Query, *, limit: int = 100, cancel: Cancel | None = None) -> Found:
        """Studies that match; none is an empty list.

        Raises
        ------
        UnsupportedFilterError
            If the server cannot search by a filter: it says so, or its answer does not match.
        PacsError
            If it cannot be asked.
        """
        refused: AnsweredError | None = None
        items: list[dict[str, Any]] = []
        try:
            with self._talking(cancel):
                items = self._client.search_for_studies(
                    limit=limit, fields=FIELDS, search_filters=query.filters()
                )
                studies = tuple(found_study(item) for item in items)
        except AnsweredError as error:
            refused = error
        if refused is not None:
            raise unsupported(query, self._server.name) if refused.status == 400 else refused
        more = check_warning(query, self._session.warning, self._server.name)
        check_matches(query, studies, self._server.name)
        return Found(studies, more or len(studies) >= limit)

    def fetch(
        self,
        study_uid: str,
        folder: str | Path,
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Fetched:
        """Fetch the instances of a study that a folder lacks.

        Parameters
        ----------
        folder
            Made for its owner only if need be. Each instance is ``SOPInstanceUID.dcm`` and
            appears whole; what arrived stays whatever happens then.

        Raises
        ------
        NothingToReadError
            If the server has no such study.
        IncompleteFetchError
            If some instances did not arrive.
        PacsError
            If the server cannot be asked at all.
        CancelledError
            If ``cancel`` said so.
        """
        check_uid(study_uid)
        wanted = self._instances(study_uid, cancel)
        if not wanted:
            raise NothingToReadError(
                f"{self._server.name} has no study of this UID; search for it again."
            )
        target = Path(folder)
        _make_private(target)
        lacking = {uid: at for uid, at in wanted.items() if not _is_here(target / f"{uid}.dcm")}
        had, total = len(wanted) - len(lacking), len(wanted)
        came, faults = 0, []
        for uid, series in lacking.items():
            if progress is not None:
                progress(had + came, total)
            try:
                self._fetch_one(study_uid, series, uid, target, cancel)
                came += 1
            except AnsweredError as error:  # of this instance alone; others may come
                faults.append(error.what)
            except PacsError as error:
                if not had + came:
                    raise
                raise IncompleteFetchError(error.what, had + came, total, target) from None
        if faults:
            raise IncompleteFetchError(faults[0], had + came, total, target)
        if progress is not None:
            progress(total, total)
        return Fetched(target, had, came)

    def store(
        self,
        files: Sequence[Path],
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Stored:
        """Send files one by one.

        Returns
        -------
        What was taken and what was refused. A server that is gone in the middle refuses the rest.

        Raises
        ------
        InputError
            If a file is not DICOM (nothing is sent then).
        PacsError
            If nothing could be sent.
        CancelledError
            If ``cancel`` said so; what was sent stays on the server.
        """
        for file in files:
            _sop_class(file)
        taken: list[Path] = []
        refused: list[tuple[Path, str]] = []
        for i, file in enumerate(files):
            check_cancel(cancel)
            try:
                reason = self._store_one(file, cancel)
            except PacsError as error:
                if not taken and not refused:
                    raise
                refused += [(late, error.what) for late in files[i:]]
                break
            if reason:
                refused.append((file, reason))
            else:
                taken.append(file)
            if progress is not None:
                progress(i + 1, len(files))
        return Stored(tuple(taken), tuple(refused))

    def _instances(self, study_uid: str, cancel: Cancel | None) -> dict[str, str]:
        """SOP instance UID -> series UID. Servers send as many at once as they like."""
        found: dict[str, str] = {}
        while True:
            with self._talking(cancel):
                page = self._client.search_for_instances(study_uid, limit=_PAGE, offset=len(found))
                new = {_uid(i, "00080018"): _uid(i, "0020000E") for i in page}
            if new.keys() <= found.keys():  # none, or a server that knows no offset
                return found
            found.update(new)

    def _fetch_one(
        self, study: str, series: str, uid: str, folder: Path, cancel: Cancel | None
    ) -> None:
        with self._talking(cancel):
            instance = self._client.retrieve_instance(study, series, uid)
            if str(instance.SOPInstanceUID) != uid:
                raise ValueError("another instance than the one asked for")
        with replacing(folder / f"{uid}.dcm") as partial, without_traces():
            instance.save_as(partial)

    def _store_one(self, file: Path, cancel: Cancel | None) -> str:
        """Why a file was refused; empty if it was taken."""
        try:
            with self._talking(cancel):
                instance = pydicom.dcmread(file)
                answer = self._client.store_instances([instance])
                failed = answer.get("FailedSOPSequence") or []
                return _reason(failed[0].get("FailureReason")) if failed else ""
        except AnsweredError as error:
            if error.status in (404, 405):  # no such service, so no file will be taken
                raise
            return _reason(error.failure) if error.failure is not None else error.what

    @contextmanager
    def _talking(self, cancel: Cancel | None) -> Iterator[None]:
        """Leave no traces; an answer that cannot be understood is said so."""
        malformed = False
        self._session.cancel = cancel
        try:
            with without_traces():
                yield
        except (*_MALFORMED, InvalidDicomError):
            malformed = True
        finally:
            self._session.cancel = None
        if malformed:
            raise AnsweredError(
                f"{self._server.name} gave an answer that is not DICOMweb",
                "check that the address is that of its DICOMweb service",
                status=200,
            )


def results_in(paths: Sequence[str | Path]) -> list[Path]:
    """Files to store: those named, and in folders the segmentations, reports and maps.

    Raises
    ------
    InputError
        If a path does not exist, a named file is not DICOM, or there is no result.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*.dcm") if p.is_file())
            files += [p for p in inside if _sop_class(p) in RESULTS]
        else:
            _sop_class(path)
            files.append(path)
    if not files:
        raise NothingToReadError(
            "There is no segmentation, report or map in DICOM there; make them with "
            "napari-cmr export --dicom."
        )
    return files


def check_uid(uid: str) -> None:
    """Refuse what is no UID; it becomes part of addresses and file names.

    Raises
    ------
    InputError
        If it has other characters than digits and dots, or is longer than 64.
    """
    if not _UID.fullmatch(uid):
        raise InputError("A study is named by its UID (digits and dots); take it from the search.")


def _uid(item: dict[str, Any], tag: str) -> str:
    uid = str(item[tag]["Value"][0]).strip()
    if not _UID.fullmatch(uid):
        raise ValueError("not a UID")
    return uid


def _sop_class(file: Path) -> str:
    failure = ""
    try:
        with without_traces():
            header = pydicom.dcmread(file, specific_tags=["SOPClassUID"], stop_before_pixels=True)
            return str(header.SOPClassUID)
    except OSError as error:
        failure = f"{file} cannot be read ({error.strerror or 'no reason given'})."
    except (InvalidDicomError, *_MALFORMED):
        failure = f"{file} is not DICOM; a PACS stores nothing else."
    raise InputError(failure)


def _is_here(path: Path) -> bool:
    """An instance that arrived; a power cut may leave an empty file."""
    return path.is_file() and path.stat().st_size > 132


def _make_private(folder: Path) -> None:
    reason = ""
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise InputError(f"Cannot write {folder} ({reason}); choose another place.")


def _reason(code: int | None) -> str:
    """DICOM's failure reasons in words. Source: PS3.18, 10.5.3, and PS3.4, B.2.3."""
    known = {
        0x0110: "it could not be processed",
        0x0111: "it is there already",
        0x0117: "its UID is not valid",
        0x0122: "the server does not take this kind of object",
        0x0124: "this login may not store",
        0xC122: "the server does not take this transfer syntax",
    }
    if code is None:
        return "the server gave no reason"
    if code in known:
        return known[code]
    families = {
        0xA7: "the server is out of space",
        0xA9: "it is not what its class says",
        0xC0: "the server cannot understand it",
    }
    return families.get(code >> 8, f"failure {code:#06x}")
