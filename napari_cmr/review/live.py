"""The open study redrawn a moment after a slice was accepted: drafts, never versions."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_cmr.core import Cancel, InputError, LabelArray, Progress, Segmentation, Stack, View
from napari_cmr.learn.versions.store import FOLDER
from napari_cmr.nets.segmenter_tasks import task_of
from napari_cmr.review.learned import model_in_use
from napari_cmr.review.predictors import Arrived, InPhases
from napari_cmr.review.project import Project
from napari_cmr.review.reading import Reading
from napari_cmr.review.record import Frame, Verdict
from napari_cmr.review.session import ReviewSession
from napari_cmr.review.task import Task

if TYPE_CHECKING:
    from napari_cmr.nets import Model

IN_MEMORY = 1 << 29
"""Bytes of features that are kept in memory: four hundred slices take 210 MB."""


class LiveDrafts:
    """Learns a new last layer from the slices that a reader reviewed and redraws the others.

    The features below that layer are asked once a study and kept in the project's cache, so a
    draft takes about a second. It is an ordinary prediction: one step to undo, and what the
    reader drew, agreed to or accepted stays to the pixel.
    """

    def __init__(self) -> None:
        self._model: Model | None = None
        self._made_of: tuple[str, Path | None, Path | None] | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def warming(self, session: ReviewSession) -> Task[None]:
        """Ask for the open study's features, so that the first draft is as quick as the next."""
        reading = _open_sax(session)
        project = session.project

        def run(progress: Progress | None, cancel: Cancel | None) -> None:
            from napari_cmr import nets  # imports torch, which takes seconds
            from napari_cmr.learn.tiers.draft import unflipped

            model = unflipped(self._loaded(project, task_of(reading.stack)))
            nets.predict(reading.stack, model, progress=progress, cancel=cancel)

        return Task("Getting ready to follow", run, lambda _: None)

    def drafting(
        self, session: ReviewSession, *, visible: int = 0, arrived: Arrived | None = None
    ) -> Task[Segmentation] | None:
        """Redraw what the reader did not review, from what they did; None if nothing is left.

        Parameters
        ----------
        visible
            The phase to be redrawn first, then those nearest to it.
        arrived
            Called with each phase's labels as they will be, in the thread of ``run``.
        """
        reading = _open_sax(session)
        corrected = reviewed_frames(reading)
        phases, slices = reading.stack.shape[:2]
        if not corrected or len(corrected) == phases * slices:
            return None
        project = session.project
        task = task_of(reading.stack)
        find = _Drafting(lambda: self._loaded(project, task), corrected)
        tell = None if arrived is None else _with_the_readers_pixels(reading, arrived)
        return session.predicting(find, visible=visible, arrived=tell)

    def close(self) -> None:
        """Give memory and temporary files back."""
        self._model = self._made_of = None
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def _loaded(self, project: Project, task: str) -> Model:
        """What segments such stacks in the project, remembering; loaded anew when another does."""
        from napari_cmr import nets
        from napari_cmr.learn.tiers.cache import FeatureCache
        from napari_cmr.learn.tiers.remembering import remembering

        used = model_in_use(project, task)
        if self._model is None or self._made_of != (task, project.folder, used):
            cache = FeatureCache(self._cache(project, task), in_memory=IN_MEMORY)
            plain = nets.load_model(used, task=task)
            self._model = remembering(plain, cache, lambda _: None)
            self._made_of = (task, project.folder, used)
        return self._model

    def _cache(self, project: Project, task: str) -> Path:
        if project.folder is not None:
            return project.folder / FOLDER / "cache" / task
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="napari-cmr-")
        return Path(self._temporary.name)


@dataclass(frozen=True)
class _Drafting(InPhases):
    """Learns from corrected slices before it redraws."""

    model: Callable[[], Model]
    corrected: Mapping[Frame, LabelArray]

    def _find(
        self,
        stack: Stack,
        phases: Sequence[int] | None,
        arrived: Arrived | None,
        progress: Progress | None,
        cancel: Cancel | None,
    ) -> Segmentation:
        from napari_cmr.learn.tiers.draft import draft  # imports torch, which takes seconds

        model = self.model()
        found = draft(
            stack,
            model,
            self.corrected,
            phases=phases,
            arrived=arrived,
            progress=progress,
            cancel=cancel,
        )
        return replace(found, model=f"draft on {model.title}")


def _with_the_readers_pixels(reading: Reading, arrived: Arrived) -> Arrived:
    """Tell of a phase as it will be once taken: what the reader made or agreed to stays."""
    kept, labels = reading.history.protected(), reading.history.labels.copy()

    def tell(phase: int, found: LabelArray) -> None:
        arrived(phase, np.where(kept[phase], labels[phase], found))

    return tell


def reviewed_frames(reading: Reading) -> dict[Frame, LabelArray]:
    """(phase, slice) to ``(y, x)`` labels of what a reader drew on or accepted and not rejected."""
    history = reading.history
    frames = history.own_frames() - history.frames_with(Verdict.REJECTED)
    return {frame: history.labels[frame].copy() for frame in sorted(frames)}


def _open_sax(session: ReviewSession) -> Reading:
    reading = session.reading
    if reading is None:
        raise InputError("No stack is chosen; open a study first.")
    if reading.stack.view not in (View.SAX, View.UNKNOWN):
        raise InputError("Following your corrections works on short-axis stacks only.")
    return reading
