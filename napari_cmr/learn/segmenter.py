"""Train a localiser and a segmenter from manifests: resumable, seeded, on two cores or a GPU."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from napari_cmr.core import Cancel, CancelledError, InputError, Structure
from napari_cmr.learn.augment import AugmentConfig, make_view
from napari_cmr.learn.checkpoint import load_checkpoint, save_checkpoint
from napari_cmr.learn.consistency import ConsistencyConfig, consistency_loss, draw_pairs
from napari_cmr.learn.examples import EvenSampler, LabelledFrame
from napari_cmr.learn.lora import adapt, adapt_given, melt
from napari_cmr.learn.losses import (
    partial_segmentation_loss,
    staying_loss,
    unnamed_answers,
)
from napari_cmr.learn.rates import parameter_groups
from napari_cmr.learn.start import Start
from napari_cmr.nets.candidates import Candidates
from napari_cmr.nets.card import InputGrid, Network
from napari_cmr.nets.locate import HeartSize
from napari_cmr.nets.neighbours import stride, with_neighbours
from napari_cmr.nets.shelf import build, device
from napari_cmr.nets.turns import Axis
from napari_cmr.nets.vit import drop_paths

STRUCTURES = ("BACKGROUND", "LV", "MYO", "RV")
NEIGHBOUR_MM = float(Network.model_fields["neighbour_mm"].default)
LARGEST_GRADIENT = 12.0
DESCRIBED = ("encoder", "encoder_options", "channels", "structures", "grid", "neighbours")
LOG_EVERY = 50
SAY_EVERY_S = 30.0


class StageConfig(BaseModel):
    """One network's training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: str = Field(default="unet", description="unet or vit_small_patch8")
    encoder_options: dict[str, Any] = Field(default_factory=dict)
    channels: tuple[int, ...]
    structures: tuple[str, ...] = Field(default=STRUCTURES, description="the output channels")
    grid: InputGrid
    neighbours: int = Field(default=0, ge=0, description="slices seen on either side")
    skip_neighbour: float = Field(default=0.15, description="how often neighbours are further off")
    steps: int = Field(ge=0)
    augment: AugmentConfig
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up: int = 200
    average: float = Field(default=0.999, description="decay of the moving average of the weights")
    frozen: int = Field(default=0, ge=0, description="first steps in which a started encoder stays")
    encoder_rate: float = Field(
        default=1.0, ge=0, description="learning rate of a started encoder, relative to the rest's"
    )
    layer_decay: float = Field(
        default=1.0, gt=0, le=1, description="what its earlier stages are slower, each"
    )
    adapter_rank: int = Field(
        default=0, ge=0, description="of the adapters that move a started encoder; 0: all of it"
    )
    adapted: int = Field(default=2, ge=1, description="last stages that have adapters")
    shared: bool = Field(
        default=False, description="adapters on all but the finer decoder of what was given"
    )
    drop_path: float = Field(
        default=0.0, ge=0, lt=1, description="chance to leave out a transformer's last branches"
    )
    stay: bool = Field(
        default=False, description="what labels do not name stays as a whole start draws it"
    )
    consistency: ConsistencyConfig = ConsistencyConfig()


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
        neighbours=1,
        steps=6000,
        augment=AugmentConfig(),
    )
    flips: tuple[tuple[Axis, ...], ...] = Field(
        default=(("columns",), ("rows",), ("rows", "columns")),
        description="turns whose answers are averaged with the plain one at test time",
    )
    one_heart: bool = Field(default=True, description="take off what is not part of the heart")
    heart_size: HeartSize | None = Field(
        default=None,
        description="of hearts without spacing, which keep the guess in training if None",
    )
    candidates: Candidates | None = Field(
        default=None,
        description="places tried for the heart at test time; its largest piece only if None",
    )
    seed: int = Field(default=0, ge=0)
    notes: str = Field(default="", description="what the other fields do not say")
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

    def begun_from(self, start: Start, *, own_grid: bool = False) -> SegmenterConfig:
        """The same training of the networks that a start fits, on its grid unless ``own_grid``."""
        fits = {k: v for k, v in start.network.items() if k != "grid" or not own_grid}
        stages = {"segmenter": self.segmenter.model_copy(update=fits)}
        localiser = start.localiser()
        if localiser is not None:
            stages["localiser"] = self.localiser.model_copy(update=localiser.network)
        return self.model_copy(update=stages)


