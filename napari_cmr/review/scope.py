"""Which frames a prediction is for, and in which order they are found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from napari_cmr.core import Cancel, Progress, Segmentation, Stack, Uncertainty
from napari_cmr.review.predictors import Arrived
from napari_cmr.review.reading import Reading
from napari_cmr.review.record import Frame


@runtime_checkable
class PhaseByPhase(Protocol):
    """A predictor that finds phases in a given order and tells of each."""

    def in_order(
        self,
        stack: Stack,
        phases: Sequence[int],
        arrived: Arrived,
        progress: Progress | None,
        cancel: Cancel | None,
    ) -> Segmentation:
        """Find the structures of some phases, in that order; the others stay empty."""


def nearest_first(phases: Iterable[int], visible: int, n_phases: int) -> tuple[int, ...]:
    """Phases in the order of their distance from the visible one, round the cycle."""

    def away(phase: int) -> tuple[int, int]:
        ahead = (phase - visible) % n_phases
        return min(ahead, n_phases - ahead), ahead

    return tuple(sorted(set(phases), key=away))


def only_in(found: Segmentation, reading: Reading, frames: Iterable[Frame]) -> Segmentation:
    """A prediction as if it had been made of some frames alone: the others are as they were."""
    wanted = np.zeros(found.labels.shape[:2], bool)
    for frame in frames:
        wanted[frame] = True
    labels = np.where(wanted[:, :, None, None], found.labels, reading.history.labels)
    return replace(found, labels=labels, uncertainty=_merged(found, reading, wanted))


def _merged(found: Segmentation, reading: Reading, wanted: np.ndarray) -> Uncertainty | None:
    news, known = found.uncertainty, reading.uncertainty
    if news is None:
        return known
    return news.only_in(wanted, known)
