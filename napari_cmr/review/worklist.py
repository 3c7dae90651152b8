"""The studies of a folder, in the order in which they are to be looked at, and how far each is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from napari_cmr import io
from napari_cmr.core import Cancel, InputError, check_cancel
from napari_cmr.io.catalogue import Catalogue, Entry, with_ids
from napari_cmr.review.history import State
from napari_cmr.review.predictors import suggested
from napari_cmr.review.project import Project
from napari_cmr.review.reading import replay
from napari_cmr.review.record import Record
from napari_cmr.review.study_key import StackInfo, subject_key

_NO_IMAGES = {".csv", ".tsv", ".json", ".txt", ".md", ".pdf", ".xlsx", ".cfg", ".xml", ".html"}
Uncertainty = Callable[[str], float | None]
"""How unsure the model is of a stack, by its key in the project; None where nobody knows."""


class Order(StrEnum):
    """In which order studies are looked at."""

    LISTED = "as listed"
    RANDOM = "random"
    UNCERTAIN = "most uncertain first"


@dataclass(frozen=True, eq=False)
class ListedStudy:
    """One study of the list.

    Parameters
    ----------
    key
        Its name within the list; in memory only.
    number
        Its place in the list as it was found, from 1.
    catalogue
        Its stacks.
    """

    key: str
    number: int
    catalogue: Catalogue

    @property
    def first(self) -> Entry:
        """The stack to look at first."""
        name = suggested(self.catalogue)
        return next(entry for entry in self.catalogue.entries if entry.stack_id == name)

    @property
    def place(self) -> str:
        """Name of its folder or file, which may be the person's: for the screen only."""
        return self.catalogue.path.name


@dataclass(frozen=True)
class Unreadable:
    """A folder or archive that holds no study, and why."""

    place: Path
    reason: str


def places(folder: Path) -> tuple[Path, ...]:
    """Where to look for studies: the folder itself if images lie in it, else what is in it.

    Raises
    ------
    InputError
        If the folder cannot be listed.
    """
    if not folder.is_dir():
        return (folder,)
    try:
        children = sorted(c for c in folder.iterdir() if not c.name.startswith("."))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"Cannot list {folder} ({reason}); choose another folder.") from error
    inner = [c for c in children if c.is_dir() or c.suffix.lower() == ".zip"]
    images = [c for c in children if c not in inner and c.suffix.lower() not in _NO_IMAGES]
    return (folder,) if images or not inner else tuple(inner)


def studies_in(
    folder: Path, cancel: Cancel | None = None
) -> Iterator[tuple[int, int, Catalogue | Unreadable]]:
    """Each study of a folder as soon as its headers are read, with (places read, places).

    A study whose series lie in several of the folder's folders comes again, grown, under the
    same `study_key`. A folder that is one study comes last as a whole, so that its stacks tell
    each other's views.

    Raises
    ------
    InputError
        If the folder cannot be listed.
    CancelledError
        If ``cancel`` said so.
    """
    where = places(folder)
    known: dict[str, Catalogue] = {}
    read_in: set[Path] = set()
    for done, place in enumerate(where, start=1):
        check_cancel(cancel)
        try:
            found = by_subject(io.scan(place, cancel=cancel))
        except InputError as error:
            yield done, len(where), Unreadable(place, str(error))
            continue
        read_in.add(place)
        for catalogue in found:
            key = study_key(catalogue)
            known[key] = _joined(known[key], catalogue) if key in known else catalogue
            yield done, len(where), known[key]
    if len(known) == 1 and len(read_in) > 1:
        yield len(where), len(where), io.scan(folder, cancel=cancel)


def by_subject(catalogue: Catalogue) -> list[Catalogue]:
    """One catalogue a subject, with stacks named anew where there are several."""
    subjects = list(dict.fromkeys(entry.subject for entry in catalogue.entries))
    if len(subjects) == 1:
        return [catalogue]
    return [
        replace(catalogue, entries=with_ids(e for e in catalogue.entries if e.subject == subject))
        for subject in subjects
    ]


def study_key(catalogue: Catalogue) -> str:
    """What tells a study of the list from the others; it may name a file, so keep it in memory."""
    from napari_cmr.io.first_look import known_by_uid  # reads formats, which a list may not need

    entry = catalogue.entries[0]
    return entry.subject if known_by_uid(entry) else f"{catalogue.path}\n{entry.subject}"


def _joined(one: Catalogue, other: Catalogue) -> Catalogue:
    path = one.path if one.path == other.path else one.path.parent
    return replace(
        one,
        path=path,
        entries=with_ids((*one.entries, *other.entries)),
        findings=one.findings + other.findings,
        unpacked=one.unpacked + other.unpacked,
    )


