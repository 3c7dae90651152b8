"""Which tier to train: by cross-validation among those who may train, and nobody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_cmr.core import Cancel, LabelArray, check_cancel
from napari_cmr.learn.examples import LabelledRow
from napari_cmr.learn.tiers import UNWATCHED, TierConfig, Watch
from napari_cmr.learn.tiers.head import HeadConfig
from napari_cmr.learn.tiers.tier import FullConfig, LoraConfig
from napari_cmr.learn.versions.gate import TOLERANCE, compare, segmenting
from napari_cmr.learn.versions.holdout import TrainingRows
from napari_cmr.learn.versions.record import VersionRecord
from napari_cmr.learn.versions.work import Work, whole
from napari_cmr.nets import Model

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

    Each fold begins with the nearest version that never saw its subjects. Those who judge a
    version are not among these rows, so the choice does not flatter the judgement.

    Parameters
    ----------
    steps
        At most so many in a trial.
    """
    if not whole(training.rows):
        return _without_trial("strokes cannot be judged on")
    trials = {name: _shortened(config, steps) for name, config in TRIALS.items()}

    def begin(fold: Sequence[str]) -> Fold | None:
        begun = work.unseen(parent, {training.keys[subject] for subject in fold})
        if begun is None:
            return None

        def train(name: str) -> Model:
            return work.asked(work.train(begun, training.without(*fold), trials[name]))

        return Fold(work.model(begun), train)

    subjects = sorted({row.subject for row in training.rows}, key=training.keys.__getitem__)
    lengths = {name: config.steps for name, config in trials.items()}
    return best_tier(training.rows, subjects, begin, lengths, work.watch, work.cancel)


@dataclass(frozen=True, eq=False)
class Fold:
    """Some subjects left out: the model before, if it can be asked, and that of each tier."""

    before: Model | None
    train: Callable[[str], Model]


def best_tier(
    rows: Sequence[LabelledRow],
    subjects: Sequence[str],
    begin: Callable[[Sequence[str]], Fold | None],
    steps: Mapping[str, int],
    watch: Watch = UNWATCHED,
    cancel: Cancel | None = None,
) -> Choice:
    """The tier that is best on subjects left out, the cheapest within ``TOLERANCE`` of it.

    Parameters
    ----------
    rows, subjects
        Labelled rows, and whose they are in the order in which they are spread over folds.
    begin
        Gives the fold that leaves some subjects out; None where that cannot be.
    steps
        Tier to the steps of its trial, the cheapest tier first.
    """
    if len(subjects) < 2:
        return _without_trial("one subject cannot be cross-validated")
    folds = [subjects[i :: min(FOLDS, len(subjects))] for i in range(min(FOLDS, len(subjects)))]
    found: dict[str, list[float]] = defaultdict(list)
    watch.stage("choosing", len(folds) * len(steps))
    for number, out in enumerate(folds):
        fold = begin(out)
        if fold is None:
            continue
        left = [row for row in whole(rows) if row.subject in out]
        segment = _once(segmenting(fold.before)) if fold.before else None
        for done, name in enumerate(steps, start=1):
            check_cancel(cancel)
            made = fold.train(name)
            structures = made.card.networks["segmenter"].structures[1:]
            compared = compare(left, segment or segmenting(made), segmenting(made), structures)
            found[name] += _dice(compared.after)
            if done == 1 and segment:
                found["unchanged"] += _dice(compared.before)
            watch.part(number * len(steps) + done)
    if not any(found.values()):
        return _without_trial("every version there is has seen all subjects")
    means = {n: float(np.mean(found[n])) for n in ("unchanged", *steps) if n in found}
    best = max(means[name] for name in steps)
    tier = next(name for name in steps if means[name] >= best - TOLERANCE)
    told = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
    record = {
        "why": f"{tier}, by cross-validation over {len(found[tier])} training subjects "
        f"(mean Dice: {told})",
        "folds": len(folds),
        "dice": means,
        "steps": dict(steps),
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
