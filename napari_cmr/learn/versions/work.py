"""How versions are trained and compared within one call."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from napari_cmr.core import Cancel, check_cancel
from napari_cmr.learn.examples import LabelledRow
from napari_cmr.learn.tiers import UNWATCHED, NewModel, TierConfig, Watch, tier_of
from napari_cmr.learn.tiers.cache import FeatureCache
from napari_cmr.learn.tiers.quick_score import QuickScore
from napari_cmr.learn.tiers.remembering import remembering
from napari_cmr.learn.tiers.tier import Say
from napari_cmr.learn.versions.gate import (
    FEWEST,
    TOLERANCE,
    Compared,
    cannot_judge,
    compare,
    judge,
    segmenting,
)
from napari_cmr.learn.versions.holdout import TrainingRows
from napari_cmr.learn.versions.record import Judgement, VersionRecord
from napari_cmr.learn.versions.store import VersionStore
from napari_cmr.nets import Model


@dataclass(frozen=True, eq=False)
class Work:
    """What all trainings and comparisons of one call have in common."""

    store: VersionStore
    seed: int
    say: Say
    cancel: Cancel | None
    watch: Watch = UNWATCHED

    def train(
        self,
        start: VersionRecord,
        training: TrainingRows,
        config: TierConfig,
        *,
        watch: Watch = UNWATCHED,
        judging: Sequence[LabelledRow] = (),
    ) -> NewModel:
        """Train a version's model on rows that may train; the tier is that of the settings.

        Parameters
        ----------
        watch
            Told of each step, and now and then of the score on ``judging``.
        """
        model = self.model(start)
        return tier_of(config).train(
            model,
            training.rows,
            config,
            start=self.store.place_of(start.version),
            scratch=self.store.cache / "training",
            seed=self.seed,
            say=self.say,
            cancel=self.cancel,
            watch=watch,
            score=QuickScore(model, judging, cancel=self.cancel) if judging else None,
            unlabelled=training.unlabelled,
        )

    def judgement(
        self,
        parent: VersionRecord,
        trained: NewModel,
        training: TrainingRows,
        judging: Sequence[LabelledRow],
        config: TierConfig,
    ) -> Judgement:
        """On the holdout; else each training subject by models that never saw it; else none."""
        judging = _of_drawn(whole(judging))
        keys = {row.subject: self.store.holdout.key(row.subject) for row in judging}
        if judging:
            self.say(f"judging on {len(keys)} held-out subject(s)")
            found = judge(self._on_holdout(parent, trained, judging), "holdout", keys)
            return self._beside_the_best(found, parent, trained, judging, keys)
        held = self.store.holdout.counts()[1]
        missed = (
            "the manifest has no whole label with anything drawn of the project's "
            f"{held} held-out subject(s)"
        )
        if held and len(training.keys) < FEWEST:
            return cannot_judge(f"{missed}, who judge; give a manifest with their rows too")
        if len(training.keys) < FEWEST:
            return cannot_judge(
                f"{len(training.keys)} subject(s) are too few to judge a version on: it takes "
                f"{FEWEST}"
            )
        if held:
            self.say(f"{missed}, so those who train judge, each by a model that never saw them")
        return self._leaving_one_out(parent, training, config)

    def _leaving_one_out(
        self, parent: VersionRecord, training: TrainingRows, config: TierConfig
    ) -> Judgement:
        self.watch.stage("judging", len(training.keys))
        compared, beside = Compared(), set()
        for done, (subject, key) in enumerate(training.keys.items(), start=1):
            check_cancel(self.cancel)
            left = [row for row in whole(training.rows) if row.subject == subject]
            before = self.unseen(parent, {key})
            if left and before is not None:
                self.say("judging on one subject, trained on the others")
                fold = self.train(before, training.without(subject), config)
                compared = compared.with_others(self.compare(left, self.model(before), fold))
                beside.add(before.version)
            self.watch.part(done)
        if whole(training.rows) and not beside:
            return cannot_judge("Every version there is has seen all subjects that could judge")
        found = judge(compared, "leave-one-subject-out", dict(training.keys))
        if found.not_worse is None or beside <= {parent.version}:
            return found
        names = tuple(sorted(beside))
        told = f"{found.reason}, beside {', '.join(names)}, which never saw who was left out"
        return found.model_copy(update={"against": names, "reason": told})

    def unseen(self, parent: VersionRecord, keys: Collection[str]) -> VersionRecord | None:
        """The nearest version to which none of some subjects came, not even by an ancestor."""
        clean = None
        for version in reversed(list(self.store.ancestors(parent.version))):
            if (version.trained_on | self.store.holdout.whose(version.corrections)) & set(keys):
                break
            clean = version
        return clean

    def compare(self, rows: Sequence[LabelledRow], before: Model, made: NewModel) -> Compared:
        """A model and what was made of it on labelled rows."""
        structures = before.card.networks["segmenter"].structures[1:]
        return compare(rows, segmenting(before), segmenting(self.asked(made)), structures)

    def asked(self, made: NewModel) -> Model:
        """A new model to be asked: what it shares with the one before is remembered."""
        if made.tier == "head":
            return remembering(made.model, FeatureCache(self.store.cache), self.say)
        return made.model

    def model(self, record: VersionRecord) -> Model:
        """A version's model, whose answers below the head are remembered."""
        return remembering(
            self.store.load(record.version), FeatureCache(self.store.cache), self.say
        )

    def _beside_the_best(
        self,
        found: Judgement,
        parent: VersionRecord,
        trained: NewModel,
        judging: Sequence[LabelledRow],
        keys: dict[str, str],
    ) -> Judgement:
        """Small losses that are allowed must not add up from version to version.

        What loses nothing is not asked: to refuse it would leave the worse one in use.
        """
        if found.not_worse is not True or _gain(found) >= 0:
            return found
        best = self._best_before(parent, found)
        if best is None:
            return found
        self.say(f"{best} was better on these subjects; judging beside it too")
        again = judge(self._on_holdout(self.store.read(best), trained, judging), "holdout", keys)
        if again.not_worse:
            return found
        reason = f"{found.reason}; beside {best}, the best before it: {again.reason}"
        return found.model_copy(update={"not_worse": again.not_worse, "reason": reason})

    def _best_before(self, parent: VersionRecord, found: Judgement) -> str | None:
        """The ancestor with the best score on record, if it is more than allowed above."""
        known: dict[str, dict[str, float]] = defaultdict(dict)
        for version in self.store.ancestors(parent.version):
            judged = version.judgement
            if judged is None or judged.how != "holdout" or version.parent is None:
                continue
            known[version.version] |= {pair.subject: pair.after for pair in judged.pairs}
            known[version.parent] |= {pair.subject: pair.before for pair in judged.pairs}
        subjects = [pair.subject for pair in found.pairs]
        means = {
            version: float(np.mean([scores[s] for s in subjects]))
            for version, scores in known.items()
            if subjects and version != parent.version and scores.keys() >= set(subjects)
        }
        best = max(means, key=means.__getitem__, default=None)
        after = found.after if found.after is not None else math.inf
        return best if best is not None and means[best] - TOLERANCE > after else None

    def _on_holdout(
        self, parent: VersionRecord, trained: NewModel, judging: Sequence[LabelledRow]
    ) -> Compared:
        """Subject by subject, so that it can be stopped and told of on the way."""
        subjects = sorted({row.subject for row in judging})
        self.watch.stage("judging", len(subjects))
        before = self.model(parent)
        compared = Compared()
        for done, subject in enumerate(subjects, start=1):
            check_cancel(self.cancel)
            rows = [row for row in judging if row.subject == subject]
            compared = compared.with_others(self.compare(rows, before, trained))
            self.watch.part(done)
        return compared


def _gain(found: Judgement) -> float:
    """Mean Dice after less that before; nothing where it was not judged."""
    return 0.0 if found.before is None or found.after is None else found.after - found.before


def _of_drawn(rows: Sequence[LabelledRow]) -> list[LabelledRow]:
    """Rows of subjects in whose labels something is drawn: empty ones alone judge nothing."""
    drawn = {row.subject for row in rows if (row.labels * row.said).any()}
    return [row for row in rows if row.subject in drawn]


def whole(rows: Sequence[LabelledRow]) -> list[LabelledRow]:
    """Rows that can judge: strokes cannot."""
    return [row for row in rows if row.in_whole_slices]
