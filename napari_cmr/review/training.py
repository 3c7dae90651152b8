"""The fine-tune button without a button: what there is to learn, and a process that learns."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from napari_cmr.core import InputError, replacing
from napari_cmr.nets.segmenter_tasks import CINE
from napari_cmr.review.cases import Material, what_can_be_learned, write_training_cases
from napari_cmr.review.lock import FolderLock
from napari_cmr.review.project import HOME, Project
from napari_cmr.review.training_status import (
    CURVE,
    LOCK,
    LOG,
    PAUSE,
    SEEN,
    STATUS,
    STOP,
    STOPPED_WORDS,
    Curve,
    JobState,
    JobStatus,
    check_folder,
    read_curve,
    read_rates,
    read_status,
    write_plan,
    write_status,
)

TRAINING = "training"
TIERS = ("auto", "head", "lora", "full")
STARTS_WITHIN_S = 120.0
"""A process that has not said a word for so long did not start."""
ENDS_WITHIN_S = 60.0
POLITE = 10
"""How much a training steps back behind a window that wants the same core (nice)."""
SUBJECTS_TO_CHOOSE, FOLDS, TRIALS, FEWEST, ONE_IN = 2, 3, 3, 3, 5
STEPS = {"head": 200, "lora": 200, "full": 400}
RATES = {
    "reading": 6.0,  # imports
    "asking": 1.3,  # a phase of ten slices, four views each
    "training head": 0.02,
    "training lora": 1.3,
    "training full": 1.4,
    "judging": 2.4,
    "choosing": 32.0,
}
"""Seconds a part of each stage before a project has measured its own; docs/versions.md."""


def threads() -> int:
    """Cores that a training may take: all but the one that the window draws with."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, cores - 1)


def expected_seconds(
    material: Material, tier: str, rates: dict[str, float] | None = None
) -> dict[str, float]:
    """Seconds that each stage of a training is expected to take, in their order.

    Parameters
    ----------
    tier
        For ``auto`` that of the tier ``head`` with the choice before it, which is the least.
    rates
        Seconds a part as this project measured them; those of one x86-64 core where it has not.
    """
    rates = RATES | (rates or {})
    held = material.subjects // ONE_IN
    plan = {"reading": rates["reading"]}
    if tier == "auto" and material.subjects - held >= SUBJECTS_TO_CHOOSE:
        folds = min(FOLDS, material.subjects - held)
        plan["choosing"] = rates["choosing"] * folds * TRIALS
    name = "head" if tier == "auto" else tier
    training = rates[f"training {name}"] * STEPS[name]
    asking = rates["asking"] * material.phases if name == "head" else 0.0
    if name == "head":
        plan["asking"] = asking
    plan["training"] = training
    if held:
        plan["judging"] = rates["judging"] * held
    elif material.subjects >= FEWEST:
        plan["judging"] = (rates["judging"] + training) * material.subjects
    return plan


