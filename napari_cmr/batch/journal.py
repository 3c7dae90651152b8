"""What is done already: an append-only file that survives any end, and who may write to it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from napari_cmr.batch.row import Row
from napari_cmr.core import InputError

JOURNAL, LOCK = "journal.jsonl", ".lock"


class Journal:
    """The rows done so far, one line each after a first line that says how they were made.

    A line is on the disk before the row counts as done. A line that a sudden end cut short is
    dropped on opening; of two lines of one study the later counts.
    """

    def __init__(self, file: FileIO, rows: dict[str, Row]) -> None:
        self._file = file
        self._rows = rows

    @property
    def rows(self) -> Mapping[str, Row]:
        """Rows by the study's path."""
        return self._rows

    def append(self, row: Row) -> None:
        """Note that a study is done.

        Raises
        ------
        InputError
            If the disk does not take it.
        """
        _write_line(self._file, row.as_dict())
        self._rows[row.path] = row


@contextmanager
def opened_journal(folder: Path, made_how: Mapping[str, Any]) -> Iterator[Journal]:
    """Open the journal in a folder, which no other process may do meanwhile.

    Parameters
    ----------
    made_how
        Plain values that rows of one table must share: model, source folder and so on.

    Raises
    ------
    InputError
        If another process has it, it was begun with other settings, is damaged, or cannot be
        written to.
    """
    with ExitStack() as open_files:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Unbuffered, so that what a full disk refused is not tried again on closing.
            lock, file = (
                open_files.enter_context((folder / name).open("a+b", buffering=0))
                for name in (LOCK, JOURNAL)
            )
        except OSError as error:
            raise unwritable(folder, _words(error)) from error
        if not _locked(lock):
            raise InputError(
                f"Another process is at work on {folder}; wait for it or choose another --out."
            )
        yield Journal(file, _read(file, folder, made_how))


def _read(file: FileIO, folder: Path, made_how: Mapping[str, Any]) -> dict[str, Row]:
    file.seek(0)
    content = file.read()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        file.truncate(len(whole))
    if not whole:
        _write_line(file, dict(made_how))
        return {}
    try:
        first, *others = [json.loads(line) for line in whole.splitlines()]
        rows = [Row.from_dict(columns) for columns in others]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / JOURNAL} is damaged; choose another --out.") from error
    _check_same(first, made_how, folder)
    return {row.path: row for row in rows}


def _check_same(then: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    now = json.loads(json.dumps(dict(now)))
    for name in now:
        if then.get(name) != now[name]:
            raise InputError(
                f"{folder} was begun with another {name} ({then.get(name)}, now {now[name]}); "
                "go on as it was begun, or choose another --out."
            )


def _write_line(file: FileIO, content: Mapping[str, Any]) -> None:
    line = json.dumps(content, allow_nan=False).encode() + b"\n"
    try:
        while line:
            line = line[file.write(line) :]
        os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(Path(str(file.name)).parent, _words(error)) from error


def unwritable(folder: Path, reason: str) -> InputError:
    """That results cannot be written there, and how to go on."""
    return InputError(
        f"Cannot write to {folder} ({reason}); make room or choose another --out, and run it again."
    )


def _words(error: OSError) -> str:
    return error.strerror or str(error)


def _locked(lock: FileIO) -> bool:
    """Take the lock, which ends with the process, however that ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
