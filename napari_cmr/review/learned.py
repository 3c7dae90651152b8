"""The versions that a project trained, as a window shows them, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_cmr.core import Cancel, InputError, Progress, Segmentation, Stack
from napari_cmr.learn.versions.parcel import export_version, import_version, task_of_parcel
from napari_cmr.learn.versions.record import Judgement, VersionRecord
from napari_cmr.learn.versions.store import VersionStore
from napari_cmr.nets.segmenter_tasks import CINE, TITLES, task_of
from napari_cmr.review.cases import forget_cases, kept_bytes
from napari_cmr.review.predictors import Arrived, Predictor, SaxPredictor
from napari_cmr.review.project import Project
from napari_cmr.review.task import Task


@dataclass(frozen=True)
class VersionLine:
    """One version in a list.

    Parameters
    ----------
    task
        What it is for; versions of two tasks may bear one number.
    verdict
        How it was judged, in words.
    removable
        Whether it is neither in use nor what another came from.
    """

    version: str
    active: bool
    made: str
    tier: str
    parent: str
    size_bytes: int
    verdict: str
    removable: bool
    task: str = CINE


@dataclass(frozen=True)
class OnHoldout:
    """How a version compares with the one before it on subjects that neither saw.

    Parameters
    ----------
    before, after, gain
        (mean, low, high) of Dice over the subjects, and of its paired difference: 95 % bootstrap.
        None where nothing was judged.
    structures
        Name, Dice before, Dice after.
    subjects
        How many judged.
    advice
        What the gate said.
    """

    before: tuple[float, float, float] | None
    after: tuple[float, float, float] | None
    gain: tuple[float, float, float] | None
    structures: tuple[tuple[str, float, float], ...]
    subjects: int
    not_worse: bool | None
    advice: str


@dataclass(frozen=True)
class DiskUse:
    """Bytes that a project's learning takes."""

    versions: int = 0
    cache: int = 0
    images: int = 0


def versions_of(project: Project, task: str = CINE) -> VersionStore | None:
    """A project's versions for a task; None where it has none yet."""
    folder = project.folder
    if folder is None or task not in VersionStore.tasks(folder):
        return None
    return VersionStore(folder, task=task)


def version_lines(project: Project) -> list[VersionLine]:
    """All versions of one task after those of another, the latest first."""
    return [line for store in _stores(project) for line in _lines_of(store)]


def _stores(project: Project) -> list[VersionStore]:
    found = (versions_of(project, task) for task in TITLES)
    return [store for store in found if store is not None]


def _lines_of(store: VersionStore) -> list[VersionLine]:
    records, active = store.versions(), store.in_use()
    parents = {record.parent for record in records}
    return [
        VersionLine(
            version=record.version,
            active=record.version == active,
            made=record.made,
            tier=record.tier,
            parent=record.parent or "",
            size_bytes=store.size_bytes(record.version),
            verdict=_verdict(record),
            removable=record.version != active and record.version not in parents,
            task=store.task,
        )
        for record in reversed(records)
    ]


def on_holdout(project: Project, version: str, task: str = CINE) -> OnHoldout | None:
    """How a version was judged; None where it never was.

    Raises
    ------
    InputError
        If there is no such version.
    """
    store = versions_of(project, task)
    judgement = None if store is None else store.read(version).judgement
    if judgement is None:
        return None
    return OnHoldout(
        before=_mean(judgement, lambda before, _: before),
        after=_mean(judgement, lambda _, after: after),
        gain=_mean(judgement, lambda before, after: after - before),
        structures=tuple((n, a, b) for n, (a, b) in judgement.structures.items()),
        subjects=len(judgement.pairs),
        not_worse=judgement.not_worse,
        advice=judgement.reason,
    )


def disk_use(project: Project) -> DiskUse:
    """What versions, remembered answers and kept images take on disk, of all tasks."""
    stores = _stores(project)
    sizes = sum(store.size_bytes(r.version) for store in stores for r in store.versions())
    return DiskUse(sizes, sum(store.cache_bytes() for store in stores), kept_bytes(project))


def model_in_use(project: Project, task: str = CINE) -> Path | None:
    """Folder of a task's version in use; None where the shelf's best model is."""
    return None if project.folder is None else version_in_use(project.folder, task)


