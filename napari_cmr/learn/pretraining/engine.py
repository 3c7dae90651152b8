"""The loop that trains any method: one process or many, stopped and gone on with."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from napari_cmr.core import InputError
from napari_cmr.learn.checkpoint import load_checkpoint, read_state, save_checkpoint
from napari_cmr.learn.pretraining.method import Method, MethodConfig, Outcome
from napari_cmr.learn.pretraining.pack import Pack
from napari_cmr.learn.pretraining.probe import Probe, ProbeResult
from napari_cmr.learn.pretraining.processes import mean_over_processes
from napari_cmr.learn.pretraining.sampling import Batch, Sampler
from napari_cmr.learn.pretraining.schedule import cosine
from napari_cmr.learn.pretraining.watch import (
    Watcher,
    feature_rank,
    feature_spread,
    name_collapse,
)

if TYPE_CHECKING:
    from lightning.fabric import Fabric

CHECKPOINT = ".pretrain.checkpoint.safetensors"
LOOKAHEAD = 2
FULL_BATCH = 256


class RunConfig(BaseModel):
    """A run's length and size; ``batch`` is what all processes see in one step together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(default=20_000, gt=0)
    batch: int = Field(default=64, gt=1)
    accumulate: int = Field(default=1, gt=0, description="parts a batch is cut into; contrastive "
                            "methods then contrast within a part")  # fmt: skip
    seed: int = Field(default=0, ge=0)
    frame_pairs: bool = False
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    log_every: int = Field(default=50, gt=0)
    probe_every: int = Field(default=1000, gt=0)
    checkpoint_every_s: float = Field(default=120.0, ge=0)


@dataclass(frozen=True, eq=False)
class Finished:
    """How a run ended."""

    steps: int
    seconds: float
    probe: ProbeResult | None


def launch(precision: str = "auto") -> Fabric:
    """Start Fabric: the GPU where there is one; as many processes as torchrun or SLURM started."""
    from lightning.fabric import Fabric

    gpu = torch.cuda.is_available()
    if precision == "auto":
        precision = "bf16-mixed" if gpu else "32-true"
    devices, nodes = _processes()
    several = devices * nodes > 1
    fabric = Fabric(
        accelerator="cuda" if gpu else "cpu",
        devices=devices,
        num_nodes=nodes,
        strategy="ddp" if several else "auto",
        precision=precision,
    )
    fabric.launch()
    return fabric


