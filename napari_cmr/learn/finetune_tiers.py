"""From manifests to a version folder by a tier: how much of what a training begins with moves."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from napari_cmr.core import InputError
from napari_cmr.learn.data_sets import data_set_names
from napari_cmr.learn.examples import LabelledRow, frames_of
from napari_cmr.learn.finetune import (
    TERMS,
    Rows,
    finetune_segmenter,
    hardware,
    load_training,
    manifest_hash,
    measure_held,
    split_rows,
)
from napari_cmr.learn.segmentation_tasks import SEGMENTATION_TASKS
from napari_cmr.learn.segmenter import SegmenterConfig, StageConfig, train_stage
from napari_cmr.learn.start import Start, read_start
from napari_cmr.learn.tiers import configured, tier_named
from napari_cmr.learn.tiers.cache import FeatureCache
from napari_cmr.learn.tiers.remembering import remembering
from napari_cmr.learn.tiers.tier import FullConfig, LoraConfig, settings_of
from napari_cmr.learn.versions.choosing import AUTO, TRIALS, Choice, Fold, best_tier
from napari_cmr.learn.versions.work import whole
from napari_cmr.nets import Card, Model, TrainingData, load_model, save_model
from napari_cmr.nets.card_shelf import refuse_other_task

CACHE = ".cache"
TRIAL_STEPS = 40
"""Of each tier on each fold where only an encoder was pretrained; more took hours on a CPU."""
SHARED_RANK = 32
"""Of the adapters on another task's segmenter: all of what its finer stages can do."""
UNET_RATE = 0.3
"""Of a pretrained U-Net's encoder, relative to the decoder that begins by chance."""
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Asked:
    """What was asked of a training, whatever its tier."""

    manifests: Sequence[Path]
    out: Path
    config: SegmenterConfig
    task: str
    name: str
    version: str
    steps: int | None = None
    threads: int = 2
    say: Say = print
    more: dict[str, Any] = field(default_factory=dict)


def finetune_by_tier(
    manifests: Sequence[Path],
    out: Path,
    config: SegmenterConfig,
    *,
    tier: str,
    start: str | Path | None,
    task: str = "cine_sax_seg",
    name: str,
    version: str,
    steps: int | None = None,
    threads: int = 2,
    say: Say = print,
    **more: Any,
) -> Card:
    """Train a segmenter by a tier and measure it on ``validation``.

    A start that is a whole model of the task keeps its localiser and its networks, and the tiers
    are those of a project's versions (:mod:`napari_cmr.learn.tiers`). Of a pretrained encoder
    ``head`` leaves the encoder as it is, ``lora`` moves its last stages or blocks by low-rank
    adapters, ``full`` moves all of it, earlier layers more slowly; decoder and localiser are
    trained in each. Of a segmenter of another task ``lora`` leaves the encoder and the decoder's
    coarsest step as they are, with adapters, trains the finer decoder and a last layer, and writes
    nothing else but a localiser.

    Parameters
    ----------
    config
        As of :func:`finetune_segmenter`; a tier's own settings win.
    tier
        ``head``, ``lora``, ``full``, or ``auto``: what cross-validation among the ``train``
        subjects finds best in short trials, the cheaper one of equals.
    steps
        Of the tier; its own number if None.
    more
        ``weights``, ``localiser``, ``told``, ``heart_crop`` and ``unlabelled`` as of
        :func:`finetune_segmenter`. The head on a whole model has no use for them, and says so.

    Raises
    ------
    InputError
        If there is no such tier, the tier needs another start, or as in
        :func:`finetune_segmenter`.
    """
    refuse_other_task(out, task)
    torch.set_num_threads(threads)
    if tier != AUTO:
        tier_named(tier)
    asked = Asked(manifests, out, config, task, name, version, steps, threads, say, more)
    begun = read_start(start) if start is not None else None
    other = begun is not None and begun.whole is not None and begun.card.task != task
    if begun is not None and other and tier == "lora":
        if begun.network["encoder"] != "unet":
            raise InputError(
                "The tier 'lora' adds to another task's U-Net; of a transformer's segmenter take "
                "its pretraining as --start."
            )
        return _finetune(asked, _sharing(config, begun), start)
    if begun is None or other:
        if tier not in (AUTO, "full"):
            raise InputError(
                f"The tier '{tier}' leaves an encoder as it was pretrained; name one with --start "
                f"(a pretraining, or a model for {task}), or take --tier full"
                f"{' or lora' if other else ''}."
            )
        say("full: there is no pretrained encoder to choose another tier for")
        return _finetune(asked, config, start)
    if begun.whole is not None:
        return _from_model(asked, tier, Path(start or ""), begun.whole)
    choice = _encoder_choice(asked, begun) if tier == AUTO else None
    chosen = choice.tier if choice else tier
    stage = _stage(config.segmenter, chosen, begun)
    return _finetune(asked, config.model_copy(update={"segmenter": stage}), start, choice)


