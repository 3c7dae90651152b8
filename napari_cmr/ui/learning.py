"""Carries what the tab Learn wants to the project's training, and what comes of it back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from qtpy.QtCore import QObject, QTimer

from napari_cmr.core import Cancel, InputError, Progress
from napari_cmr.nets.segmenter_tasks import CINE, taught_task, title_of
from napari_cmr.review import (
    Corrected,
    Event,
    Judged,
    ProjectChosen,
    ReviewSession,
    StackChosen,
    StudyOpened,
    Task,
    Undone,
)
from napari_cmr.review.before_after import BeforeAfter, comparing
from napari_cmr.review.cases import Material, taught_tasks, what_can_be_learned
from napari_cmr.review.learned import (
    activating,
    clearing_cache,
    disk_use,
    forgetting_images,
    handing_over,
    on_holdout,
    removing,
    taking_in,
    version_lines,
    versions_of,
)
from napari_cmr.review.training import TrainingJob, expected_seconds, threads
from napari_cmr.review.training_status import JobState, JobStatus, read_rates
from napari_cmr.ui.case_images import CaseImages
from napari_cmr.ui.comparison_layers import ComparisonLayers
from napari_cmr.ui.learn_panel import LearnPanel
from napari_cmr.ui.live_drafts import LiveMode
from napari_cmr.ui.outcome_panel import OutcomePanel
from napari_cmr.ui.stage import Stage
from napari_cmr.ui.task_runner import TaskRunner
from napari_cmr.ui.versions_panel import VersionsPanel

POLL_MS = 400
COUNT_MS = 800
"""A pause in correcting after which is counted what there is to learn."""


class Panels(Protocol):
    """Where learning is drawn."""

    learn: LearnPanel
    outcome: OutcomePanel
    versions: VersionsPanel

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Show one sentence; an empty one takes the last away."""