@dataclass(frozen=True, eq=False)
class Trained:
    """The averaged network of a stage, its description and how long it took."""

    spec: Network
    network: nn.Module
    seconds: float
    steps: int


Validate = Callable[[nn.Module, Network], dict[str, float]]


def refuse_unfit_grid(role: str, config: StageConfig) -> None:
    """Refuse a picture that a network cannot halve as often as it has widths.

    Raises
    ------
    InputError
        If its side is no multiple of the coarsest step, or that step alone.
    """
    step, size = 2 ** (len(config.channels) - 1), config.grid.size
    if size % step or size < 2 * step:  # the norm needs two pixels a map
        raise InputError(
            f"The {role}'s grid has {size} pixels a side, and its {len(config.channels)} widths "
            f"take a multiple of {step}, {2 * step} at least."
        )


def train_stage(
    role: str,
    config: StageConfig,
    sets: Sequence[tuple[float, Sequence[LabelledFrame]]],
    out: Path,
    *,
    seed: int,
    start: Start | None = None,
    on: torch.device | None = None,
    checkpoint_every_s: float = 120.0,
    validate: Validate | None = None,
    validate_every: int = 0,
    say: Callable[[str], None] = print,
    on_step: Callable[[int, float, nn.Module], None] | None = None,
    cancel: Cancel | None = None,
    unlabelled: Sequence[tuple[float, Sequence[LabelledFrame]]] = (),
    manifests: str = "",
) -> Trained:
    """Train one network; continue from its checkpoint in ``out`` if there is one.

    Every step's pictures depend on the seed and the step alone, so a resumed run goes on with
    the step that a run never stopped would have taken. Where ``validate`` is given, the average
    with the best ``score`` is kept, else the last. ``start`` gives weights in place of chance.
    ``on`` is the device, the GPU where there is one if None. ``on_step`` is called with (steps
    done, loss, the averaged network). ``unlabelled`` are weighted sets of frames whose labels are
    not looked at, see :mod:`napari_cmr.learn.consistency`. ``manifests`` is their hash, where the
    frames are of some.

    Raises
    ------
    CancelledError
        If ``cancel`` returned True between two steps; a checkpoint is kept.
    ModelError
        If the start does not fit the network.
    InputError
        If the grid does not fit the widths, or the checkpoint is damaged, of another network, from
        another start, of other manifests or made with other settings than their length and batch.
    """
    refuse_unfit_grid(role, config)
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(config, seed, start, on, manifests)
    checkpoint = out / f".{role}.checkpoint.safetensors"
    if checkpoint.is_file():
        run.load(checkpoint)
        say(f"{role}: going on from step {run.step} of {config.steps}")
    sampler = EvenSampler(sets)
    others = EvenSampler(unlabelled) if unlabelled else None
    begun, saved = time.monotonic() - run.seconds, time.monotonic()
    said = saved
    losses: list[float] = []
    while run.step < config.steps:
        if cancel is not None and cancel():
            run.save(checkpoint)
            raise CancelledError("Cancelled.")
        pairs = None
        if others is not None and run.unsaid.weight_at(run.step) > 0:
            pairs = draw_pairs(
                others, run.unsaid, config.grid, config.neighbours, NEIGHBOUR_MM,
                config.augment, seed, run.step,
            )  # fmt: skip
        losses.append(run.advance(draw_batch(sampler, config, seed, run.step), pairs))
        if on_step is not None:
            on_step(run.step, losses[-1], run.average)
        last = run.step == config.steps
        judged = validate is not None and (last or run.step % validate_every == 0)
        scores = run.judge(validate) if validate is not None and judged else {}
        run.seconds = time.monotonic() - begun
        if last or scores or run.step % LOG_EVERY == 0:
            record = {"step": run.step, "loss": float(np.mean(losses)), **scores}
            _log(out / f"{role}.jsonl", record | {"seconds": run.seconds})
            say(f"{role}: " + "  ".join(f"{k} {v:.4g}" for k, v in record.items()))
            losses.clear()
            said = time.monotonic()
        elif time.monotonic() - said > SAY_EVERY_S:
            say(f"{role}: step {run.step} of {config.steps}  loss {losses[-1]:.4g}")
            said = time.monotonic()
        if last or time.monotonic() - saved > checkpoint_every_s:
            run.save(checkpoint)
            saved = time.monotonic()
    kept = run.best if validate is not None else run.average
    melt(kept)
    return Trained(run.spec, kept.cpu().eval(), run.seconds, run.step)


