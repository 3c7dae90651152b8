"""The tiers by name, each from a model and labelled rows to another model."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from napari_cmr.core import Cancel, InputError, Structure, replacing
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.learn.examples import LabelledRow
from napari_cmr.learn.finetune import finetune_segmenter, hardware
from napari_cmr.learn.segmentation_tasks import SEGMENTATION_TASKS
from napari_cmr.learn.segmenter import SegmenterConfig
from napari_cmr.learn.tiers.head import HeadConfig, head_examples, train_head
from napari_cmr.learn.tiers.quick_score import QuickScore, every
from napari_cmr.learn.tiers.remembering import (
    HeadOnFeatures,
    Remembering,
    whole_model,
    with_head,
)
from napari_cmr.learn.tiers.watch import UNWATCHED, Watch
from napari_cmr.nets import Model, load_model
from napari_cmr.nets.candidates import Candidates
from napari_cmr.nets.locate import HeartSize

Say = Callable[[str], None]


class FullConfig(BaseModel):
    """How all of a segmenter is trained on, gently; its localiser stays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(default=400, ge=1)
    batch: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=5e-4, gt=0)
    layer_decay: float = Field(default=0.75, gt=0, le=1)
    warm_up: int = Field(default=40, ge=0)
    drop_path: float = Field(default=0.1, ge=0, lt=1, description="of a transformer's last block")


class LoraConfig(BaseModel):
    """How a segmenter's decoder is trained on with adapters on its encoder's last stages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(default=200, ge=1)
    batch: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=5e-4, gt=0)
    warm_up: int = Field(default=20, ge=0)
    adapter_rank: int = Field(default=8, ge=1)
    adapted: int = Field(default=2, ge=1, description="last stages that have adapters")


TierConfig = HeadConfig | LoraConfig | FullConfig


@dataclass(frozen=True, eq=False)
class NewModel:
    """A model that a tier made, how, and on what."""

    model: Model
    tier: str
    recipe: dict[str, Any]
    hardware: str


class Train(Protocol):
    """Trains a model on labelled rows.

    ``model`` remembers its answers; ``start`` is its version's folder and ``scratch`` one where
    checkpoints may lie. ``score`` is told to ``watch`` now and then, and nothing follows on it.
    ``unlabelled`` images join in; the head has no use for them.
    """

    def __call__(
        self,
        model: Model,
        rows: Sequence[LabelledRow],
        config: Any,
        *,
        start: Path,
        scratch: Path,
        seed: int,
        say: Say,
        cancel: Cancel | None,
        watch: Watch = UNWATCHED,
        score: QuickScore | None = None,
        unlabelled: Sequence[ManifestRow] = (),
    ) -> NewModel:
        """Give the trained model; the one given stays as it is."""


@dataclass(frozen=True)
class Tier:
    """One tier."""

    name: str
    config: type[HeadConfig] | type[LoraConfig] | type[FullConfig]
    train: Train


def _train_head(
    model: Model,
    rows: Sequence[LabelledRow],
    config: HeadConfig,
    *,
    start: Path,  # noqa: ARG001  the model is what is begun with
    scratch: Path,  # noqa: ARG001  seconds need no checkpoint
    seed: int,
    say: Say,
    cancel: Cancel | None,
    watch: Watch = UNWATCHED,
    score: QuickScore | None = None,
    unlabelled: Sequence[ManifestRow] = (),  # noqa: ARG001  what it sits on is not trained
) -> NewModel:
    watch.stage("asking", len(rows))
    examples = head_examples(model, rows, config, seed=seed, on_row=watch.part, cancel=cancel)
    segmenter = model.networks["segmenter"]
    assert isinstance(segmenter, HeadOnFeatures)
    assert isinstance(segmenter.trunk, Remembering)
    cache = segmenter.trunk.cache
    say(
        f"head: {len(examples.targets)} views of slices; of the networks' answers, each to several "
        f"slices, {cache.hits} were remembered and {cache.misses} asked for"
    )
    onlooker = None if score is None else score.through(segmenter.trunk)
    watch.stage("training", config.steps)
    on_step = _told(watch, config.steps, onlooker, segmenter.head)
    head = train_head(model, examples, config, seed=seed, on_step=on_step, cancel=cancel)
    made = whole_model(with_head(model, head))
    return NewModel(made, "head", config.model_dump(mode="json"), hardware())


def _train_on(
    model: Model,
    rows: Sequence[LabelledRow],
    config: LoraConfig | FullConfig,
    *,
    start: Path,
    scratch: Path,
    seed: int,
    say: Say,
    cancel: Cancel | None,
    watch: Watch = UNWATCHED,
    score: QuickScore | None = None,
    unlabelled: Sequence[ManifestRow] = (),
) -> NewModel:
    settings = settings_of(model, config, seed)
    about = [model.card.sha256, settings.model_dump_json(), *(_about(row) for row in rows)]
    about += [json.dumps(_as_row(row), sort_keys=True) for row in unlabelled]
    out = scratch / hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    manifest, joining = out / "training.csv", out / "unlabelled.csv"
    _write_manifest(manifest, rows)
    if unlabelled:
        _write_rows(joining, [_as_row(row, split="", structures="") for row in unlabelled])
    segmenter = model.networks["segmenter"]
    watch.stage("training", config.steps)
    finetune_segmenter(
        [manifest],
        out,
        settings,
        name=model.card.name,
        version=model.card.version,
        start=start,
        unlabelled=[joining] if unlabelled else [],
        task=model.card.task,
        threads=torch.get_num_threads(),
        say=say,
        on_step=_told(watch, config.steps, score, segmenter),
        cancel=cancel,
    )
    made = load_model(out, task=model.card.task)
    shutil.rmtree(out, ignore_errors=True)
    tier = "lora" if isinstance(config, LoraConfig) else "full"
    used = made.card.recipe["segmenter"]["batch"]  # less than asked where memory ran out
    recipe = config.model_dump(mode="json") | {"batch": used}
    return NewModel(made, tier, recipe, made.card.hardware)


def _told(
    watch: Watch, steps: int, score: QuickScore | None, first: nn.Module
) -> Callable[[int, float, nn.Module], None]:
    """What tells of each step, and of the score before the first and now and then."""
    if score:
        watch.score(0, score(first))

    def on_step(done: int, loss: float, network: nn.Module) -> None:
        watch.step(done, loss)
        if score and (done == steps or done % every(steps) == 0):
            watch.score(done, score(_at_rest(network)))

    return on_step


def _at_rest(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """A network in training as one that is asked, wherever it lies."""

    def ask(images: Tensor) -> Tensor:
        trains = network.training
        weight = next(network.parameters())
        try:
            answer: Tensor = network.eval()(images.to(weight.device))
        finally:
            network.train(trains)
        return answer

    return ask


def settings_of(model: Model, config: LoraConfig | FullConfig, seed: int) -> SegmenterConfig:
    """The training of a whole model by a tier: its task's views, its own way to be asked."""
    usual = SEGMENTATION_TASKS[model.card.task].config
    gentle = usual.segmenter.model_copy(update=config.model_dump() | {"stay": True})
    size, several = (model.card.test_time.get(n) for n in ("heart_size", "candidates"))
    return usual.model_copy(
        update={
            "segmenter": gentle,
            "localiser": usual.localiser.model_copy(update={"steps": 0}),
            "flips": tuple(tuple(axes) for axes in model.card.test_time.get("flips", ())),
            "one_heart": bool(model.card.test_time.get("one_heart", False)),
            "heart_size": None if size is None else HeartSize(**size),
            "candidates": None if several is None else Candidates(**several),
            "seed": seed,
        }
    )


