"""Which tier to train: by cross-validation among those who may train, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_cmr.core import LabelArray, check_cancel
from napari_cmr.learn.examples import LabelledRow
from napari_cmr.learn.tiers import TierConfig
from napari_cmr.learn.tiers.head import HeadConfig
from napari_cmr.learn.tiers.tier import FullConfig, LoraConfig
from napari_cmr.learn.versions.gate import TOLERANCE, compare, segmenting
from napari_cmr.learn.versions.holdout import TrainingRows
from napari_cmr.learn.versions.record import VersionRecord
from napari_cmr.learn.versions.work import Work, whole

AUTO = "auto"
FOLDS = 3
TRIALS: dict[str, TierConfig] = {
    "head": HeadConfig(),
    "lora": LoraConfig(steps=30, warm_up=5),
    "full": FullConfig(steps=30, warm_up=5),
}
"""The trials, the cheapest first; the slow tiers in few steps, or choosing took hours."""


@dataclass(frozen=True)
class Choice:
    """The tier that was chosen, and what is written down of how."""

    tier: str
    record: dict[str, Any]

    @property
    def sentence(self) -> str:
        """Why, for a person."""
        return str(self.record["why"])


def choose(
    work: Work, parent: VersionRecord, training: TrainingRows, *, steps: int | None = None
) -> Choice:
    """Train each tier in short on folds of the training subjects and take the best on the rest.

    Each fold begins with the nearest version that never saw its subjects. Of tiers whose mean
    Dice is within ``TOLERANCE`` of the best the cheapest is taken. Those who judge a version are
    not among these rows, so the choice does not flatter the judgement.

    Parameters
    ----------
    steps
        At most so many in a trial.
    """
    if any(row.row.label is None for row in training.rows):
        return _without_trial("strokes train the tier head only")
    subjects = sorted({row.subject for row in training.rows}, key=training.keys.__getitem__)
    if len(subjects) < 2:
        return _without_trial("one subject cannot be cross-validated")
    folds = [subjects[i :: min(FOLDS, len(subjects))] for i in range(min(FOLDS, len(subjects)))]
    trials = {name: _shortened(config, steps) for name, config in TRIALS.items()}
    found: dict[str, list[float]] = {name: [] for name in ("unchanged", *trials)}
    work.watch.stage("choosing", len(folds) * len(trials))
    for number, fold in enumerate(folds):
        begun = work.unseen(parent, {training.keys[subject] for subject in fold})
        if begun is None:
            continue
        left = [row for row in whole(training.rows) if row.subject in fold]
        before = work.model(begun)
        segment = _once(segmenting(before))
        structures = before.card.networks["segmenter"].structures[1:]
        for done, (name, config) in enumerate(trials.items(), start=1):
            check_cancel(work.cancel)
            made = work.train(begun, training.without(*fold), config)
            compared = compare(left, segment, segmenting(work.asked(made)), structures)
            found[name] += _dice(compared.after)
            if done == 1:
                found["unchanged"] += _dice(compared.before)
            work.watch.part(number * len(trials) + done)
    if not found["unchanged"]:
        return _without_trial("every version there is has seen all subjects")
    means = {name: float(np.mean(values)) for name, values in found.items()}
    best = max(means[name] for name in trials)
    tier = next(name for name in trials if means[name] >= best - TOLERANCE)
    told = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
    record = {
        "why": f"{tier}, by cross-validation over {len(found['unchanged'])} training subjects "
        f"(mean Dice: {told})",
        "folds": len(folds),
        "dice": means,
        "steps": {name: config.steps for name, config in trials.items()},
    }
    return Choice(tier, record)


def _without_trial(why: str) -> Choice:
    return Choice("head", {"why": f"head: {why}"})


def _shortened(config: TierConfig, steps: int | None) -> TierConfig:
    if steps is None or steps >= config.steps:
        return config
    return config.model_copy(update={"steps": steps})


def _dice(scores: dict[str, dict[str, float]]) -> list[float]:
    return [float(np.mean(list(named.values()))) for named in scores.values() if named]


def _once(segment: Callable[[LabelledRow], LabelArray]) -> Callable[[LabelledRow], LabelArray]:
    """The same answers, each asked for once however often it is compared with."""
    known: dict[int, LabelArray] = {}

    def ask(row: LabelledRow) -> LabelArray:
        if id(row) not in known:
            known[id(row)] = segment(row)
        return known[id(row)]

    return ask