def version_in_use(folder: Path, task: str) -> Path | None:
    """Folder of the version that a project uses for a task; None where it has none.

    Parameters
    ----------
    folder
        The project's folder; it need not hold a log.
    """
    if task not in VersionStore.tasks(folder):
        return None
    store = VersionStore(folder, task=task)
    active = store.in_use()
    return store.place_of(active) if active else None


def project_predictor(project: Callable[[], Project]) -> Predictor:
    """What segments with the version that the project then uses for the stack's task."""
    return _ProjectPredictor(project)


class _ProjectPredictor:
    def __init__(self, project: Callable[[], Project]) -> None:
        self._project = project

    def __call__(
        self, stack: Stack, progress: Progress | None, cancel: Cancel | None
    ) -> Segmentation:
        return self._of(stack)(stack, progress, cancel)

    def in_order(
        self,
        stack: Stack,
        phases: Sequence[int],
        arrived: Arrived,
        progress: Progress | None,
        cancel: Cancel | None,
    ) -> Segmentation:
        return self._of(stack).in_order(stack, phases, arrived, progress, cancel)

    def _of(self, stack: Stack) -> SaxPredictor:
        return SaxPredictor(model_in_use(self._project(), task_of(stack)))


def activating(project: Project, version: str, why: str, task: str = CINE) -> Task[None]:
    """Use a version for its task; its files are checked first."""
    store = _store(project, task)
    return _task("Changing the version", lambda: store.activate(version, why))


def removing(project: Project, version: str, task: str = CINE) -> Task[None]:
    """Throw a version away."""
    store = _store(project, task)
    return _task("Removing", lambda: store.remove(version))


def handing_over(project: Project, version: str, path: Path, task: str = CINE) -> Task[None]:
    """Write a version as one file for another site."""
    store = _store(project, task)
    return _task("Writing", lambda: export_version(store, version, path))


def taking_in(project: Project, path: Path) -> Task[None]:
    """Take a version in from another site's file; it is not in use before it is activated.

    It joins the versions of the task that it is for.
    """
    if project.folder is None:
        raise InputError("The project is in memory only; choose a project folder first.")
    folder = project.folder

    def take() -> None:
        store = VersionStore(folder, task=task_of_parcel(path))
        store.begin()
        import_version(store, path)

    return _task("Checking the file", take)


def clearing_cache(project: Project) -> Task[None]:
    """Throw away what networks said of pictures, of all tasks; it is made again when needed."""
    stores = _stores(project)
    if not stores:
        raise InputError(_NO_VERSIONS)
    return _task("Clearing", lambda: [store.clear_cache() for store in stores])


def forgetting_images(project: Project) -> Task[None]:
    """Throw away the kept images; corrections stay, but cannot be learnt from any more."""
    return _task("Clearing", lambda: forget_cases(project))


_NO_VERSIONS = "The project has no versions yet; train one first."


def _store(project: Project, task: str) -> VersionStore:
    store = versions_of(project, task)
    if store is None:
        raise InputError(_NO_VERSIONS)
    return store


def _task(title: str, do: Callable[[], object]) -> Task[None]:
    def run(_progress: Progress | None, _cancel: Cancel | None) -> None:
        do()

    return Task(title, run, lambda _: None)


def _mean(
    judgement: Judgement, of: Callable[[float, float], float]
) -> tuple[float, float, float] | None:
    values = [of(pair.before, pair.after) for pair in judgement.pairs]
    from napari_cmr.learn.evaluate import interval  # brings readers that a dock must not wait for

    found = interval(values, np.random.default_rng(0))
    if found.value is None or found.low is None or found.high is None:
        return None
    return found.value, found.low, found.high


def _verdict(record: VersionRecord) -> str:
    judgement = record.judgement
    if judgement is None:
        return {"start": "where the project began", "imported": "taken in"}.get(record.origin, "")
    told = {True: "not worse", False: "did not pass", None: "not judged"}[judgement.not_worse]
    if judgement.before is not None and judgement.after is not None:
        told += f", Dice {judgement.before:.3f} to {judgement.after:.3f}"
    return told