def _about(row: LabelledRow) -> str:
    drawn = hashlib.sha256(row.labels.tobytes() + row.said.tobytes()).hexdigest()
    return f"{row.subject} {row.row.frame} {drawn}"


def _write_manifest(path: Path, rows: Sequence[LabelledRow]) -> None:
    """Rows that may train and no other, so that no other can reach the training."""
    names = [" ".join(Structure(s).name for s in row.structures) for row in rows]
    _write_rows(
        path,
        [
            _as_row(one, split="train", structures=named)
            for row, named in zip(rows, names, strict=True)
            for one in row.row.slices or (row.row,)
        ],
    )


def _as_row(row: ManifestRow, **more: str) -> dict[str, str]:
    files = {"image": row.image, "label": row.label, "scribble": row.scribble}
    paths = {kind: str(file.resolve()) if file else "" for kind, file in files.items()}
    return row.columns | paths | more


def _write_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, sorted({column for row in rows for column in row}))
        writer.writeheader()
        writer.writerows(rows)


TIERS = {
    tier.name: tier
    for tier in (
        Tier("head", HeadConfig, _train_head),
        Tier("lora", LoraConfig, _train_on),
        Tier("full", FullConfig, _train_on),
    )
}


def tier_named(name: str) -> Tier:
    """One tier.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in TIERS:
        raise InputError(f"There is no tier '{name}'; there are {', '.join(TIERS)}, and auto.")
    return TIERS[name]


def tier_of(config: TierConfig) -> Tier:
    """The tier that settings are of."""
    return next(tier for tier in TIERS.values() if isinstance(config, tier.config))


def configured(name: str, steps: int | None = None) -> TierConfig:
    """A tier's settings with another number of steps; its own if None.

    Raises
    ------
    InputError
        If there is no such tier.
    """
    made = tier_named(name).config()
    return made if steps is None else made.model_copy(update={"steps": steps})
