"""Writes the log in a thread of its own, so that a brush never waits for a disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from napari_cmr.review.log_file import connect, write
from napari_cmr.review.record import Record
from napari_cmr.review.study_key import StackInfo

Item = Record | StackInfo
_RETRY_SECONDS = 5.0
_LOOK_SECONDS = 0.02
"""How often the thread looks while somebody draws: to wake it at each stroke would take the
interpreter from the brush for as long as a switch takes, five milliseconds and more."""
_AWAKE_SECONDS = 3.0


class LogWriter:
    """Takes items at once and writes them, in order, a transaction for all that wait.

    What the disk refuses stays in memory and is tried again.

    Parameters
    ----------
    file
        The log; see `log_file.prepare`.
    told
        Called in the writer's thread with the reason as soon as the disk refuses, and with an
        empty text once it takes everything again.
    """

    def __init__(self, file: Path, told: Callable[[str], None]) -> None:
        self._file = file
        self._told = told
        self._waiting: list[Item] = []
        self._news = threading.Condition()
        self._closing = False
        self._asleep = False
        self.refusal = ""
        """Why the disk does not take what waits; empty if it does."""
        self._thread = threading.Thread(
            target=self._work, name="napari-cmr: writing the log", daemon=True
        )
        self._thread.start()

    def put(self, item: Item) -> None:
        """Have an item written; returns at once."""
        with self._news:
            self._waiting.append(item)
            if self._asleep:
                self._news.notify_all()

    @property
    def waiting(self) -> tuple[Item, ...]:
        """What is not on the disk yet."""
        with self._news:
            return tuple(self._waiting)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until all is on the disk; whether it is, the disk having refused or time passed."""
        with self._news:
            self._news.notify_all()
            self._news.wait_for(lambda: not self._waiting or self.refusal, timeout_s)
            return not self._waiting

    def close(self) -> None:
        """Write what waits and end the thread; what the disk refuses is not waited for."""
        with self._news:
            self._closing = True
            self._news.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        """The thread. A connection belongs to the thread that made it."""
        database: sqlite3.Connection | None = None
        closing = False
        while not closing:
            with self._news:
                self._wait_for_news()
                closing, items = self._closing, tuple(self._waiting)
            try:
                database = database or connect(self._file)
                write(database, items)
            except (sqlite3.Error, OSError) as error:
                self._done(0, str(error))
                self._wait_to_try_again(len(items))
            else:
                self._done(len(items), "")
        if database is not None:
            database.close()

    def _wait_for_news(self) -> None:
        """Look now and then for a while, then sleep until woken."""
        for _ in range(round(_AWAKE_SECONDS / _LOOK_SECONDS)):
            if self._closing or self._waiting:
                return
            self._news.wait(_LOOK_SECONDS)
        self._asleep = True
        self._news.wait_for(lambda: self._closing or self._waiting)
        self._asleep = False

    def _wait_to_try_again(self, known: int) -> None:
        with self._news:
            self._news.wait_for(lambda: self._closing or len(self._waiting) > known, _RETRY_SECONDS)

    def _done(self, count: int, refusal: str) -> None:
        with self._news:
            del self._waiting[:count]
            changed, self.refusal = refusal != self.refusal, refusal
            self._news.notify_all()
        if changed:
            self._told(refusal)