@dataclass(frozen=True, eq=False)
class Progressed:
    """How far a reader is with each stack of a project.

    Parameters
    ----------
    infos
        The project's stacks.
    salt
        Of the project.
    states
        Key of a stack to its state; those that nothing was done to are missing.
    """

    infos: tuple[StackInfo, ...] = ()
    salt: str = ""
    states: tuple[tuple[str, State], ...] = ()

    def key_of(self, entry: Entry) -> str | None:
        """The project's key of a stack whose pixels were not read; None if it is not known.

        It is told by the subject, the shape and where the slices lie. Of two stacks that are
        alike in all of that none is meant, since which is which only their pixels could tell.
        """
        subject = subject_key(self.salt, entry.subject)
        alike = [i.key for i in self.infos if i.subject == subject and _same_place(i, entry)]
        return alike[0] if len(alike) == 1 else None

    def state_of(self, entry: Entry) -> State:
        """How far the reading of a stack is."""
        key = self.key_of(entry)
        return State.NEW if key is None else dict(self.states).get(key, State.NEW)

    def with_state(self, info: StackInfo, state: State) -> Progressed:
        """The same with news of one stack."""
        others = tuple(known for known in self.infos if known.key != info.key)
        states = {**dict(self.states), info.key: state}
        return replace(self, infos=(*others, info), states=tuple(states.items()))


def progressed(project: Project, reader: str) -> Progressed:
    """How far a reader is with each stack, from the project's log.

    Raises
    ------
    InputError
        If the log is damaged.
    """
    infos = {info.key: info for info in project.stacks()}
    lines: dict[str, list[Record]] = {}
    for record in project.records(reader=reader):
        lines.setdefault(record.stack, []).append(record)
    states = tuple(
        (key, replay(records, infos[key].shape).state)
        for key, records in lines.items()
        if key in infos
    )
    return Progressed(tuple(infos.values()), project.salt, states)


class Worklist:
    """Studies in the order in which they were found, and in others."""

    def __init__(self) -> None:
        self._studies: dict[str, ListedStudy] = {}

    def __len__(self) -> int:
        return len(self._studies)

    @property
    def studies(self) -> tuple[ListedStudy, ...]:
        """As they were found."""
        return tuple(self._studies.values())

    def add(self, catalogue: Catalogue) -> ListedStudy:
        """Put a study at the end, or what grew in the place of what it was."""
        key = study_key(catalogue)
        known = self._studies.get(key)
        number = len(self._studies) + 1 if known is None else known.number
        self._studies[key] = ListedStudy(key, number, catalogue)
        return self._studies[key]

    def find(self, key: str) -> ListedStudy | None:
        """The study of that key."""
        return self._studies.get(key)

    def ordered(
        self,
        order: Order,
        *,
        seed: int = 0,
        uncertainty: Uncertainty | None = None,
        known: Progressed | None = None,
    ) -> tuple[ListedStudy, ...]:
        """The studies in an order.

        Parameters
        ----------
        seed
            Of the random order; the same studies and seed give the same order.
        uncertainty, known
            For `Order.UNCERTAIN`. Studies of which nothing is known come last, as listed.
        """
        if order is Order.RANDOM:
            shuffled = np.random.default_rng(seed).permutation(len(self))
            return tuple(self.studies[place] for place in shuffled)
        if order is Order.UNCERTAIN:
            value = {s.key: uncertainty_of(s, uncertainty, known) for s in self.studies}
            return tuple(sorted(self.studies, key=lambda s: _rank(value[s.key])))
        return self.studies


def uncertainty_of(
    study: ListedStudy, uncertainty: Uncertainty | None, known: Progressed | None
) -> float | None:
    """How unsure the model is of the stack to look at first; None where nobody knows."""
    key = known.key_of(study.first) if known is not None else None
    return uncertainty(key) if key is not None and uncertainty is not None else None


def following(
    studies: Sequence[ListedStudy], current: str | None, step: int = 1
) -> ListedStudy | None:
    """The study after the current one, or before it; None at the end."""
    keys = [study.key for study in studies]
    at = keys.index(current) + step if current in keys else 0
    return studies[at] if 0 <= at < len(studies) else None


def _rank(value: float | None) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else -value


def _same_place(info: StackInfo, entry: Entry) -> bool:
    if info.shape != entry.shape or info.sequence is not entry.sequence:
        return False
    ours, theirs = info.geometry, entry.geometry
    if not (ours.spacing_known and theirs.spacing_known):
        return True  # a reader may have given the millimetres since
    return bool(np.allclose(ours.origins, theirs.origins, atol=1e-3))