def _finetune(
    asked: Asked, config: SegmenterConfig, start: str | Path | None, choice: Choice | None = None
) -> Card:
    if choice is not None:
        told = f"{config.notes} {choice.sentence}".strip()
        config = config.model_copy(update={"notes": told})
    return finetune_segmenter(
        asked.manifests,
        asked.out,
        config,
        name=asked.name,
        version=asked.version,
        start=start,
        task=asked.task,
        threads=asked.threads,
        say=asked.say,
        **asked.more,
    )


def _stage(stage: StageConfig, tier: str, start: Start) -> StageConfig:
    """A segmenter's training from a pretrained encoder."""
    if tier == "head":
        return stage.model_copy(update={"frozen": stage.steps})
    if tier == "lora":
        of = LoraConfig()
        return stage.model_copy(update={"adapter_rank": of.adapter_rank, "adapted": of.adapted})
    full = FullConfig()
    rates: dict[str, float] = {"layer_decay": full.layer_decay, "drop_path": full.drop_path}
    if start.network["encoder"] == "unet":
        rates["encoder_rate"] = UNET_RATE
    return stage.model_copy(update=rates)


def _sharing(config: SegmenterConfig, start: Start) -> SegmenterConfig:
    """A training that leaves another task's segmenter as it is and adds to it."""
    same = {name: start.network[name] for name in ("encoder", "channels", "neighbours")}
    own = {"shared": True, "adapter_rank": SHARED_RANK}
    return config.model_copy(update={"segmenter": config.segmenter.model_copy(update=same | own)})


def _from_model(asked: Asked, tier: str, start: Path, model: Model) -> Card:
    usual = SEGMENTATION_TASKS[asked.task].config
    as_usual = asked.config.model_copy(update={"seed": usual.seed, "segmenter": usual.segmenter})
    if asked.more.pop("told", ()) or as_usual != usual:
        asked.say("the start keeps its localiser and its settings, whatever else was asked for")
    choice = None
    if tier == AUTO:
        choice = _model_choice(asked, start, model)
        tier = choice.tier
    config = configured(tier, asked.steps)
    if isinstance(config, FullConfig | LoraConfig):
        settings = settings_of(model, config, asked.config.seed)
        return _finetune(asked, settings, start, choice)
    unused = [name for name, value in asked.more.items() if value]
    if unused:
        asked.say(f"head: {', '.join(unused)} has no part in it")
    began = time.monotonic()
    train, held = split_rows(asked.manifests)
    rows = [row for some in load_training(train, asked.say) for row in some]
    cache = FeatureCache(asked.out / CACHE)
    made = tier_named("head").train(
        remembering(model, cache, asked.say), rows, config, start=start,
        scratch=asked.out, seed=asked.config.seed, say=asked.say, cancel=None,
    )  # fmt: skip
    metrics = measure_held(held, remembering(made.model, cache, asked.say), surfaces=True)
    recipe = {"tier": "head", **made.recipe, "start": _told(model)}
    card = model.card.model_copy(
        update={
            "name": asked.name,
            "version": asked.version,
            "tier": "head",
            "parent": model.title,
            "training_data": _data(asked, train),
            "recipe": recipe | ({"chosen": choice.record} if choice else {}),
            "seed": asked.config.seed,
            "hours": (time.monotonic() - began) / 3600,
            "hardware": hardware(),
            "finished": True,
            "metrics": metrics,
        }
    )
    return save_model(asked.out, card, made.model.networks)


