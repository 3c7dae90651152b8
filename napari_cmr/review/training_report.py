"""What a training process tells of itself, and where it hears that it should wait or stop."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from napari_cmr.core import CancelledError, InputError
from napari_cmr.nets.segmenter_tasks import CINE
from napari_cmr.review.lock import FolderLock, lock_within
from napari_cmr.review.training_status import (
    CURVE,
    LOCK,
    PAUSE,
    STOP,
    STOPPED_WORDS,
    JobState,
    JobStatus,
    check_folder,
    read_plan,
    read_rates,
    read_status,
    write_rates,
    write_status,
)

EVERY_S = 0.2
"""Between two statuses."""
WAIT_S = 0.1
LOCK_WITHIN_S = 5.0
"""Others look for an instant whether the lock is free."""


class TrainingReport:
    """Writes status and curve into a folder; ``cancelled`` waits while there is a file ``pause``.

    It is what :class:`napari_cmr.learn.tiers.Watch` asks for.
    """

    def __init__(self, folder: Path, tier: str, task: str = CINE) -> None:
        self.folder = folder
        self._expected = read_plan(folder)
        self._status = JobStatus(JobState.RUNNING, tier=tier, task=task)
        asked = read_status(folder)  # of the process that started this one
        before = max(time.time() - asked.at, 0.0) if asked.state is JobState.STARTING else 0.0
        self._stage_begun = time.monotonic()
        self._begun = self._stage_begun - before
        self._paused_s = 0.0
        self._stage_paused_s = 0.0
        self._written = 0.0
        self._seconds: dict[str, float] = {}
        self._curve: IO[str] = (folder / CURVE).open("w", encoding="utf-8")
        self._tell()

    def runs_on(self, device: str) -> None:
        """What the networks run on, in words."""
        self._tell(device=device)

    def stage(self, name: str, of: int = 0) -> None:
        """A stage of so many parts begins."""
        self._end_stage()
        self._stage_begun, self._stage_paused_s = time.monotonic(), 0.0
        self._tell(stage=name, done=0, of=of)

    def part(self, done: int) -> None:
        """So many parts of the stage are done."""
        self._tell(now=False, done=done)

    def step(self, done: int, loss: float) -> None:
        """So many steps of the training are done, the last with this loss."""
        self._curve.write(json.dumps(["loss", done, loss]) + "\n")
        self._tell(now=False, done=done)

    def score(self, step: int, dice: float) -> None:
        """Mean Dice on the held-out cases after so many steps."""
        self._curve.write(json.dumps(["dice", step, dice]) + "\n")
        self._tell()

    def cancelled(self) -> bool:
        """Whether the training should stop; while it should pause this does not come back."""
        paused = False
        while (self.folder / PAUSE).exists() and not (self.folder / STOP).exists():
            begun = time.monotonic()
            if not paused:
                self._tell(state=JobState.PAUSED)
                paused = True
            time.sleep(WAIT_S)
            self._paused_s += time.monotonic() - begun
            self._stage_paused_s += time.monotonic() - begun
        if paused:
            self._tell(state=JobState.RUNNING)
        return (self.folder / STOP).exists()

    def end(
        self,
        state: JobState,
        sentence: str,
        *,
        version: str = "",
        parent: str = "",
        activated: bool = False,
    ) -> None:
        """Say what came of it; nothing is told afterwards."""
        self._end_stage()
        self._tell(
            state=state,
            sentence=sentence,
            remaining_s=None,
            version=version,
            parent=parent,
            activated=activated,
        )
        self._curve.close()
        if state is JobState.DONE:
            write_rates(self.folder, read_rates(self.folder) | self._seconds)

    def close(self) -> None:
        """Let go of the files."""
        self._curve.close()

    @property
    def _stage_name(self) -> str:
        """The stage for its rate: a step of one tier takes longer than one of another."""
        stage = self._status.stage
        return f"{stage} {self._status.tier}" if stage == "training" else stage

    def _end_stage(self) -> None:
        parts = max(self._status.of, 1)
        if self._status.stage and self._status.done >= self._status.of:
            self._seconds[self._stage_name] = self._in_stage() / parts

    def _in_stage(self) -> float:
        return time.monotonic() - self._stage_begun - self._stage_paused_s

    def _tell(self, *, now: bool = True, **news: object) -> None:
        elapsed = time.monotonic() - self._begun - self._paused_s
        told = {"elapsed_s": elapsed, "at": time.time(), **news}
        self._status = replace(self._status, **told)  # type: ignore[arg-type]
        if "remaining_s" not in news:
            self._status = replace(self._status, remaining_s=self._remaining())
        if now or time.monotonic() - self._written > EVERY_S:
            self._curve.flush()
            write_status(self.folder, self._status)
            self._written = time.monotonic()

    def _remaining(self) -> float | None:
        """Of this stage by its own pace, of those to come as expected."""
        stages = list(self._expected)
        stage, done, of = self._status.stage, self._status.done, self._status.of
        if stage not in stages:
            return sum(self._expected.values()) or None
        later = sum(self._expected[name] for name in stages[stages.index(stage) + 1 :])
        if 0 < done <= of:
            return later + self._in_stage() / done * (of - done)
        return later + max(self._expected[stage] - self._in_stage(), 0.0)


@contextmanager
def reporting(folder: Path, tier: str, task: str = CINE) -> Iterator[TrainingReport]:
    """Report a training of this process, and say how it ended.

    Raises
    ------
    InputError
        If another training of this folder is running.
    """
    check_folder(folder)
    lock = _locked(folder)
    try:
        report = TrainingReport(folder, tier, task)
        try:
            yield report
        except CancelledError:
            report.end(JobState.STOPPED, STOPPED_WORDS)
            raise
        except InputError as error:
            report.end(JobState.FAILED, str(error))
            raise
        except Exception as error:
            report.end(
                JobState.FAILED,
                f"This went wrong and should not have ({type(error).__name__}); the version in "
                "use is as it was.",
            )
            raise
        finally:
            report.close()
    finally:
        lock.release()


def _locked(folder: Path) -> FolderLock:
    lock = lock_within(folder / LOCK, LOCK_WITHIN_S)
    if lock is None:
        raise InputError("A training of this project is running already; stop it or wait for it.")
    return lock