class TrainingJob:
    """The one training of a project at a time, in a process that outlives the window.

    What it tells lies in files, so any process finds it again: a window that was closed and
    opened, or the terminal.

    Parameters
    ----------
    folder
        The project's folder.
    """

    _own: ClassVar[dict[Path, subprocess.Popen[bytes]]] = {}

    def __init__(self, folder: Path) -> None:
        self.project = folder
        self.folder = folder / HOME / TRAINING

    def start(
        self,
        project: Project,
        reader: str,
        *,
        tier: str = "auto",
        steps: int | None = None,
        seed: int = 0,
        start: str | Path | None = None,
        task: str = CINE,
    ) -> Material:
        """Write what was corrected and start a process that learns from it.

        Parameters
        ----------
        task
            What the new version is for; corrections of other tasks' stacks wait.
        tier
            ``auto``, ``head``, ``lora`` or ``full``.
        start
            The model that a project without versions begins with; the shelf's best if None.

        Raises
        ------
        InputError
            If a training is running, nothing was corrected, or a folder cannot be written to.
        """
        if tier not in TIERS:
            raise InputError(f"There is no tier '{tier}'; there are {', '.join(TIERS)}.")
        if self.status().state.active:
            raise InputError("A training of this project is running already; stop it or wait.")
        material = what_can_be_learned(project, reader, task)
        manifest = write_training_cases(project, reader, self.folder, task)
        check_folder(self.folder)
        for name in (CURVE, PAUSE, STOP, SEEN, STATUS):
            (self.folder / name).unlink(missing_ok=True)
        write_plan(self.folder, expected_seconds(material, tier, read_rates(self.folder)))
        starting = JobStatus(JobState.STARTING, tier=tier, at=time.time(), task=task)
        write_status(self.folder, starting)
        arguments = ["--project", str(self.project), "--manifest", str(manifest)]
        arguments += ["--tier", tier, "--seed", str(seed), "--threads", str(threads())]
        arguments += ["--job", str(self.folder), "--task", task]
        arguments += [] if steps is None else ["--steps", str(steps)]
        arguments += [] if start is None else ["--start", str(start)]
        self._launch([sys.executable, "-m", "napari_cmr", "retrain", *arguments])
        return material

    def status(self) -> JobStatus:
        """How far it is by now; a process that ended without a word is `JobState.LOST`."""
        status = read_status(self.folder)
        if not status.state.active:
            return status
        if self._alive(status):
            return _by_now(status)
        latest = read_status(self.folder)  # it may have ended in between
        if not latest.state.active:
            return latest
        lost = JobStatus(
            JobState.LOST,
            tier=status.tier,
            stage=status.stage,
            elapsed_s=status.elapsed_s,
            device=status.device,
            task=status.task,
            sentence="The training ended without a word, as when the computer is switched off"
            f"{self._last_words()}. The version in use is as it was; start it again.",
        )
        with suppress(InputError):  # where nothing can be written it is found out again
            write_status(self.folder, lost)
        return lost

    def curve(self) -> Curve:
        """Loss and held-out Dice so far."""
        return read_curve(self.folder)

    def pause(self) -> None:
        """Let it wait after the step it is at."""
        if self.status().state.active:
            self._flag(PAUSE)

    def resume(self) -> None:
        """Let it go on."""
        (self.folder / PAUSE).unlink(missing_ok=True)

    @property
    def pausing(self) -> bool:
        """Whether it was asked to wait."""
        return (self.folder / PAUSE).exists()

    def stop(self) -> None:
        """Ask it to end after the step it is at; nothing becomes of it.

        One that this process started and that has not begun to read is ended at once.
        """
        status = self.status()
        if not status.state.active:
            return
        self._flag(STOP)
        own = self._own.get(self.folder)
        if own is None or status.stage:
            return
        own.kill()  # it is importing, which hears no flag, and has written no version
        self._see_off()
        latest = read_status(self.folder)
        if latest.state.active:
            stopped = replace(_by_now(latest), state=JobState.STOPPED, sentence=STOPPED_WORDS)
            write_status(self.folder, replace(stopped, remaining_s=None))

    @property
    def stopping(self) -> bool:
        """Whether it was asked to end."""
        return (self.folder / STOP).exists()

    @property
    def decided(self) -> bool:
        """Whether somebody said what is to become of the new version."""
        return (self.folder / SEEN).exists()

    def decide(self) -> None:
        """Note that somebody did."""
        self._flag(SEEN)

    def _flag(self, name: str) -> None:
        with replacing(self.folder / name) as part:
            part.touch()

    def _launch(self, command: list[str]) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads()), "PYTHONUNBUFFERED": "1"}
        self._see_off()
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.BELOW_NORMAL_PRIORITY_CLASS | subprocess.CREATE_NEW_PROCESS_GROUP
        with (self.folder / LOG).open("wb") as log:
            # A session of its own: neither the window's end nor Ctrl-C in its terminal ends it.
            process = subprocess.Popen(  # noqa: S603  our own program
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                creationflags=flags,
            )
        self._own[self.folder] = process
        if hasattr(os, "setpriority"):
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(0, 0) + POLITE)

    def _see_off(self) -> None:
        """Wait for the process before this one, which has told of its end already."""
        before = self._own.pop(self.folder, None)
        if before is not None:
            with suppress(subprocess.TimeoutExpired):
                before.wait(ENDS_WITHIN_S)

    def _alive(self, status: JobStatus) -> bool:
        own = self._own.get(self.folder)
        if own is not None and own.poll() is not None:
            del self._own[self.folder]
            return False
        if own is not None:
            return True
        if (self.folder / LOCK).is_file():
            lock = FolderLock(self.folder / LOCK)
            free = lock.held
            lock.release()
            if not free:
                return True
        return status.state is JobState.STARTING and time.time() - status.at < STARTS_WITHIN_S

    def _last_words(self) -> str:
        try:
            words = (self.folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return ""
        said = [line for line in words if line.startswith("napari-cmr: ")]
        return f" ({said[-1].removeprefix('napari-cmr: ').rstrip('.')})" if said else ""


def _by_now(status: JobStatus) -> JobStatus:
    """Count on from where a status was written: who imports or computes a step writes none."""
    if status.state is JobState.PAUSED:
        return status
    now = time.time()
    return replace(status, elapsed_s=status.elapsed_s + max(now - status.at, 0.0), at=now)
