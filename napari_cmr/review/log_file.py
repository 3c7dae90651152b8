"""The log on the disk: an SQLite file that only grows."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from napari_cmr.core import InputError
from napari_cmr.review.record import Box, Kind, Patch, Record
from napari_cmr.review.study_key import StackInfo

FORMAT = 4
"""2 since starts from given labels and marked slices are logged, 3 since remote walls are, 4 since
undo takes those back; older ones are read as they are."""
_TABLES = """
CREATE TABLE IF NOT EXISTS project (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS stack (key TEXT PRIMARY KEY, info TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS log (
  id INTEGER PRIMARY KEY,
  stack TEXT NOT NULL,
  reader TEXT NOT NULL,
  number INTEGER NOT NULL,
  at TEXT NOT NULL,
  kind TEXT NOT NULL,
  model TEXT NOT NULL,
  box TEXT,
  before BLOB,
  after BLOB,
  body TEXT NOT NULL,
  UNIQUE (stack, reader, number)
);
CREATE TRIGGER IF NOT EXISTS log_is_not_rewritten BEFORE UPDATE ON log
  BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
CREATE TRIGGER IF NOT EXISTS log_is_not_shortened BEFORE DELETE ON log
  BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
"""
_COLUMNS = "stack, reader, number, at, kind, model, box, before, after, body"


def prepare(file: Path) -> None:
    """Make the file where there is none, for its owner only, and see that it can be written to.

    Raises
    ------
    OSError, sqlite3.Error
        If it cannot be made or written to.
    InputError
        If it was made by a newer version.
    """
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    with closing(connect(file)) as database, database:
        _check_format(database, file)
        database.executescript("BEGIN IMMEDIATE;" + _TABLES + "COMMIT;")
        database.executemany(
            "INSERT OR IGNORE INTO project VALUES (?, ?)",
            [("format", str(FORMAT)), ("salt", secrets.token_hex(16))],
        )
        database.execute("UPDATE project SET value = ? WHERE name = 'format'", (str(FORMAT),))


def connect(file: Path) -> sqlite3.Connection:
    """Open the file for writing; what is committed survives the end of the process."""
    database = sqlite3.connect(file, timeout=5.0)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    return database


@contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """Open the file for reading; it may lie where nothing can be written.

    Raises
    ------
    InputError
        If it is not there, is damaged, or was made by a newer version.
    """
    if not file.is_file():
        raise InputError(f"There is no project in {file.parent.parent}; name a project's folder.")
    try:
        with closing(_connect_to_read(file)) as database:
            _check_format(database, file)
            yield database
    except sqlite3.DatabaseError as error:
        raise InputError(
            f"The project {file} cannot be read ({error}); restore it from a copy or choose "
            "another folder."
        ) from error


def write(database: sqlite3.Connection, items: Iterable[Record | StackInfo]) -> None:
    """Write records and stacks in one transaction."""
    with database:
        for item in items:
            if isinstance(item, StackInfo):
                database.execute("INSERT OR REPLACE INTO stack VALUES (?, ?)", _stack_row(item))
            else:
                database.execute(
                    f"INSERT INTO log ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
                    _row(item),
                )


def read_records(
    database: sqlite3.Connection, stack: str | None = None, reader: str | None = None
) -> list[Record]:
    """Records in the order in which they were written, of all stacks and readers or of one."""
    found = database.execute(
        f"SELECT {_COLUMNS} FROM log WHERE (?1 IS NULL OR stack = ?1)"  # noqa: S608
        " AND (?2 IS NULL OR reader = ?2) ORDER BY id",
        (stack, reader),
    )
    return [_record(row) for row in found]


def read_stacks(database: sqlite3.Connection) -> list[StackInfo]:
    """The stacks that were ever opened."""
    found = database.execute("SELECT info FROM stack ORDER BY rowid")
    return [StackInfo.from_dict(json.loads(info)) for (info,) in found]


def read_salt(database: sqlite3.Connection) -> str:
    """What the project's names of subjects are salted with."""
    ((salt,),) = database.execute("SELECT value FROM project WHERE name = 'salt'")
    return str(salt)


def _connect_to_read(file: Path) -> sqlite3.Connection:
    address = file.absolute().as_uri()
    database = sqlite3.connect(f"{address}?mode=ro", uri=True)
    try:
        database.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        # A log in WAL mode wants to make files beside itself. Where none can be made nobody
        # writes, and it can be read as it lies there.
        database.close()
        database = sqlite3.connect(f"{address}?mode=ro&immutable=1", uri=True)
    return database


def _check_format(database: sqlite3.Connection, file: Path) -> None:
    known = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'project'").fetchone()
    found = known and database.execute("SELECT value FROM project WHERE name = 'format'").fetchone()
    if found and int(found[0]) > FORMAT:
        raise InputError(
            f"The project {file} was made by a newer version of napari-cmr; install that one."
        )


def _stack_row(info: StackInfo) -> tuple[str, str]:
    return info.key, json.dumps(info.as_dict(), allow_nan=False)


def _row(record: Record) -> tuple[Any, ...]:
    patch = record.patch
    before, after = (None, None) if patch is None else patch.packed()
    return (
        record.stack,
        record.reader,
        record.number,
        record.at,
        record.kind.value,
        record.model,
        None if patch is None else json.dumps(patch.box),
        before,
        after,
        json.dumps(record.body, allow_nan=False),
    )


def _record(row: tuple[Any, ...]) -> Record:
    stack, reader, number, at, kind, model, box, before, after, body = row
    try:
        patch = None if box is None else Patch(_box(json.loads(box)), before, after)
        return Record(stack, reader, number, at, Kind(kind), model, patch, json.loads(body))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"The project's log is damaged at change {number}; restore the project from a copy."
        ) from error


def _box(ends: list[list[int]]) -> Box:
    t, z, y, x = ((int(start), int(stop)) for start, stop in ends)
    return t, z, y, x