class Learning:
    """Connects the tab Learn with the session's project.

    Parameters
    ----------
    viewer
        The napari viewer.
    session, stage, panels
        What is reviewed, where it is drawn, and where it is said.
    parent
        What timers and threads end with.
    """

    def __init__(
        self, viewer: Any, session: ReviewSession, stage: Stage, panels: Panels, parent: QObject
    ) -> None:
        self._session, self._stage, self._panels = session, stage, panels
        self.runner = TaskRunner(parent)
        self._waiting: deque[tuple[Task[Any], Callable[[], None] | None]] = deque()
        self.comparison = ComparisonLayers(viewer, stage)
        self.live = LiveMode(viewer, session, stage, panels, parent)
        self._material = Material()
        self._was_active = False
        self._stop_wanted = False
        self._images = CaseImages(session, self._later)
        self._poll = QTimer(parent)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self.look)
        self._count = QTimer(parent)
        self._count.setSingleShot(True)
        self._count.setInterval(COUNT_MS)
        self._count.timeout.connect(self._after_pause)
        self.runner.failed.connect(lambda sentence: panels.say(sentence, error=True))
        self.runner.failed.connect(self.look)  # what did not start is not starting
        self.runner.ended.connect(self._next)
        session.changed.connect(self._on_changed)
        self._connect()
        self._meet_project()

    def close(self) -> None:
        """Let go of the session; a training goes on by itself and is found again."""
        # Timers and threads end with their parent, which may be gone by now.
        self._session.changed.disconnect(self._on_changed)
        self._waiting.clear()
        self._images.close()
        self.live.close()

    @property
    def job(self) -> TrainingJob | None:
        """The project's training; None where the project is in memory only."""
        folder = self._session.project.folder
        return None if folder is None else TrainingJob(folder)

    @property
    def busy(self) -> bool:
        """Whether anything is still being done in the background of the window."""
        return self.runner.busy or bool(self._waiting) or self.live.busy or self._count.isActive()

    @property
    def task(self) -> str:
        """What the button learns: the open study's task, else the one that was counted for."""
        return self._task_of_open or self._material.task

    @property
    def _task_of_open(self) -> str | None:
        reading = self._session.reading
        return None if reading is None else taught_task(reading.stack)

    def learn(self, tier: str, **more: Any) -> None:
        """Start a training in a process of its own, for the task of the open study."""
        job, session = self.job, self._session
        if job is None:
            self._panels.say(_IN_MEMORY, error=True)
            return
        self._panels.outcome.hide()
        self.comparison.clear()
        self._stop_wanted = False
        task = self.task
        self._panels.learn.show_status(JobStatus(JobState.STARTING, tier=tier, task=task))

        def run(_progress: Progress | None, _cancel: Cancel | None) -> None:
            job.start(session.project, session.reader, tier=tier, task=task, **more)

        self._later(Task("Starting", run, lambda _: None), self._started)

    def stop(self) -> None:
        """End the training; one that is still being started ends once it is."""
        self._stop_wanted = True
        if self._status().state.active:
            self._tell_job(TrainingJob.stop)
        else:
            self._panels.learn.show_status(JobStatus(JobState.STARTING), stopping=True)

    def _started(self) -> None:
        if self._stop_wanted:
            self._tell_job(TrainingJob.stop)
        else:
            self.look()

    def look(self, _: str = "") -> None:
        """Draw how far the training is, and what came of it."""
        job = self.job
        if job is None:
            self._poll.stop()
            self._panels.learn.show_status(JobStatus())
            return
        status = job.status()
        active = status.state.active
        self._panels.learn.show_status(status, stopping=job.stopping, pausing=job.pausing)
        self._panels.learn.show_curve(job.curve())
        if active and not self._poll.isActive():
            self._poll.start()
        if not active:
            self._poll.stop()
            if status.state is not JobState.NONE and not job.decided:
                self._show_end(status)
            if self._was_active:
                self.refresh()
        self._was_active = active

    def refresh(self) -> None:
        """Count what there is to learn, and list the versions, in a thread."""
        session, project = self._session, self._session.project
        if project.folder is None:
            self._panels.learn.show_material(Material(), 0.0)
            self._panels.learn.show_device(_IN_MEMORY)
            self._panels.versions.show_versions(())
            return
        reader, task = session.reader, self._task_of_open

        def run(_progress: Progress | None, _cancel: Cancel | None) -> tuple[Any, ...]:
            meant = task or next(iter(taught_tasks(project, reader)), CINE)
            return (
                what_can_be_learned(project, reader, meant),
                version_lines(project),
                disk_use(project),
            )

        def commit(found: tuple[Any, ...]) -> None:
            if self._session.project is project:
                self._material, lines, use = found
                self._show_expected()
                self._panels.versions.show_versions(lines)
                self._panels.versions.show_disk(use)

        self._later(Task("Counting", run, commit))

    def _after_pause(self) -> None:
        """Keep the images of what was corrected; count only while somebody looks."""
        self._images.keep()
        if self._panels.learn.isVisible():
            self.refresh()

    def keep(self) -> None:
        """Use the new version, whatever the gate said."""
        status = self._status()
        why = "kept by the reader, who saw before and after"
        self._decide(status.version, why, f"{status.version} is in use.")

    def go_back(self) -> None:
        """Use the version that the new one came from."""
        status = self._status()
        told = f"{status.parent} is in use; {status.version} stays in the list."
        self._decide(status.parent, f"went back from {status.version}", told)

    def dismiss(self) -> None:
        """Take note of a training that brought no version."""
        self._decide("", "", "")

    def _status(self) -> JobStatus:
        return JobStatus() if self.job is None else self.job.status()

    def _decide(self, version: str, why: str, sentence: str) -> None:
        """Use a version if another is used, and note that somebody decided."""
        self.runner.cancel()  # a comparison that still goes on
        self.comparison.clear()
        self._panels.outcome.hide()
        try:
            if self.job is not None:
                self.job.decide()
            task = self._status().task
            if version and self._used(task) != version:
                self._do(lambda: activating(self._session.project, version, why, task), sentence)
            else:
                self._panels.say(sentence)
        except InputError as error:
            self._panels.say(str(error), error=True)

    def _used(self, task: str) -> str:
        """The version in use for a task."""
        store = versions_of(self._session.project, task)
        return "" if store is None else store.in_use()

    def _show_end(self, status: JobStatus) -> None:
        if status.state is not JobState.DONE:
            self._panels.outcome.show_end(status)
            return
        try:
            holdout = on_holdout(self._session.project, status.version, status.task)
            used = self._used(status.task)
        except InputError as error:  # the version was removed, or its record is damaged
            self._panels.say(str(error), error=True)
            return
        self._panels.outcome.show_outcome(status, holdout, used)
        self._compare(status)

    def _compare_anew(self) -> None:
        """Compare on the case that was opened now, while a new version waits for a decision."""
        status = self._status()
        undecided = not self._panels.outcome.isHidden() and status.state is JobState.DONE
        if undecided:
            self.runner.cancel()
            self._compare(status)

    def _compare(self, status: JobStatus) -> None:
        """Run both versions on the open case, in a thread."""
        session = self._session
        reading, catalogue = session.reading, session.catalogue
        store = versions_of(session.project, status.task)
        if reading is None or store is None or catalogue is None:
            self._panels.outcome.show_open_case(None, "Open a study to see both versions on it.")
            return
        if taught_task(reading.stack) != status.task:
            title = title_of(status.task)
            self._panels.outcome.show_open_case(
                None, f"The versions are for {title}; open such a stack to see both on it."
            )
            return
        self._panels.outcome.show_open_case(None, _COMPARING)
        task = comparing(store, status.parent, status.version, reading, self._stage.phase)

        def commit(compared: BeforeAfter) -> None:
            if self._session.reading is reading and not self._panels.outcome.isHidden():
                self.comparison.take(compared, catalogue, reading.stack)
                self._panels.outcome.show_open_case(compared)

        self._later(Task(task.title, task.run, commit))

    def _show_expected(self) -> None:
        job = self.job
        rates = {} if job is None else read_rates(job.folder)
        plan = expected_seconds(self._material, self._panels.learn.chosen_tier, rates)
        self._panels.learn.show_material(self._material, sum(plan.values()))

    def _on_changed(self, event: Event) -> None:
        match event:
            case Corrected() | Judged() | Undone():
                self._images.touch()
                self._count.start()
            case StackChosen() | StudyOpened():
                self._images.leave()
                self.comparison.clear()
                self._count.start()
                self._compare_anew()
            case ProjectChosen():
                self._meet_project()
        self.live.on_changed(event)

    def _meet_project(self) -> None:
        """Find what the project has: a training that goes on or ended, its versions."""
        self._was_active = False
        self.comparison.clear()
        self._panels.outcome.hide()
        self._panels.learn.show_device(
            f"Runs on the GPU where there is one, else on {threads()} of this computer's cores, "
            "behind the window."
        )
        self._count.start()
        self.look()

    def _connect(self) -> None:
        learn, outcome, versions = self._panels.learn, self._panels.outcome, self._panels.versions
        learn.learn_wanted.connect(lambda tier: self.learn(tier))
        learn.shown.connect(self._after_pause)
        learn.tier_chosen.connect(lambda _: self._show_expected())
        learn.pause_wanted.connect(lambda: self._tell_job(TrainingJob.pause))
        learn.resume_wanted.connect(lambda: self._tell_job(TrainingJob.resume))
        learn.stop_wanted.connect(self.stop)
        learn.live_wanted.connect(self.live.turn)
        outcome.keep_wanted.connect(self.keep)
        outcome.back_wanted.connect(self.go_back)
        outcome.dismissed.connect(self.dismiss)
        outcome.shown_wanted.connect(self._show_version)
        versions.use_wanted.connect(self._use)
        versions.remove_wanted.connect(
            lambda task, v: self._do(
                lambda: removing(self._session.project, v, task), f"{v} is removed."
            )
        )
        versions.hand_over_wanted.connect(
            lambda task, v, path: self._do(
                lambda: handing_over(self._session.project, v, path, task), f"Wrote {v} to {path}."
            )
        )
        versions.take_in_wanted.connect(
            lambda path: self._do(
                lambda: taking_in(self._session.project, path),
                "Taken in; its card and hashes are right. It is not in use before you say so.",
            )
        )
        versions.clear_cache_wanted.connect(
            lambda: self._do(lambda: clearing_cache(self._session.project), "The cache is clear.")
        )
        versions.forget_images_wanted.connect(
            lambda: self._do(
                lambda: forgetting_images(self._session.project), "The images are forgotten."
            )
        )
        versions.forget_images_wanted.connect(self._images.forget)

    def _use(self, task: str, version: str) -> None:
        self._do(
            lambda: activating(self._session.project, version, "chosen by the reader", task),
            f"{version} is in use for {title_of(task)}.",
        )

    def _show_version(self, name: str) -> None:
        self.comparison.show(name)
        self._panels.outcome.set_shown(name)

    def _tell_job(self, say: Callable[[TrainingJob], None]) -> None:
        if self.job is None:
            return
        try:
            say(self.job)
        except InputError as error:
            self._panels.say(str(error), error=True)
        self.look()

    def _do(self, task: Callable[[], Task[None]], sentence: str) -> None:
        """Do something to versions in a thread, and draw them anew."""

        def then() -> None:
            if sentence:
                self._panels.say(sentence)
            self.refresh()

        try:
            self._later(task(), then)
        except InputError as error:
            self._panels.say(str(error), error=True)

    def _later(self, task: Task[Any], then: Callable[[], None] | None = None) -> None:
        """Run a task when those before it are done."""
        self._waiting.append((task, then))
        if not self.runner.busy:
            self._next()

    def _next(self) -> None:
        if self._waiting and not self.runner.busy:
            self.runner.start(*self._waiting.popleft())


_COMPARING = "Running both versions on the open case…"
_IN_MEMORY = "The work is in memory only; choose a project folder in the tab Correct to learn."
