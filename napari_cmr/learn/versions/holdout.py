"""Who is held out of training, fixed once for a project; the one place that lets rows train."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cmr.core import InputError
from napari_cmr.learn.versions.record import Correction

if TYPE_CHECKING:
    from napari_cmr.io.manifest import ManifestRow
    from napari_cmr.learn.examples import LabelledRow

ONE_IN = 5
ENOUGH = 10
_TABLES = """
create table if not exists project (seed text not null);
create table if not exists subject (key text primary key, held integer not null);
create table if not exists picture (sha256 text primary key, key text not null);
create table if not exists joined (key text primary key);
create table if not exists taught (sha256 text primary key);
"""
_SEEN_ELSEWHERE = "select key from picture natural join taught"
_SEALED = object()


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Rows that may train; only :meth:`Holdout.split` makes it.

    ``keys`` maps each of their subjects to its salted hash. ``unlabelled`` are images that may
    join in without labels.
    """

    rows: tuple[LabelledRow, ...]
    keys: Mapping[str, str]
    seal: object
    unlabelled: tuple[ManifestRow, ...] = ()

    def __post_init__(self) -> None:
        if self.seal is not _SEALED:
            raise RuntimeError("rows that may train come from Holdout.split")

    def without(self, *subjects: str) -> TrainingRows:
        """The rows of all other subjects, to judge on these."""
        rows = tuple(row for row in self.rows if row.subject not in subjects)
        keys = {name: key for name, key in self.keys.items() if name not in subjects}
        others = tuple(row for row in self.unlabelled if row.subject not in subjects)
        return TrainingRows(rows, keys, _SEALED, others)