class _Run:
    """A training at some step: the network, the moving average of its weights, the best one."""

    def __init__(
        self,
        config: StageConfig,
        seed: int,
        start: Start | None = None,
        on: torch.device | None = None,
        manifests: str = "",
    ) -> None:
        self.config = config
        self.spec = Network(**{name: getattr(config, name) for name in DESCRIBED})
        torch.manual_seed(seed)
        self.settings = config.model_dump(mode="json", exclude={"steps", "batch"}) | {"seed": seed}
        # What it learnt from goes on its card, and scores on other subjects do not compare.
        self.settings |= {"manifest": manifests} if manifests else {}
        self.device = on or device()
        self.unsaid = config.consistency.within(config.steps)
        network = build(self.spec)
        if config.drop_path:
            drop_paths(network, config.drop_path)
        given = start.give(network, self.spec) if start else set()
        whole = given.issuperset(network.state_dict())
        self.start = start.card.sha256 if start else ""
        if config.shared:
            adapt_given(network, given, rank=config.adapter_rank)
        elif config.adapter_rank:
            adapt(network, rank=config.adapter_rank, blocks=config.adapted)
        self.network = network.to(self.device)
        self.begun = copy.deepcopy(self.network).eval() if config.stay and whole else None
        self.average, self.best = copy.deepcopy(self.network), copy.deepcopy(self.network)
        prefix = start.encoder if start else ""
        self.pretrained = {name for name in given if name.startswith(prefix)}
        groups = parameter_groups(
            self.network,
            self.pretrained,
            rate=config.encoder_rate,
            layer_decay=config.layer_decay,
        )
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.step, self.seconds, self.score = 0, 0.0, -math.inf

    def advance(self, batch: Batch, pairs: tuple[Tensor, Tensor] | None = None) -> float:
        """Take one step and return its loss; ``pairs`` are views of unlabelled pictures."""
        for group in self.optimizer.param_groups:
            rate = self.config.learning_rate * group["scale"]
            group["lr"] = rate * _schedule(self.step, self.config)
        for name, parameter in self.network.named_parameters():
            if name in self.pretrained and not self.config.adapter_rank:
                parameter.requires_grad_(self.step >= self.config.frozen)
        if pairs is not None or self.config.drop_path:
            torch.manual_seed(self.step)  # a resumed run drops the same channels and branches
        strokes = not bool(batch.said.all())
        images, targets, labelled, said = (t.to(self.device) for t in batch)
        logits = self.network.train()(images)
        loss = partial_segmentation_loss(logits, targets, labelled, said if strokes else None)
        if self.begun is not None and not bool(labelled[:, 1:].all()):
            with torch.no_grad():
                answer = self.begun(images).argmax(1)
            loss = loss + staying_loss(logits, unnamed_answers(answer, targets, labelled))
        if pairs is not None:
            plain, changed = (t.to(self.device) for t in pairs)
            unsaid = consistency_loss(self.network, self.average, plain, changed, self.unsaid)
            loss = loss + self.unsaid.weight_at(self.step) * unsaid
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        _follow(self.average, self.network, decay)
        self.step += 1
        return float(loss.item())

    def judge(self, validate: Validate) -> dict[str, float]:
        """Score the average and remember it if it is the best so far."""
        scores = validate(self.average.eval(), self.spec)
        if scores["score"] > self.score:
            self.score = scores["score"]
            self.best.load_state_dict(self.average.state_dict())
        return scores

    def save(self, path: Path) -> None:
        state = {
            "settings": self.settings,
            "step": self.step,
            "seconds": self.seconds,
            "score": self.score,
            "start": self.start,
        }
        save_checkpoint(path, self._networks(), self.optimizer, state)

    def load(self, path: Path) -> None:
        state = load_checkpoint(path, self._networks(), self.optimizer)
        if state.get("start", "") != self.start:
            raise InputError(
                f"The checkpoint {path} began from another start; "
                "remove it or choose another output folder."
            )
        told = state.get("settings", {})
        other = [k for k, mine in self.settings.items() if k in told and told[k] != mine]
        if other:
            raise InputError(
                f"The checkpoint {path} was made with another {', '.join(other)}; "
                "remove it or choose another output folder."
            )
        self.step, self.seconds, self.score = state["step"], state["seconds"], state["score"]

    def _networks(self) -> dict[str, nn.Module]:
        return {"network": self.network, "average": self.average, "best": self.best}


