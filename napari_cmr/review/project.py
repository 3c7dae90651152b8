"""A project: a folder in which everything that readers do is kept."""

from __future__ import annotations

import getpass
import os
import secrets
import sqlite3
import sys
import weakref
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from napari_cmr.core import InputError
from napari_cmr.review import log_file
from napari_cmr.review.lock import FolderLock, lock_within
from napari_cmr.review.log_writer import Item, LogWriter
from napari_cmr.review.record import Kind, Record
from napari_cmr.review.study_key import StackInfo

HOME, LOG, LOCK = ".napari-cmr", "project.sqlite", "lock"
LOCK_WITHIN_S = 1.0
"""A window that was killed may need a moment until the lock is free."""
_KEPT = "what you do is kept in memory only, until you save it elsewhere"


class Project:
    """Keeps the log. Make one with `open` or `in_memory`.

    Whatever happens to the disk, nothing that was appended is dropped while the project lives:
    what is not on the disk is in memory, and `trouble` says so.
    """

    def __init__(self, folder: Path | None, trouble: str = "") -> None:
        self.folder = folder
        """The folder that the user chose; None for a project in memory."""
        self._opening_trouble = trouble
        self._writer: LogWriter | None = None
        self._end: Callable[[], object] | None = None
        self._memory: list[Item] = []
        self._infos: dict[str, StackInfo] = {}
        self._salt = secrets.token_hex(16)
        self.told: Callable[[str], None] | None = None
        """Called with the trouble, in any thread, when it begins; with an empty text at its end."""

    @classmethod
    def in_memory(cls, trouble: str = "") -> Project:
        """A project that ends with the process unless it is saved elsewhere.

        Parameters
        ----------
        trouble
            Why it is in memory, where a folder was wanted.
        """
        return cls(None, trouble)

    @classmethod
    def open(cls, folder: Path) -> Project:
        """Open the project in a folder, or begin one there.

        Where another process has it, or nothing can be written, it is readable, `trouble` says
        why, and what is done is kept in memory.

        Raises
        ------
        InputError
            If the log is damaged or was made by a newer version.
        """
        project = cls(folder)
        file = project.file
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = lock_within(file.parent / LOCK, LOCK_WITHIN_S)
            if lock is None:
                project._opening_trouble = (
                    f"The project {folder} is open in another window or program; {_KEPT}, or "
                    "until the other is closed and you open it again."
                )
            else:
                project._begin(lock)
        except (OSError, sqlite3.OperationalError) as error:
            project._opening_trouble = _refused(folder, error)
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"The project {file} is damaged ({error}); restore it from a copy or choose "
                "another folder."
            ) from error
        if file.is_file():
            with log_file.reading(file) as database:
                project._salt = log_file.read_salt(database)
                project._infos = {info.key: info for info in log_file.read_stacks(database)}
        return project

    @classmethod
    def look_into(cls, folder: Path) -> Project:
        """A project to read only, whoever else has it open.

        Raises
        ------
        InputError
            If there is none, it is damaged, or it was made by a newer version.
        """
        project = cls(folder, f"The project {folder} was opened for reading; {_KEPT}.")
        with log_file.reading(project.file) as database:
            project._salt = log_file.read_salt(database)
        return project

    @property
    def file(self) -> Path:
        """The log's place."""
        if self.folder is None:
            raise RuntimeError("a project in memory has no file")
        return self.folder / HOME / LOG

    @property
    def trouble(self) -> str:
        """One sentence that says why work is kept in memory only; empty if it is on the disk."""
        if self._writer is not None and self._writer.refusal:
            return _refused(self.folder, self._writer.refusal)
        return self._opening_trouble

    @property
    def unsaved(self) -> int:
        """How many records are in memory only, not counting where the reader was."""
        kept = (item for item in self._in_memory() if isinstance(item, Record))
        return sum(record.kind is not Kind.POSITION for record in kept)

    @property
    def salt(self) -> str:
        """What names of subjects are salted with."""
        return self._salt

    def append(self, record: Record) -> None:
        """Keep a record; it is on the disk within a tenth of a second."""
        self._keep(record)

    def add_stack(self, info: StackInfo) -> None:
        """Keep what is to be known of a stack; a spacing that was given by hand since counts."""
        known = self._infos.get(info.key)
        news = known is None or (info.geometry.spacing_known and info != known)
        if news:
            self._infos[info.key] = info
            self._keep(info)

    def records(self, stack: str | None = None, reader: str | None = None) -> list[Record]:
        """Records in order, of all stacks and readers or of one."""
        found: list[Record] = []
        if self.folder is not None and self.file.is_file():
            self.flush()
            with log_file.reading(self.file) as database:
                found = log_file.read_records(database, stack, reader)
        known = {(record.stack, record.reader, record.number) for record in found}
        return found + [
            item
            for item in self._in_memory()
            if isinstance(item, Record)
            and stack in (None, item.stack)
            and reader in (None, item.reader)
            and (item.stack, item.reader, item.number) not in known
        ]

    def stacks(self) -> list[StackInfo]:
        """The stacks that were ever opened."""
        found: dict[str, StackInfo] = {}
        if self.folder is not None and self.file.is_file():
            self.flush()
            with log_file.reading(self.file) as database:
                found = {info.key: info for info in log_file.read_stacks(database)}
        kept = [item for item in self._in_memory() if isinstance(item, StackInfo)]
        return list((found | {info.key: info for info in kept}).values())

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until all is on the disk; whether it is."""
        if self._writer is not None:
            return self._writer.flush(timeout_s)
        return not self._memory

    def save_elsewhere(self, folder: Path) -> Project:
        """Write everything, what is in memory only too, into a folder without a project.

        Returns
        -------
        Project
            The new one, which goes on from there; this one is left as it is.

        Raises
        ------
        InputError
            If there is a project already or the folder cannot be written to.
        """
        if (folder / HOME / LOG).exists():
            raise InputError(f"{folder} holds a project already; choose another folder.")
        items: list[Item] = [*self.stacks(), *self.records()]
        new = Project.open(folder)
        if new.trouble:
            raise InputError(new.trouble)
        try:
            new._fill(items, self._salt)
        except (sqlite3.Error, OSError) as error:
            new.close()
            raise InputError(_refused(folder, error)) from error
        return new

    def close(self) -> None:
        """Write what waits and let others write."""
        self.told = None
        if self._end is not None:
            self._end()

    def _begin(self, lock: FolderLock) -> None:
        try:
            log_file.prepare(self.file)
        except BaseException:
            lock.release()
            raise
        reference = weakref.ref(self)
        self._writer = LogWriter(self.file, lambda refusal: _tell(reference, refusal))
        # Also at the end of the program; it must not hold on to the project itself.
        self._end = weakref.finalize(self, _finish, self._writer, lock)

    def _fill(self, items: list[Item], salt: str) -> None:
        with closing(log_file.connect(self.file)) as database:
            log_file.write(database, items)
            with database:
                database.execute("UPDATE project SET value = ? WHERE name = 'salt'", (salt,))
        self._salt = salt
        self._infos = {item.key: item for item in items if isinstance(item, StackInfo)}

    def _keep(self, item: Item) -> None:
        if self._writer is None:
            self._memory.append(item)
        else:
            self._writer.put(item)

    def _in_memory(self) -> tuple[Item, ...]:
        return tuple(self._memory) if self._writer is None else self._writer.waiting


def default_folder() -> Path:
    """Where a project lies if the user chose no folder: the system's place for a user's data."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "napari-cmr"


def default_reader() -> str:
    """The name that the computer knows the user by."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without accounts
        return "reader"


def _finish(writer: LogWriter, lock: FolderLock) -> None:
    writer.close()
    lock.release()


def _tell(reference: weakref.ref[Project], _refusal: str) -> None:
    project = reference()
    if project is not None and project.told is not None:
        project.told(project.trouble)


def _refused(folder: Path | None, error: Exception | str) -> str:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"Cannot write to the project {folder} ({reason}); {_KEPT}."
