"""What to look for in a PACS, what came of it, and whether the server looked for that at all."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from napari_cmr.io.pacs_errors import PacsError, UnsupportedFilterError

FIELDS = ("ModalitiesInStudy", "NumberOfStudyRelatedInstances", "StudyDescription")
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")


@dataclass(frozen=True)
class Query:
    """What a study must match; an empty text matches all. Printing it shows nothing of it.

    Parameters
    ----------
    patient_id, name
        May hold ``*`` and ``?``; a name is written ``Family^Given``.
    date
        ``2024-05-01``, or ``2024-05-01..2024-05-31``; either end may be left open.
    modality
        Such as ``MR``.

    Raises
    ------
    PacsError
        If the date cannot be read.
    """

    patient_id: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    date: str = field(default="", repr=False)
    modality: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        self.days()

    def filters(self) -> dict[str, str]:
        """Keywords and values of QIDO's query (PS3.18, 10.6)."""
        first, last = self.days()
        date = first if first == last else f"{first}-{last}"
        wanted = {
            "PatientID": self.patient_id.strip(),
            "PatientName": self.name.strip(),
            "StudyDate": date,
            "ModalitiesInStudy": self.modality.strip().upper(),
        }
        return {keyword: value for keyword, value in wanted.items() if value}

    def days(self) -> tuple[str, str]:
        """First and last day, ``YYYYMMDD``, empty where open."""
        first, dots, last = self.date.strip().partition("..")
        days = _day(first), _day(last if dots else first)
        if all(days) and days[0] > days[1]:
            raise PacsError("The first date is after the last", "turn them round")
        return days


@dataclass(frozen=True)
class FoundStudy:
    """A study that a server has. Printing it shows nothing of the patient.

    Parameters
    ----------
    uid
        StudyInstanceUID, to fetch it by.
    date
        ``YYYYMMDD``.
    n_images
        How many instances it has, or None where the server does not say.
    """

    uid: str
    patient_id: str = field(repr=False)
    name: str = field(repr=False)
    date: str = field(repr=False)
    description: str = field(repr=False)
    modalities: tuple[str, ...] = ()
    n_images: int | None = None


@dataclass(frozen=True)
class Found:
    """Studies that match; ``more`` says that the server has others that do."""

    studies: tuple[FoundStudy, ...]
    more: bool = False


def found_study(item: Mapping[str, Any]) -> FoundStudy:
    """A study from the DICOM JSON of a search (PS3.18, F.2)."""
    images = _texts(item, "00201208")
    return FoundStudy(
        uid=_text(item, "0020000D"),
        patient_id=_text(item, "00100020"),
        name=_text(item, "00100010"),
        date=_text(item, "00080020"),
        description=_text(item, "00081030"),
        modalities=tuple(_texts(item, "00080061")),
        n_images=int(images[0]) if images and images[0].isdigit() else None,
    )


def check_matches(query: Query, studies: tuple[FoundStudy, ...], server: str) -> None:
    """Refuse an answer to another question.

    A server may ignore a filter that it does not support (PS3.18, 8.3.4) and send all it has.
    Names are compared loosely, since servers differ in case, accents and order.

    Raises
    ------
    UnsupportedFilterError
        Naming the filters that some study does not match.
    """
    ignored = [k for k in query.filters() if any(_contradicts(query, s, k) for s in studies)]
    if ignored:
        raise UnsupportedFilterError(
            f"{server} took no notice of {_words(ignored)}, as its answer does not match",
            "leave it out and look through the list",
        )


def check_warning(query: Query, warning: str, server: str) -> bool:
    """Whether a Warning header says that there is more.

    Raises
    ------
    UnsupportedFilterError
        If it says that something is not supported; its text is not passed on.
    """
    text = warning.lower()
    if "not supported" in text or "unsupported" in text or "unknown" in text:
        named = [k for k in query.filters() if k.lower() in text]
        raise unsupported(query, server, tuple(named))
    return "additional" in text or "exceed" in text


def unsupported(query: Query, server: str, named: tuple[str, ...] = ()) -> UnsupportedFilterError:
    """An error that names the filters in question."""
    keywords = list(named or query.filters())
    return UnsupportedFilterError(
        f"{server} cannot search by {_words(keywords) if keywords else 'what it was sent'}",
        "leave it out" if len(keywords) == 1 else "leave one out",
    )


def _words(keywords: list[str]) -> str:
    words = {
        "PatientID": "the patient's number",
        "PatientName": "the patient's name",
        "StudyDate": "the date",
        "ModalitiesInStudy": "the modality",
    }
    return " and ".join(words[k] for k in keywords)


def _contradicts(query: Query, study: FoundStudy, keyword: str) -> bool:
    """Whether a study cannot be an answer; what the server left out cannot be judged."""
    if keyword == "PatientID":
        return bool(study.patient_id) and not _alike(query.patient_id, study.patient_id)
    if keyword == "PatientName":
        return bool(study.name) and not _alike(query.name, study.name)
    if keyword == "StudyDate":
        first, last = query.days()
        return bool(study.date) and not first <= study.date <= (last or "99999999")
    modality = query.filters()[keyword]
    return bool(study.modalities) and modality not in study.modalities


def _alike(pattern: str, value: str) -> bool:
    """Whether some word of the pattern occurs in the value."""
    value = _plain(value)
    words = [w for w in re.split(r"[\^\s=,]+", _plain(pattern)) if w.strip("*?")]
    return not words or any(fnmatchcase(value, f"*{w.replace('[', '[[]')}*") for w in words)


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))


def _day(text: str) -> str:
    if not text.strip():
        return ""
    match = _DAY.fullmatch(text.strip())
    if match is None:
        raise _unreadable_date()
    try:
        return dt.date(*map(int, match.groups())).strftime("%Y%m%d")
    except ValueError:
        raise _unreadable_date() from None


def _unreadable_date() -> PacsError:
    return PacsError("The date cannot be read", "write it as 2024-05-01, or 2024-05-01..2024-05-31")


def _text(item: Mapping[str, Any], tag: str) -> str:
    return next(iter(_texts(item, tag)), "")


def _texts(item: Mapping[str, Any], tag: str) -> list[str]:
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, Mapping) else None
    if not isinstance(values, list):
        return []
    return [_one(v) for v in values if v is not None]


def _one(value: Any) -> str:
    if isinstance(value, Mapping):  # a person's name
        return str(next((v for v in value.values() if v), ""))
    return str(value).strip()
