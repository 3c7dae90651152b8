"""Train a localiser and a segmenter from manifests: resumable, seeded, on two cores or a GPU."""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from napari_cmr.core import Structure
from napari_cmr.learn.augment import AugmentConfig, make_view
from napari_cmr.learn.checkpoint import load_checkpoint, save_checkpoint
from napari_cmr.learn.examples import EvenSampler, LabelledFrame
from napari_cmr.learn.losses import partial_segmentation_loss
from napari_cmr.nets.card import InputGrid, Network
from napari_cmr.nets.shelf import build

STRUCTURES = ("BACKGROUND", "LV", "MYO", "RV")


class StageConfig(BaseModel):
    """One network's training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[int, ...]
    grid: InputGrid
    steps: int = Field(gt=0)
    augment: AugmentConfig
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up: int = 200
    average: float = Field(default=0.999, description="decay of the moving average of the weights")


class SegmenterConfig(BaseModel):
    """A localiser on the whole field of view, then a segmenter on the heart it finds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    localiser: StageConfig = StageConfig(
        channels=(16, 32, 64, 96),
        grid=InputGrid(spacing_mm=3.0, size=128),
        steps=1500,
        augment=AugmentConfig(shift_mm=70.0, zoom=(0.6, 1.5), narrow_view=0.3),
        average=0.995,
    )
    segmenter: StageConfig = StageConfig(
        channels=(16, 32, 64, 128, 256, 320),
        grid=InputGrid(spacing_mm=1.4, size=128),
        steps=6500,
        augment=AugmentConfig(),
    )
    seed: int = 0
    checkpoint_every_s: float = 120.0
    validate_every: int = 750

    def with_steps(
        self, *, segmenter: int | None, localiser: int | None, seed: int
    ) -> SegmenterConfig:
        """Other lengths of the two trainings (None keeps one) and another seed."""
        stages = {
            role: stage if steps is None else stage.model_copy(update={"steps": steps})
            for role, stage, steps in (
                ("segmenter", self.segmenter, segmenter),
                ("localiser", self.localiser, localiser),
            )
        }
        return self.model_copy(update={**stages, "seed": seed})


@dataclass(frozen=True, eq=False)
class Trained:
    """The averaged network of a stage, its description and how long it took."""

    spec: Network
    network: nn.Module
    seconds: float
    steps: int


Validate = Callable[[nn.Module, Network], dict[str, float]]


def train_stage(
    role: str,
    config: StageConfig,
    sets: Sequence[tuple[float, Sequence[LabelledFrame]]],
    out: Path,
    *,
    seed: int,
    checkpoint_every_s: float = 120.0,
    validate: Validate | None = None,
    validate_every: int = 0,
    say: Callable[[str], None] = print,
) -> Trained:
    """Train one network; continue from its checkpoint in ``out`` if there is one.

    Every step's pictures depend on the seed and the step alone, so a resumed run goes on with
    the step that a run never stopped would have taken. Where ``validate`` is given, the average
    with the best ``score`` is kept, else the last.
    """
    spec = Network(
        encoder="unet", channels=config.channels, structures=STRUCTURES, grid=config.grid
    )
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = build(spec).to(device)
    average, best = copy.deepcopy(network), copy.deepcopy(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    networks = {"network": network, "average": average, "best": best}
    checkpoint = out / f".{role}.checkpoint.safetensors"
    state: dict[str, Any] = {"step": 0, "seconds": 0.0, "score": -math.inf}
    if checkpoint.is_file():
        state = load_checkpoint(checkpoint, networks, optimizer)
        say(f"{role}: going on from step {state['step']}")
    sampler = EvenSampler(sets)
    begun, saved = time.monotonic() - state["seconds"], time.monotonic()
    losses = []
    while state["step"] < config.steps:
        step = state["step"]
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(step, config)
        images, targets, labelled = (t.to(device) for t in draw_batch(sampler, config, seed, step))
        network.train()
        loss = partial_segmentation_loss(network(images), targets, labelled)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 12.0)
        optimizer.step()
        _follow(average, network, min(config.average, (1 + step) / (10 + step)))
        losses.append(loss.item())
        state["step"] = step + 1
        state["seconds"] = time.monotonic() - begun
        last = state["step"] == config.steps
        scores: dict[str, float] = {}
        if validate and (last or (step + 1) % validate_every == 0):
            scores = validate(average.eval(), spec)
            if scores["score"] > state["score"]:
                state["score"] = scores["score"]
                best.load_state_dict(average.state_dict())
        if last or scores or (step + 1) % 50 == 0:
            record = {"step": step + 1, "loss": float(np.mean(losses)), **scores}
            record["seconds"] = state["seconds"]
            _log(out / f"{role}.csv", record)
            say(f"{role}: " + "  ".join(f"{k} {v:.4g}" for k, v in record.items()))
            losses = []
        if last or time.monotonic() - saved > checkpoint_every_s:
            save_checkpoint(checkpoint, networks, optimizer, state)
            saved = time.monotonic()
    kept = best if validate else average
    return Trained(spec, kept.cpu().eval(), state["seconds"], state["step"])


def draw_batch(
    sampler: EvenSampler, config: StageConfig, seed: int, step: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Images ``(n, 1, h, w)``, targets ``(n, h, w)`` and which channels are labelled ``(n, c)``."""
    rng = np.random.default_rng([seed, step])
    images, targets = [], []
    labelled = torch.zeros(config.batch, len(STRUCTURES), dtype=torch.bool)
    for i in range(config.batch):
        frame, index = sampler.draw(rng)
        image, target = make_view(
            frame.images[index],
            _as_channels(frame.labels[index]),
            frame.pixel_mm,
            frame.centre_mm,
            config.grid.size,
            config.grid.spacing_mm,
            len(STRUCTURES),
            config.augment,
            rng,
        )
        images.append(image)
        targets.append(target)
        for c, name in enumerate(STRUCTURES):
            labelled[i, c] = Structure[name] in frame.structures
    return torch.stack(images), torch.stack(targets), labelled


def _as_channels(labels: Tensor) -> Tensor:
    """Canonical labels to channel numbers; infarct is wall, what has no channel background."""
    table = torch.zeros(256, dtype=torch.uint8)
    for channel, name in enumerate(STRUCTURES):
        table[Structure[name]] = channel
    table[Structure.INFARCT] = table[Structure.MVO] = table[Structure.MYO]
    return table[labels.long()]


def _schedule(step: int, config: StageConfig) -> float:
    if step < config.warm_up:
        return (step + 1) / config.warm_up
    done = (step - config.warm_up) / max(1, config.steps - config.warm_up)
    return 0.5 * (1 + math.cos(math.pi * done)) + 1e-3


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)


def _log(path: Path, record: dict[str, float]) -> None:
    """Append to a CSV whose columns are those of the first record that had scores."""
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([f"{k}={v:.6g}" for k, v in record.items()])
