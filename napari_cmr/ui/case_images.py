"""Keeps the images of what a reader corrected, so that it can be learnt from later."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from napari_cmr.core import Cancel, InputError, Progress
from napari_cmr.review import Reading, ReviewSession, Task
from napari_cmr.review.cases import keep_case, worth_keeping


class CaseImages:
    """Keeps a stack's images once: after a pause in correcting, on going on, or at the end.

    Parameters
    ----------
    session
        What is reviewed.
    later
        Runs a task in a thread.
    """

    def __init__(self, session: ReviewSession, later: Callable[[Task[bool]], None]) -> None:
        self._session, self._later = session, later
        self._kept: set[tuple[Path, str]] = set()
        self._touched: Reading | None = None

    def touch(self) -> None:
        """The open stack was corrected or judged."""
        self._touched = self._session.reading

    def keep(self) -> None:
        """Keep those of the stack that was corrected last, and of the open one."""
        found = {id(r): r for r in (self._touched, self._session.reading) if r is not None}
        for reading in found.values():
            self._keep_one(reading)

    def leave(self) -> None:
        """Another stack is opened: who goes on at once is as sure as who waits."""
        if self._touched is not None:
            self._keep_one(self._touched)
        self._touched = None

    def close(self) -> None:
        """Keep at once what no thread will keep any more."""
        reading, self._touched = self._touched, None
        if reading is not None and self._case_of(reading) is not None and worth_keeping(reading):
            with suppress(InputError, OSError):  # nobody is left to be told; opening it keeps them
                keep_case(self._session.project, reading)

    def forget(self) -> None:
        """The kept ones were taken away."""
        self._kept.clear()

    def _case_of(self, reading: Reading) -> tuple[Path, str] | None:
        """Project and stack; None where there is nothing to be done."""
        folder = self._session.project.folder
        if folder is None or (folder, reading.key) in self._kept:
            return None
        return folder, reading.key

    def _keep_one(self, reading: Reading) -> None:
        project, case = self._session.project, self._case_of(reading)
        if case is None:
            return

        def run(_progress: Progress | None, _cancel: Cancel | None) -> bool:
            worth = worth_keeping(reading)
            if worth:
                keep_case(project, reading)
            return worth

        def commit(kept: bool) -> None:
            if kept:
                self._kept.add(case)

        self._later(Task("Keeping images", run, commit))