class Batch(NamedTuple):
    """Views of labelled slices.

    ``images`` ``(n, c, h, w)``, ``targets`` ``(n, h, w)`` channel numbers, ``labelled``
    ``(n, channels)`` which of them a picture's labels name, ``said`` ``(n, h, w)`` bool: pixels
    of which something was said, all but where there are strokes.
    """

    images: Tensor
    targets: Tensor
    labelled: Tensor
    said: Tensor


def draw_batch(sampler: EvenSampler, config: StageConfig, seed: int, step: int) -> Batch:
    """The pictures of a step, which depend on the seed and the step alone."""
    rng = np.random.default_rng([seed, step])
    images, targets, said = [], [], []
    names = config.structures
    labelled = torch.zeros(config.batch, len(names), dtype=torch.bool)
    for i in range(config.batch):
        frame, index = sampler.draw(rng)
        step_slices = stride(frame.slice_mm, NEIGHBOUR_MM)
        step_slices *= 2 if rng.random() < config.skip_neighbour else 1
        channels = as_channels(frame.labels[index], names)
        strokes = frame.said is not None and not bool(frame.said[index].all())
        unsaid = int(strokes)  # of strokes channel 0 is where nothing was said
        if frame.said is not None and strokes:
            channels = torch.where(frame.said[index], channels + 1, torch.zeros_like(channels))
        image, target = make_view(
            with_neighbours(frame.images, index, config.neighbours, step_slices),
            channels,
            frame.pixel_mm,
            frame.centre_mm,
            config.grid.size,
            config.grid.spacing_mm,
            len(names) + unsaid,
            config.augment,
            rng,
        )
        images.append(image)
        targets.append((target - unsaid).clamp_min(0))
        said.append(target >= unsaid)
        for c, name in enumerate(names):
            labelled[i, c] = Structure[name] in frame.structures
    return Batch(torch.stack(images), torch.stack(targets), labelled, torch.stack(said))


def as_channels(labels: Tensor, names: Sequence[str]) -> Tensor:
    """Canonical labels to channel numbers; a scar without its own is wall, others background."""
    table = torch.zeros(256, dtype=torch.uint8)
    for channel, name in enumerate(names):
        table[Structure[name]] = channel
    for scar in (Structure.INFARCT, Structure.MVO):
        if scar.name not in names:
            table[scar] = table[Structure.MYO]
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
    for kept, latest in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(latest)  # batch norm's running means are averages themselves


def _log(path: Path, record: dict[str, float]) -> None:
    """Append one line of JSON, since records with and without scores differ in their fields."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
