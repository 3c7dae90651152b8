"""The versions of a project: folders that appear whole, of which one is active."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_cmr.core import InputError, ModelError
from napari_cmr.learn.versions.holdout import Holdout
from napari_cmr.learn.versions.record import RECORD, VersionRecord
from napari_cmr.nets.card_shelf import CARD, WEIGHTS
from napari_cmr.nets.segmenter_tasks import CINE, TITLES, title_of

if TYPE_CHECKING:
    from torch import nn

    from napari_cmr.nets import Card, Model

FOLDER = ".napari-cmr"
_TABLE = """
create table if not exists activation (
    number integer primary key autoincrement, version text not null, at text not null,
    why text not null
)
"""
_ABANDONED_S = 24 * 3600.0


@dataclass(frozen=True)
class Activation:
    """That a version was made active, when and why."""

    version: str
    at: str
    why: str


class VersionStore:
    """The versions under a project's folder.

    Parameters
    ----------
    project
        Folder of the project; what is ours lies in ``.napari-cmr`` in it, for its owner only.
    task
        What the versions do.
    seed
        Of a new project's holdout; random if None.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """

    def __init__(self, project: Path, *, task: str = CINE, seed: int | None = None) -> None:
        self.task = task
        self.home = project / FOLDER
        self.folder = self.home / "versions" / task
        self.cache = self.home / "cache" / task
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"The project {project} cannot be written to ({error.strerror}); choose another."
            ) from error
        self._remove_abandoned()
        self.holdout = Holdout(self.folder / "subjects.sqlite", seed=seed)
        with self._ledger() as ledger:
            ledger.execute(_TABLE)

    @classmethod
    def tasks(cls, project: Path) -> tuple[str, ...]:
        """The tasks that a project has versions of; nothing is made where it has none."""
        # a run that was refused leaves a folder without a version
        folders = {task: project / FOLDER / "versions" / task for task in TITLES}
        return tuple(task for task, folder in folders.items() if any(folder.glob(f"v*/{RECORD}")))

    @classmethod
    def existing(cls, project: Path, *, task: str = CINE) -> VersionStore:
        """The versions of a project that has some; nothing is made where it has none.

        Raises
        ------
        InputError
            If there is no such folder, or it has none.
        """
        if not project.is_dir():
            raise InputError(f"There is no project in {project}; choose the folder of one.")
        if task not in cls.tasks(project):
            raise InputError(
                f"The project {project} has no versions yet for {title_of(task)}; make one with "
                "'napari-cmr retrain'."
            )
        return cls(project, task=task)

    def begin(
        self, start: str | Path | None = None, *, refuse: Callable[[Card], None] = lambda _: None
    ) -> VersionRecord:
        """The active version; where there is none yet, a copy of a model becomes the first.

        Parameters
        ----------
        start
            A model's name on the shelf or its folder; the shelf's best if None.
        refuse
            Asked of the model's card before anything is made; what it raises is passed on.

        Raises
        ------
        InputError
            If a start is given to a project that has versions already.
        ModelError
            If there is no such model, or it is for another task.
        """
        if self.activations():
            if start is not None:
                raise InputError(
                    "The project has versions already and goes on from the active one; take a "
                    "model in with 'versions import' or begin a project in another folder."
                )
            active = self.active()
            refuse(self.load(active.version).card)
            return active
        from napari_cmr.nets import load_model  # imports torch, which takes seconds

        model = load_model(start, task=self.task)
        refuse(model.card)
        record = self.add(
            model.card,
            model.networks,
            VersionRecord(
                version="", parent=None, origin="start", model=model.title, task=self.task,
                tier=model.card.tier, made="", recipe={}, seed=model.card.seed, files={},
            ),
        )  # fmt: skip
        self.activate(record.version, "the project began")
        return record

    def add(
        self, card: Card, networks: dict[str, nn.Module], record: VersionRecord
    ) -> VersionRecord:
        """Write a version and number it; the active one stays active.

        Raises
        ------
        RuntimeError
            If the version was trained on a subject that judges.
        InputError
            If it cannot be written.
        """
        from napari_cmr.nets import save_model

        self.holdout.refuse_leak(record.trained_on)
        part = self._part()
        try:
            save_model(part, card, networks)
            return self.place(part, record)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def place(self, part: Path, record: VersionRecord) -> VersionRecord:
        """Number a finished folder of this store's file system and move it in, whole.

        The number of a version that was ever in use is not given again, should it be removed,
        nor that of a folder that lost its record.
        """
        files = {name: file_hash(part / name) for name in (CARD, WEIGHTS)}
        made = datetime.now(UTC).isoformat(timespec="seconds")
        while True:
            folders = [p.name for p in self.folder.glob("v*")]  # one that lost its record, too
            known = [*folders, *(once.version for once in self.activations())]
            number = max((int(v[1:]) for v in known if v[1:].isdigit()), default=0) + 1
            named = record.model_copy(
                update={"version": f"v{number:04d}", "made": made, "files": files}
            )
            try:
                (part / RECORD).write_text(named.model_dump_json(indent=1) + "\n", encoding="utf-8")
                part.chmod(0o700)
                part.rename(self.folder / named.version)
            except OSError as error:
                if (self.folder / named.version).is_dir():  # another process took the number
                    continue
                raise InputError(
                    f"Cannot write the version to {self.folder} ({error.strerror}); free some "
                    "space. The active version is as it was."
                ) from error
            return named

    def versions(self) -> list[VersionRecord]:
        """All versions, the oldest first."""
        return [self.read(name) for name in self._names()]

    def read(self, version: str) -> VersionRecord:
        """One version's record.

        Raises
        ------
        InputError
            If there is no such version or its record is damaged.
        """
        if version not in self._names():
            known = ", ".join(self._names()) or "none"
            raise InputError(f"The project has no version '{version}'; it has {known}.")
        path = self.folder / version / RECORD
        try:
            return VersionRecord.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError) as error:
            raise InputError(f"The record of {version} is damaged; activate another.") from error

    def place_of(self, version: str) -> Path:
        """The folder of a version, which every verb takes as ``--model``."""
        return self.folder / self.read(version).version

    def load(self, version: str) -> Model:
        """A version's model after checking its card and its weights.

        Raises
        ------
        ModelError
            If a file is not the one that the record names.
        """
        from napari_cmr.nets import load_model

        record = self.read(version)
        folder = self.folder / version
        for name, sha256 in record.files.items():
            if not (folder / name).is_file() or file_hash(folder / name) != sha256:
                raise ModelError(
                    f"{name} of {version} is not the file that was written; activate another "
                    "version."
                )
        return load_model(folder, task=self.task)

    def active(self) -> VersionRecord:
        """The version in use.

        Raises
        ------
        InputError
            If none is.
        """
        name = self.in_use()
        if not name:
            raise InputError(
                f"No version is in use yet for {title_of(self.task)}; choose one with 'versions "
                "activate'."
            )
        return self.read(name)

    def in_use(self) -> str:
        """The name of the version in use; empty where those there are were only taken in."""
        done = self.activations()
        return done[-1].version if done else ""

    def activate(self, version: str, why: str, *, instead_of: str | None = None) -> bool:
        """Make a version active after checking its files.

        Parameters
        ----------
        instead_of
            Do it only while this version is still the active one.

        Returns
        -------
        bool
            False where another had become active meanwhile.
        """
        self.load(version)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._ledger() as ledger:
            ledger.execute("begin immediate")
            last = ledger.execute(
                "select version from activation order by number desc limit 1"
            ).fetchone()
            if instead_of is not None and last != (instead_of,):
                ledger.rollback()
                return False
            ledger.execute(
                "insert into activation (version, at, why) values (?, ?, ?)", (version, now, why)
            )
            ledger.commit()
        return True

    def roll_back(self) -> VersionRecord:
        """Make active the version that the active one came from.

        Raises
        ------
        InputError
            If it came from none of the project.
        """
        active = self.active()
        if active.parent is None:
            raise InputError(
                f"{active.version} came from no version of the project; choose one with 'versions "
                "activate'."
            )
        self.activate(active.parent, f"rolled back from {active.version}")
        return self.read(active.parent)

    def activations(self) -> list[Activation]:
        """What was made active, the latest last."""
        with self._ledger() as ledger:
            rows = ledger.execute("select version, at, why from activation order by number")
            return [Activation(*row) for row in rows]

    def ancestors(self, version: str) -> Iterator[VersionRecord]:
        """The version, the one it came from, and so on."""
        name: str | None = version
        while name is not None:
            record = self.read(name)
            yield record
            name = record.parent

    def size_bytes(self, version: str) -> int:
        """What a version takes on disk."""
        return sum(p.stat().st_size for p in self.place_of(version).iterdir())

    def cache_bytes(self) -> int:
        """What kept answers of networks, and trainings that were stopped, take on disk."""
        return sum(p.stat().st_size for p in self.cache.rglob("*") if p.is_file())

    def clear_cache(self) -> int:
        """Throw those away, to be made again when needed; gives how many bytes that was."""
        size = self.cache_bytes()
        shutil.rmtree(self.cache, ignore_errors=True)
        return size - self.cache_bytes()

    def remove(self, version: str) -> None:
        """Throw away a version that is neither active nor what another came from.

        Raises
        ------
        InputError
            If it is.
        """
        if self.in_use() == version:
            raise InputError(f"{version} is active; activate another first.")
        children = [v.version for v in self.versions() if v.parent == version]
        if children:
            raise InputError(f"{', '.join(children)} came from {version}, which so must stay.")
        self.place_of(version).rename(self._part(make=False))
        self._remove_abandoned(after_s=0.0, mine=True)

    def staging(self) -> Path:
        """A new folder beside the versions in which one may be put together."""
        return self._part()

    def _names(self) -> list[str]:
        found = (p.parent.name for p in self.folder.glob(f"v*/{RECORD}"))
        return sorted((n for n in found if n[1:].isdigit()), key=lambda n: int(n[1:]))

    def _part(self, *, make: bool = True) -> Path:
        part = self.folder / f".{os.getpid()}.{time.monotonic_ns()}.part"
        if make:
            part.mkdir(mode=0o700)
        return part

    def _remove_abandoned(self, *, after_s: float = _ABANDONED_S, mine: bool = False) -> None:
        """Folders that a killed run left; a day old, so that none still being written is meant."""
        pattern = f".{os.getpid()}.*.part" if mine else ".*.part"
        for part in self.folder.glob(pattern):
            if time.time() - part.stat().st_mtime >= after_s:
                shutil.rmtree(part, ignore_errors=True)

    @contextmanager
    def _ledger(self) -> Iterator[sqlite3.Connection]:
        path = self.folder / "active.sqlite"
        try:
            with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as ledger:
                yield ledger
        except sqlite3.Error as error:
            raise InputError(
                f"The project's record of active versions {path} cannot be used ({error}); check "
                "that the folder can be written to and the file is whole."
            ) from error


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
