"""What finds structures on a stack, and which stack to look at first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from napari_cmr import core, io
from napari_cmr.core import (
    Cancel,
    Finding,
    InputError,
    LabelArray,
    Progress,
    Segmentation,
    Stack,
)
from napari_cmr.nets.segmenter_tasks import (
    CINE,
    LATE_ENHANCEMENT,
    MAPPING,
    Shown,
    can_be_segmented,
    task_of,
)

Predictor: TypeAlias = Callable[[Stack, Progress | None, Cancel | None], Segmentation]
"""Finds structures on a stack; it may be called in another thread."""

Arrived: TypeAlias = Callable[[int, LabelArray], None]
"""Called with a phase and its ``(z, y, x)`` labels as soon as they are found, in any thread."""


SEQUENCE_UNKNOWN = Finding(
    "sequence-unknown",
    "The files do not say whether this is cine or late enhancement.",
    "It was segmented as a cine; check the contours.",
)

MAPS_UNSEEN = Finding(
    "maps-unseen",
    "The model for maps was never tried on a person's map: it learnt on cine and late "
    "enhancement with their contrast changed, and on a phantom's maps.",
    "Check the contours.",
)


def suggested(catalogue: io.Catalogue) -> str:
    """Name of the stack to look at first: the short-axis cine, else the first one."""
    try:
        return io.sax_cine(catalogue).stack_id
    except InputError:
        return catalogue.entries[0].stack_id


def no_model(stack_id: str, shown: Shown) -> InputError:
    """What is said of a stack that no model covers."""
    return InputError(
        f"No model covers {stack_id}, which is {shown.view} {shown.sequence}: short-axis stacks "
        "and four-chamber cines are segmented; choose one of those."
    )


def sax_predictor(model: str | Path | None = None) -> Predictor:
    """What segments short-axis stacks and four-chamber cines, phase by phase if so wanted.

    Parameters
    ----------
    model
        Name on the shelf or a version's folder; None is the shelf's best for the stack's
        view and sequence: short-axis cine, late enhancement or map, or four-chamber cine.

    Returns
    -------
    A predictor that raises `InputError` if no model covers the stack.
    """
    return SaxPredictor(model)


class InPhases(ABC):
    """A `Predictor` that can also go phase by phase."""

    def __call__(
        self, stack: Stack, progress: Progress | None, cancel: Cancel | None
    ) -> Segmentation:
        """Find the structures of all phases."""
        return self._find(stack, None, None, progress, cancel)

    def in_order(
        self,
        stack: Stack,
        phases: Sequence[int],
        arrived: Arrived,
        progress: Progress | None,
        cancel: Cancel | None,
    ) -> Segmentation:
        """Find the structures of some phases, in that order; the others stay empty."""
        return self._find(stack, phases, arrived, progress, cancel)

    @abstractmethod
    def _find(
        self,
        stack: Stack,
        phases: Sequence[int] | None,
        arrived: Arrived | None,
        progress: Progress | None,
        cancel: Cancel | None,
    ) -> Segmentation:
        """Find the structures of some phases, in that order, or of all."""


class SaxPredictor(InPhases):
    """Finds the structures of short-axis stacks and four-chamber cines."""

    def __init__(self, model: str | Path | None) -> None:
        self._model = model

    def _find(
        self,
        stack: Stack,
        phases: Sequence[int] | None,
        arrived: Arrived | None,
        progress: Progress | None,
        cancel: Cancel | None,
    ) -> Segmentation:
        if not can_be_segmented(stack):
            raise no_model(stack.stack_id, stack)
        from napari_cmr import nets  # imports torch, which takes seconds

        task = task_of(stack)
        named = self._model if task in (LATE_ENHANCEMENT, MAPPING) else None
        if named is not None and nets.find_card(named).task == CINE:
            task = CINE  # whoever names it wants it
        loaded = nets.load_model(self._model, task=task)
        found = nets.predict(
            stack,
            loaded,
            phases=phases,
            arrived=arrived,
            uncertainty=True,
            progress=progress,
            cancel=cancel,
        )
        if task == MAPPING:
            return found.with_findings(MAPS_UNSEEN)
        guessed = task == CINE and stack.sequence is core.Sequence.OTHER
        return found.with_findings(SEQUENCE_UNKNOWN) if guessed else found
