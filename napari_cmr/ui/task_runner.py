"""Runs the long half of a task in a thread; the window only hears of it through signals."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from qtpy.QtCore import QObject, Signal

from napari_cmr.core import CancelledError, InputError
from napari_cmr.review import Task

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Outcome:
    """How a task ended: with a result, with a sentence for the user, or cancelled (neither)."""

    task: Task[Any]
    result: Any = None
    failure: str | None = None
    was_cancelled: bool = False


class _Job(QObject):
    """One task in its thread, posting news to the thread that made this object.

    It may outlive the window: a thread that ends after the window closed still finds it.
    """

    progressed = Signal(int, int)
    arrived = Signal(object)
    _alive: ClassVar[set[_Job]] = set()

    def __init__(self, task: Task[Any]) -> None:
        super().__init__()
        self.stop = threading.Event()
        self._task = task
        self._alive.add(self)
        self.arrived.connect(self._forget)

    def start(self) -> None:
        threading.Thread(target=self._work, name=f"napari-cmr: {self._task.title}").start()

    def _work(self) -> None:
        """The thread. It computes and posts; it touches neither the window nor the session."""
        self.arrived.emit(self._outcome())

    def _outcome(self) -> _Outcome:
        try:
            return _Outcome(self._task, self._task.run(self.progressed.emit, self.stop.is_set))
        except CancelledError:
            return _Outcome(self._task, was_cancelled=True)
        except InputError as error:
            return _Outcome(self._task, failure=str(error))
        except Exception as error:  # noqa: BLE001  told by kind and place alone
            _logger.error("%s failed: %s", self._task.title, where(error))  # noqa: TRY400
            return _Outcome(self._task, failure=our_fault(error))

    def _forget(self, _outcome: _Outcome) -> None:
        self._alive.discard(self)


class _Running:
    """What a runner runs; stays until Qt has said that the runner is gone.

    A closure would not do: Python's collector may have cleared it when Qt calls, which crashes.
    """

    _kept: ClassVar[set[_Running]] = set()

    def __init__(self) -> None:
        self.jobs: list[_Job] = []
        self._kept.add(self)

    def stop(self) -> None:
        for job in self.jobs:
            job.stop.set()

    def leave(self) -> None:
        self.stop()
        self._kept.discard(self)


class TaskRunner(QObject):
    """One task at a time, with progress and cancel."""

    started = Signal(str)
    progressed = Signal(int, int)
    failed = Signal(str)
    cancelled = Signal()
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._then: Callable[[], None] | None = None
        self._running = _Running()
        self.destroyed.connect(self._running.leave)

    @property
    def busy(self) -> bool:
        """Whether a task is being run."""
        return bool(self._running.jobs)

    def start(self, task: Task[Any], then: Callable[[], None] | None = None) -> None:
        """Run a task in a thread and commit it in this one.

        Parameters
        ----------
        then
            What follows once the task is committed; not after a failure or a cancel.

        Raises
        ------
        InputError
            If another task is being run.
        """
        if self.busy:
            raise InputError("Something else is still being done; wait for it or cancel it.")
        job = _Job(task)
        self._running.jobs.append(job)
        self._then = then
        job.progressed.connect(self.progressed)
        job.arrived.connect(self._arrive)
        self.started.emit(task.title)
        job.start()

    def cancel(self) -> None:
        """Ask the task to stop; it does so at its next step."""
        self._running.stop()

    def _arrive(self, outcome: _Outcome) -> None:
        self._running.jobs.clear()
        then, self._then = self._then, None
        committed = self._commit(outcome)
        self.ended.emit()
        if committed and then is not None:
            then()

    def _commit(self, outcome: _Outcome) -> bool:
        """Whether the session took the result."""
        if outcome.was_cancelled:
            self.cancelled.emit()
        elif outcome.failure is not None:
            self.failed.emit(outcome.failure)
        else:
            try:
                outcome.task.commit(outcome.result)
            except InputError as error:
                self.failed.emit(str(error))
            else:
                return True
        return False


def where(error: Exception) -> str:
    """Kind and places of an error for the log; its own words could identify a person."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(f.filename).name}:{f.lineno} in {f.name}" for f in frames]
    return ", ".join([type(error).__name__, *places])


def our_fault(error: Exception) -> str:
    """A sentence for an error that is not the user's."""
    kind = type(error).__name__
    return f"This went wrong and should not have ({kind}). The log has the details for a report."
