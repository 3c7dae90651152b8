"""How often a head is right, with intervals over subjects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_cmr.core import FloatArray
from napari_cmr.learn.evaluate import BOOTSTRAPS, interval
from napari_cmr.nets import Metric

UNKNOWN_CLASS = -1


@dataclass(frozen=True, eq=False)
class Answers:
    """What a head said of some pictures or people, and the truth.

    Parameters
    ----------
    subjects
        ``(n,)`` whose they are.
    true
        ``(n,)`` indices of classes, `UNKNOWN_CLASS` where the head does not know the true one
        and so cannot be right.
    probabilities
        ``(n, n_classes)``.
    """

    subjects: Sequence[str]
    true: Sequence[int]
    probabilities: FloatArray

    def by_subject(self) -> dict[str, float]:
        """Subject to the share of its answers that are right."""
        right: dict[str, list[bool]] = defaultdict(list)
        said = self.probabilities.argmax(1)
        for subject, true, found in zip(self.subjects, self.true, said, strict=True):
            right[subject].append(bool(true == found))
        return {subject: float(np.mean(each)) for subject, each in right.items()}


def accuracy(answers: Answers, *, seed: int = 0) -> Metric:
    """Mean over subjects of the share that is right, with its 95 % bootstrap interval."""
    return interval(list(answers.by_subject().values()), np.random.default_rng(seed))


def auc(answers: Answers, *, seed: int = 0, bootstraps: int = BOOTSTRAPS // 4) -> Metric:
    """Area under the ROC curve, the mean over classes against the rest.

    The interval draws subjects, 500 times; draws that lack a class are left out.
    """
    true, subjects = np.array(answers.true), np.array(answers.subjects)
    value = _auc(true, answers.probabilities)
    if value is None:
        return Metric(value=None, low=None, high=None, n=0)
    names, number = np.unique(subjects, return_inverse=True)
    rows = [np.flatnonzero(number == i) for i in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(bootstraps):
        chosen = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        again = _auc(true[chosen], answers.probabilities[chosen])
        if again is not None:
            drawn.append(again)
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (None, None)
    return Metric(
        value=value,
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        n=len(names),
    )


def _auc(true: np.ndarray, found: FloatArray) -> float | None:
    """Mean over the classes that are there, beside others; None where there is one class."""
    areas = [
        area_under_roc(true == one, found[:, one])
        for one in np.unique(true)
        if one != UNKNOWN_CLASS and not (true == one).all()
    ]
    return float(np.mean(areas)) if areas else None


def area_under_roc(positive: np.ndarray, score: FloatArray) -> float:
    """Chance that a positive scores above a negative, ties counting half (Mann-Whitney)."""
    high, low = score[positive][:, None], score[~positive][None]
    return float(((high > low) + 0.5 * (high == low)).mean())
