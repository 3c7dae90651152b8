"""From corrected cases to a new version: train, judge, and keep the better one active."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from napari_cmr.core import Cancel, InputError, check_cancel
from napari_cmr.learn.finetune import TERMS, hardware
from napari_cmr.learn.label_faults import refuse_unknown_structures
from napari_cmr.learn.tiers import (
    UNWATCHED,
    NewModel,
    TierConfig,
    Watch,
    configured,
    tier_named,
    tier_of,
)
from napari_cmr.learn.tiers.cache import FeatureCache
from napari_cmr.learn.tiers.remembering import remembering
from napari_cmr.learn.versions.choosing import AUTO, choose
from napari_cmr.learn.versions.corrections import (
    describe,
    load_corrections,
    load_offered,
    refuse_same_pictures,
)
from napari_cmr.learn.versions.gate import compare, judge, segmenting
from napari_cmr.learn.versions.holdout import TrainingRows
from napari_cmr.learn.versions.record import Correction, Judgement, VersionRecord
from napari_cmr.learn.versions.store import VersionStore
from napari_cmr.learn.versions.work import Work, whole
from napari_cmr.nets import Card, Metric, TrainingData

Say = Callable[[str], None]


@dataclass(frozen=True)
class Retrained:
    """A new version, and whether it became the active one."""

    record: VersionRecord
    active: bool
    advice: str


def retrain(
    project: Path,
    manifests: Sequence[Path],
    *,
    tier: str = AUTO,
    config: TierConfig | None = None,
    steps: int | None = None,
    task: str = "cine_sax_seg",
    start: str | Path | None = None,
    unlabelled: Sequence[Path] = (),
    seed: int = 0,
    threads: int = 2,
    keep_anyway: bool = False,
    say: Say = print,
    watch: Watch = UNWATCHED,
    cancel: Cancel | None = None,
) -> Retrained:
    """Train a version on corrected cases and make it active if it is not worse.

    Nothing is written to the project's versions before the new one is whole and judged, so
    cancelling or killing a run leaves them as they were.

    Parameters
    ----------
    project
        The project's folder.
    manifests
        Corrected cases. Who of them is held out the project decides; see :class:`Holdout`. Rows
        whose ``view`` and ``sequence`` say that they are for another task are left out.
    task
        What the version is for; versions, holdout and comparison of each task are its own.
    tier
        ``head``, ``lora``, ``full``, or ``auto``: the one that cross-validation among those who
        may train finds best, or that of ``config``.
    config
        The tier's settings; its defaults if None.
    steps
        Another number of steps than the tier's own; not together with ``config``.
    start
        The model that a new project begins with; the shelf's best if None.
    unlabelled
        Manifests of images whose labels, if any, are not looked at; they join in ``lora`` and
        ``full``. Those of subjects that judge are left out.
    seed
        Same seed, same cases and same start give the same weights on a CPU.
    threads
        CPU threads of torch.
    keep_anyway
        Make the version active whatever the judgement, which is recorded.
    watch
        Told how it goes. Scores on the held-out subjects are for the eye; nothing follows on them.

    Raises
    ------
    InputError
        If the manifests, the project or the start is at fault, or nobody is left to train on.
    CancelledError
        If ``cancel`` returned True.
    """
    torch.set_num_threads(threads)
    if tier != AUTO:
        config = config or configured(tier, steps)
        if tier_of(config) is not tier_named(tier):
            raise InputError(f"The settings given are not those of the tier '{tier}'.")
    check_cancel(cancel)  # whoever said so while torch was imported
    watch.runs_on(hardware())
    watch.stage("reading")
    loaded = load_corrections(manifests, task, say)
    check_cancel(cancel)
    store = VersionStore(project, task=task)
    corrections = describe(loaded, {row.subject: store.holdout.key(row.subject) for row in loaded})
    refuse_same_pictures(corrections)
    offered = () if tier == "head" else load_offered(unlabelled, task, loaded, say)
    if unlabelled and tier == "head":
        say("head: unlabelled images have no part in it")
    with store.holdout.all_or_nothing():  # a run refused here places nobody and makes no version
        store.holdout.refuse_renamed(corrections)
        training, judging = store.holdout.split(loaded, offered)
        if not training.rows:
            raise InputError(
                "All subjects of the manifest are held out to judge on; add subjects to train on."
            )
        parent = store.begin(start, refuse=partial(refuse_unknown_structures, training.rows))
    work = Work(store, seed, say, cancel, watch)
    say(
        f"{len(training.keys)} subject(s) train, {len({r.subject for r in judging})} judge; "
        f"from {parent.version}, {parent.model}"
    )
    if training.unlabelled:
        people = len({row.subject for row in training.unlabelled})
        say(
            f"{len(training.unlabelled)} unlabelled image(s) of {people} subject(s) join in, who "
            f"never judge from now on; {len(offered) - len(training.unlabelled)} left out, of "
            "those who judge or of another split"
        )
        store.holdout.remember(training.unlabelled)
    begun = time.monotonic()
    choice = None
    if config is None:
        choice = choose(work, parent, training, steps=steps)
        say(choice.sentence)
        config = configured(choice.tier, steps)
    trained = work.train(parent, training, config, watch=watch, judging=whole(judging))
    if choice is not None:
        trained = replace(trained, recipe=trained.recipe | {"chosen": choice.record})
    judgement = work.judgement(parent, trained, training, judging, config)
    seconds = time.monotonic() - begun
    check_cancel(cancel)
    own = describe(training.rows, training.keys)
    joined = () if trained.tier == "head" else _joined(store, training)
    card = _card(store.load(parent.version).card, trained, own, judgement, seed, seconds)
    if joined:
        card = _with_joined(card, len(joined))
    record = store.add(
        card,
        trained.model.networks,
        VersionRecord(
            version="",
            parent=parent.version,
            origin="trained",
            model=f"{card.name} {card.version}",
            task=task,
            tier=trained.tier,
            made="",
            corrections=own,
            joined=joined,
            recipe=card.recipe,
            seed=seed,
            seconds=seconds,
            judgement=judgement,
            kept_anyway=keep_anyway and not judgement.not_worse,
            files={},
        ),
    )
    return _decide(store, parent, record, keep_anyway)


def judge_versions(
    store: VersionStore, before: str, after: str, manifests: Sequence[Path]
) -> Judgement:
    """Compare two versions on the held-out subjects of manifests; strokes judge nothing.

    Raises
    ------
    InputError
        If the manifests have none, the same pictures came under another id, or a version is missing
        or altered.
    """
    rows = load_corrections(manifests, store.task)
    corrections = describe(rows, {row.subject: store.holdout.key(row.subject) for row in rows})
    refuse_same_pictures(corrections)
    with store.holdout.all_or_nothing():
        store.holdout.refuse_renamed(corrections)
        _, held = store.holdout.split(rows)
        judging = whole(held)
        if not judging:
            raise InputError("None of the manifest's subjects is held out, so none can judge.")
    keys = {row.subject: store.holdout.key(row.subject) for row in judging}
    cache = FeatureCache(store.cache)
    old, new = (remembering(store.load(version), cache) for version in (before, after))
    structures = old.card.networks["segmenter"].structures[1:]
    return judge(compare(judging, segmenting(old), segmenting(new), structures), "holdout", keys)


def _joined(store: VersionStore, training: TrainingRows) -> tuple[str, ...]:
    return tuple(sorted({store.holdout.key(row.subject) for row in training.unlabelled}))


def _with_joined(card: Card, subjects: int) -> Card:
    data = card.training_data
    sets = data.sets | {"unlabelled": subjects}
    return card.model_copy(update={"training_data": data.model_copy(update={"sets": sets})})


def _decide(
    store: VersionStore, parent: VersionRecord, record: VersionRecord, keep_anyway: bool
) -> Retrained:
    judgement = record.judgement
    assert judgement is not None
    name = record.version
    good = judgement.not_worse is True
    if not (good or keep_anyway):
        kept = f"{parent.version} stays active; '{name}' is kept, and is used once you activate it"
        verdict = "cannot be judged" if judgement.not_worse is None else "did not pass"
        return Retrained(record, False, f"{name} {verdict}: {judgement.reason}. {kept}.")
    before = ", ".join(judgement.against) or parent.version
    why = f"not worse than {before}" if good else "kept although not judged as good"
    if not store.activate(name, why, instead_of=parent.version):
        return Retrained(
            record,
            False,
            f"Another version became active meanwhile; {name} is kept ({judgement.reason}).",
        )
    return Retrained(record, True, f"{name} is active: {why}; {judgement.reason}.")


def _card(
    parent: Card,
    trained: NewModel,
    corrections: Sequence[Correction],
    judgement: Judgement,
    seed: int,
    seconds: float,
) -> Card:
    """The model's own card, which goes with it wherever it goes."""
    hashes = [c.image_sha256 + c.label_sha256 for c in corrections]
    recipe = {"tier": trained.tier, **trained.recipe, "corrections": hashes}
    about = json.dumps([parent.sha256, recipe, seed], sort_keys=True)
    short = hashlib.sha256(about.encode()).hexdigest()[:8]
    n = len(judgement.pairs)
    metrics = {
        f"dice_mean_{when}": Metric(value=value, low=None, high=None, n=n)
        for when, value in (("before", judgement.before), ("after", judgement.after))
        if value is not None
    }
    update = {
        "version": f"{parent.version.split('+')[0]}+{trained.tier}.{short}",
        "tier": trained.tier,
        "parent": f"{parent.name} {parent.version}",
        "training_data": TrainingData(
            sets={"corrections": len({c.subject for c in corrections})},
            manifest_sha256=hashlib.sha256("".join(hashes).encode()).hexdigest(),
            terms=TERMS,
        ),
        "recipe": recipe,
        "seed": seed,
        "hours": seconds / 3600,
        "hardware": trained.hardware,
        "metrics": {f"project, {judgement.how}": metrics} if metrics else {},
        "sha256": "",
    }
    return parent.model_copy(update=update)