class Holdout:
    """Which subjects of a project train and which judge, kept in its folder.

    A subject is placed when it is first seen and never moves, so that no model of the project
    was ever trained on one that judges. Of ``n`` subjects ``n // 5`` judge, ten at most; among
    new ones those with the smallest hash of the project's seed and their id, so that nobody
    chooses them. Subjects whose rows a manifest calls ``validation`` judge if they are new, and
    count. Ids are kept as salted hashes.

    Parameters
    ----------
    path
        The SQLite file, made if need be.
    seed
        Of a new project; a random one if None. A project that exists keeps its own.
    """

    def __init__(self, path: Path, *, seed: int | None = None) -> None:
        self.path = path
        self._begun: sqlite3.Connection | None = None
        with self._open() as connection:
            connection.executescript(_TABLES)
            connection.execute("begin immediate")
            found = connection.execute("select seed from project").fetchone()
            if found is None:
                found = (str(secrets.randbits(64) if seed is None else seed),)
                connection.execute("insert into project values (?)", found)
            connection.commit()
        self._seed = str(found[0])

    def key(self, subject: str) -> str:
        """The salted hash by which a subject is known."""
        return hashlib.sha256(f"{self._seed}:{subject}".encode()).hexdigest()[:32]

    def split(
        self, rows: Sequence[LabelledRow], unlabelled: Sequence[ManifestRow] = ()
    ) -> tuple[TrainingRows, tuple[LabelledRow, ...]]:
        """Rows that may train, and rows of subjects that judge; new subjects are placed.

        Rows that a manifest gives another split than ``train``, ``validation`` or none, and
        those it calls ``validation`` of subjects that train, are in neither; nor are the
        ``unlabelled`` images of subjects that judge. Neither are those of subjects placed to judge
        of whom a version from elsewhere has seen a picture, as a later one shows. Who joins a
        training without labels has to be remembered, see :meth:`remember`.
        """
        rows = [row for row in rows if row.row.split in ("", "train", "validation")]
        held = self._place(rows)
        seen = self._seen_elsewhere()
        training, judging = [], []
        for row in rows:
            key = self.key(row.subject)
            if held[key]:
                judging += [] if key in seen else [row]
            elif row.row.split != "validation":
                training.append(row)
        keys = {row.subject: self.key(row.subject) for row in training}
        judges = self._held()
        others = tuple(
            row
            for row in unlabelled
            if row.split in ("", "train") and self.key(row.subject) not in judges
        )
        return TrainingRows(tuple(training), keys, _SEALED, others), tuple(judging)

    @contextmanager
    def all_or_nothing(self) -> Iterator[sqlite3.Connection]:
        """Keep what is placed and remembered within it; nothing of it if anything is raised.

        So a run that is refused leaves everybody to be placed by the one that is not.

        Raises
        ------
        InputError
            If the list of subjects cannot be used.
        """
        if self._begun is not None:
            yield self._begun
            return
        with self._open() as connection:
            connection.execute("begin immediate")
            self._begun = connection
            try:
                yield connection
                connection.commit()
            finally:
                self._begun = None  # closing takes back what was not committed

    def refuse_leak(self, keys: Iterable[str]) -> None:
        """Refuse to keep a model that was trained on a subject that judges.

        Raises
        ------
        RuntimeError
            If there is one, which only a fault of the program could bring about.
        """
        leaked = set(keys) & self._held()
        if leaked:
            raise RuntimeError(f"{len(leaked)} subject(s) of the holdout were trained on")

    def refuse_renamed(self, corrections: Sequence[Correction]) -> None:
        """Refuse pictures that came before under another subject id, and remember these.

        Somebody who judges could else train under another name.

        Raises
        ------
        InputError
            If there are any.
        """
        whose = {c.image_sha256: c.subject for c in corrections}
        with self.all_or_nothing() as connection:
            known = dict(connection.execute("select sha256, key from picture"))
            if any(known.get(picture, key) != key for picture, key in whose.items()):
                raise InputError(
                    "Some of these pictures came to the project before under another subject id; "
                    "give a person the same id each time."
                )
            new = [pair for pair in whose.items() if pair[0] not in known]
            connection.executemany("insert into picture values (?, ?)", new)

    def take_in(self, corrections: Sequence[Correction]) -> None:
        """Note on what a version from elsewhere was trained; whose pictures these are never judges.

        Raises
        ------
        InputError
            If one of them judges already.
        """
        pictures = {(c.image_sha256,) for c in corrections}
        with self.all_or_nothing() as connection:
            connection.executemany("insert or ignore into taught values (?)", sorted(pictures))
            leaked = self.whose(corrections) & self._held()
            if leaked:
                raise InputError(
                    f"The version was trained on pictures of {len(leaked)} subject(s) who judge in "
                    "this project; take it into another one."
                )

    def whose(self, corrections: Sequence[Correction]) -> set[str]:
        """The keys, in this project, of subjects whose pictures came to it, by whatever version."""
        pictures = {c.image_sha256 for c in corrections}
        with self._open() as connection:
            known = connection.execute("select sha256, key from picture")
            return {key for picture, key in known if picture in pictures}

    def counts(self) -> tuple[int, int]:
        """How many subjects train and how many judge."""
        with self._open() as connection:
            placed = _subjects(connection)
        return len(placed) - sum(placed.values()), sum(placed.values())

    def remember(self, joined: Sequence[ManifestRow]) -> None:
        """Note who is about to join a training without labels, and so never judges."""
        keys = {(self.key(row.subject),) for row in joined}
        with self.all_or_nothing() as connection:
            connection.executemany("insert or ignore into joined values (?)", sorted(keys))

    def _held(self) -> set[str]:
        with self._open() as connection:
            return {key for key, judges in _subjects(connection).items() if judges}

    def _seen_elsewhere(self) -> set[str]:
        """The keys of subjects on whose pictures a version that was taken in was trained."""
        with self._open() as connection:
            return {key for (key,) in connection.execute(_SEEN_ELSEWHERE)}

    def _place(self, rows: Sequence[LabelledRow]) -> dict[str, bool]:
        named = {self.key(row.subject): False for row in rows}
        named |= {self.key(row.subject): True for row in rows if row.row.split == "validation"}
        with self.all_or_nothing() as connection:
            placed = _subjects(connection)
            new = sorted(set(named) - set(placed))
            wanted = min((len(placed) + len(new)) // ONE_IN, ENOUGH) - sum(placed.values())
            joined = {key for (key,) in connection.execute("select key from joined")}
            joined |= self._seen_elsewhere()
            chosen = [key for key in new if named[key] and key not in joined]
            others = [key for key in new if not named[key] and key not in joined]
            chosen += others[: max(0, wanted - len(chosen))]
            here = {key: key in chosen for key in new}
            connection.executemany("insert into subject values (?, ?)", here.items())
        return placed | here

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if self._begun is not None:
            yield self._begun
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as opened:
                yield opened
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> InputError:
        return InputError(
            f"The project's list of subjects {self.path} cannot be used ({error}); "
            "check that the folder can be written to and the file is whole."
        )


def _subjects(connection: sqlite3.Connection) -> dict[str, bool]:
    return {key: bool(held) for key, held in connection.execute("select * from subject")}