def _told(model: Model) -> dict[str, str]:
    card = model.card
    return {"name": card.name, "version": card.version, "task": card.task, "sha256": card.sha256}


def _data(asked: Asked, train: Rows) -> TrainingData:
    names = data_set_names(train)
    sets = {names[path]: len({r.subject for r in rows}) for path, rows in train.items()}
    return TrainingData(sets=sets, manifest_sha256=manifest_hash(asked.manifests), terms=TERMS)


def _labelled(asked: Asked) -> tuple[list[LabelledRow], list[str]]:
    """The rows that a tier is chosen on, and whose they are."""
    train, _ = split_rows(asked.manifests)
    rows = [row for some in load_training(train, asked.say) for row in some]
    return rows, sorted({row.subject for row in whole(rows)})


def _model_choice(asked: Asked, start: Path, model: Model) -> Choice:
    """Trials of the tiers that begin with a whole model."""
    rows, subjects = _labelled(asked)
    cache = FeatureCache(asked.out / CACHE)
    before = remembering(model, cache, asked.say)

    def begin(out: Sequence[str]) -> Fold:
        rest = [row for row in rows if row.subject not in out]

        def train(name: str) -> Model:
            made = tier_named(name).train(
                before, rest, TRIALS[name], start=start, scratch=asked.out / CACHE,
                seed=asked.config.seed, say=asked.say, cancel=None,
            ).model  # fmt: skip
            return remembering(made, cache, asked.say) if name == "head" else made

        return Fold(before, train)

    choice = best_tier(rows, subjects, begin, {n: c.steps for n, c in TRIALS.items()})
    asked.say(choice.sentence)
    return choice


def _encoder_choice(asked: Asked, start: Start) -> Choice:
    """Trials of the tiers that begin with an encoder, round the heart that a shipped model finds.

    The localiser that this training will have is not there yet, and is the same for all tiers.
    """
    rows, subjects = _labelled(asked)
    finder = load_model(task=asked.task)
    short = {"steps": TRIAL_STEPS, "warm_up": 5, "average": 0.9}
    usual = asked.config.segmenter.model_copy(update={**start.network, **short})

    def begin(out: Sequence[str]) -> Fold:
        others = [row for row in rows if row.subject not in out]
        rest = frames_of(others, None, asked.config.heart_size)

        def train(name: str) -> Model:
            with tempfile.TemporaryDirectory() as scratch:
                made = train_stage(
                    "segmenter", _stage(usual, name, start), [(1.0, rest)], Path(scratch),
                    seed=asked.config.seed, start=start, say=lambda _: None,
                )  # fmt: skip
            networks = {"localiser": finder.networks["localiser"], "segmenter": made.network}
            specs = {"localiser": finder.card.networks["localiser"], "segmenter": made.spec}
            card = finder.card.model_copy(
                update={"networks": specs, "test_time": {**finder.card.test_time, "flips": []}}
            )
            return replace(finder, card=card, networks=networks)

        return Fold(None, train)

    asked.say(f"choosing the tier by trials of {TRIAL_STEPS} steps")
    choice = best_tier(rows, subjects, begin, dict.fromkeys(TRIALS, TRIAL_STEPS))
    asked.say(choice.sentence)
    return choice