def train(
    fabric: Fabric,
    method: Method,
    identity: dict[str, Any],
    pack: Pack,
    config: RunConfig,
    rates: MethodConfig,
    out: Path,
    *,
    say: Callable[[str], None] = print,
) -> Finished:
    """Train a method; go on from its checkpoint in ``out`` if there is one.

    A step's images, views and masks depend on the seed and the step alone, so a run that was
    killed goes on with the step that an unbroken run would have taken, and a batch is the same
    over however many processes it is spread.

    Parameters
    ----------
    identity
        What a checkpoint must have been written for (method, encoder, their options).

    Raises
    ------
    InputError
        If the checkpoint is of another run, nothing can be drawn, the batch does not divide, the
        loss is not finite, or a checkpoint cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(fabric, method, identity, config, rates, out / CHECKPOINT)
    lead = fabric.is_global_zero
    if run.resumed and lead:
        say(f"going on from step {run.step} of {config.steps}")
    sampler = Sampler(
        pack, seed=config.seed, frame_pairs=config.frame_pairs, placed=method.needs_positions
    )
    probe = Probe(pack, method.view_size)
    if probe.reason and lead:
        say(f"no probe: {probe.reason}")
    result: ProbeResult | None = None
    if not lead:
        for batches in _ahead(sampler, config, run.step, fabric):
            run.advance(batches)
        return Finished(run.step, run.seconds, None)
    with closing(Watcher(out, step=run.step, say=say)) as watcher:
        begun, saved = time.monotonic() - run.seconds, time.monotonic()
        for batches in _ahead(sampler, config, run.step, fabric):
            outcome = run.advance(batches)
            last = run.step == config.steps
            run.seconds = time.monotonic() - begun
            judged = not probe.reason and (last or run.step % config.probe_every == 0)
            if judged:
                result = probe.measure(method.probed(), fabric.device)
            if last or judged or run.step % config.log_every == 0:
                watcher.write(run.record(outcome, result if judged else None))
            if last or time.monotonic() - saved > config.checkpoint_every_s:
                run.save()
                saved = time.monotonic()
        if result is None and not probe.reason:
            result = probe.measure(method.probed(), fabric.device)
    return Finished(run.step, run.seconds, result)


class _Run:
    """A training at some step."""

    def __init__(
        self,
        fabric: Fabric,
        method: Method,
        identity: dict[str, Any],
        config: RunConfig,
        rates: MethodConfig,
        checkpoint: Path,
    ) -> None:
        self.fabric, self.method, self.config, self.rates = fabric, method, config, rates
        self.checkpoint = checkpoint
        lengths = {"precision", "log_every", "probe_every", "checkpoint_every_s"}
        self.identity = identity | config.model_dump(mode="json", exclude=lengths)
        self.optimizer = torch.optim.AdamW(_groups(method), lr=0.0, betas=rates.betas)
        self.step, self.seconds = 0, 0.0
        self.losses, self.spent = list[float](), 0.0  # since the last record
        method.to(fabric.device)
        self.resumed = checkpoint.is_file()
        if self.resumed:
            self._load()
        self.module, self.fabric_optimizer = fabric.setup(method, self.optimizer)

    def advance(self, batches: list[Batch]) -> Outcome:
        """Take one step over the parts of its batch."""
        config, rates, steps = self.config, self.rates, self.config.steps
        begun = time.monotonic()
        torch.manual_seed(_mixed(config.seed, self.step, self.fabric.global_rank))
        self._set_rates()
        self.method.before_step(self.step, steps)
        loss = torch.zeros((), device=self.fabric.device)
        for index, batch in enumerate(batches):
            waits = index + 1 < len(batches)
            with self.fabric.no_backward_sync(self.module, enabled=waits):
                outcome: Outcome = self.module(batch.to(self.fabric.device))
                self.fabric.backward(outcome.loss / len(batches))
            loss += outcome.loss.detach() / len(batches)
        self._note(float(mean_over_processes(loss)))
        self.method.after_backward(self.step, steps)
        self.fabric.clip_gradients(
            self.module, self.fabric_optimizer, max_norm=rates.clip, error_if_nonfinite=False
        )
        self.fabric_optimizer.step()
        self.fabric_optimizer.zero_grad(set_to_none=True)
        self.method.after_step(self.step, steps)
        self.step += 1
        self.spent += time.monotonic() - begun
        return outcome

    def record(self, outcome: Outcome, probe: ProbeResult | None) -> dict[str, Any]:
        """What to write of the steps since the last record."""
        record: dict[str, Any] = {
            "step": self.step,
            "loss": sum(self.losses) / len(self.losses),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "weight_decay": self.optimizer.param_groups[0]["weight_decay"],
            "spread": feature_spread(outcome.features),
            "rank": feature_rank(outcome.features),
            **{name: float(value) for name, value in outcome.watched.items()},
            "images_per_s": self.config.batch * len(self.losses) / self.spent,
            "seconds": self.seconds,
        }
        if probe is not None:
            record |= {"probe": probe.mean, "chance": probe.chance}
        self.losses, self.spent = [], 0.0
        # While the rate still rises features are nearly those of the random start.
        judged = self.method.may_collapse and self.step > self._warm_up
        record["collapse"] = name_collapse(record) if judged else ""
        return record

    def save(self) -> None:
        """Write a checkpoint; the one before stays until the new one is whole."""
        state = {"step": self.step, "seconds": self.seconds, "run": self.identity}
        save_checkpoint(self.checkpoint, {"method": self.method}, self.optimizer, state)

    def _load(self) -> None:
        written = read_state(self.checkpoint).get("run", {})
        for name, value in self.identity.items():
            if name != "steps" and written.get(name) != value:
                raise InputError(
                    f"The checkpoint in {self.checkpoint.parent} is of {name} "
                    f"'{written.get(name)}', not '{value}'; choose another --out."
                )
        state = load_checkpoint(self.checkpoint, {"method": self.method}, self.optimizer)
        self.step, self.seconds = int(state["step"]), float(state["seconds"])

    def _note(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise InputError(
                f"The loss is not a number at step {self.step}; the last checkpoint stays. "
                "Lower the learning rate."
            )
        self.losses.append(loss)

    @property
    def _warm_up(self) -> int:
        return round(self.rates.warm_up * self.config.steps)

    def _set_rates(self) -> None:
        rates, steps = self.rates, self.config.steps
        peak = rates.learning_rate * self.config.batch / FULL_BATCH
        decay = rates.weight_decay
        if rates.last_weight_decay is not None:
            decay = cosine(self.step, steps, decay, rates.last_weight_decay)
        for group in self.optimizer.param_groups:
            group["lr"] = cosine(self.step, steps, peak, peak / 1000, warm_up=self._warm_up)
            group["weight_decay"] = decay if group["decays"] else 0.0


def _groups(method: nn.Module) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms and tokens do not."""
    trained = [p for p in method.parameters() if p.requires_grad]
    matrices = [p for p in trained if sum(side > 1 for side in p.shape) > 1]
    rest = [p for p in trained if sum(side > 1 for side in p.shape) <= 1]
    return [{"params": matrices, "decays": True}, {"params": rest, "decays": False}]


def _ahead(sampler: Sampler, config: RunConfig, step: int, fabric: Fabric) -> Iterator[list[Batch]]:
    """Parts of each step's batch for one process, read while the step before is taken."""
    parts = config.accumulate * fabric.world_size
    if config.batch % parts:
        raise InputError(
            f"A batch of {config.batch} does not divide into {config.accumulate} part(s) on "
            f"{fabric.world_size} process(es)."
        )
    n = config.batch // parts

    def read(step: int) -> list[Batch]:
        firsts = range(fabric.global_rank * n, config.batch, fabric.world_size * n)
        return [sampler.draw(step, first, n) for first in firsts]

    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(read, s) for s in range(step, min(step + LOOKAHEAD, config.steps))]
        for current in range(step, config.steps):
            batches = waiting.pop(0).result()
            if current + LOOKAHEAD < config.steps:
                waiting.append(pool.submit(read, current + LOOKAHEAD))
            yield batches


def _processes() -> tuple[int, int]:
    """Processes a node, and nodes, as torchrun's or SLURM's environment says."""
    env = os.environ
    if "LOCAL_WORLD_SIZE" in env:
        local = int(env["LOCAL_WORLD_SIZE"])
        return local, int(env["WORLD_SIZE"]) // local
    if "SLURM_NTASKS" in env and "SLURM_PROCID" in env:
        nodes = int(env.get("SLURM_NNODES", "1"))
        return max(1, int(env["SLURM_NTASKS"]) // nodes), nodes
    return 1, 1


def _mixed(*numbers: int) -> int:
    """One seed of several."""
    return int(torch.tensor(numbers).mul(torch.tensor([1_000_003, 7919, 1])).sum())
