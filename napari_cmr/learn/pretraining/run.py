"""A training at some step: its optimizer, its rates, its checkpoint."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from napari_cmr.core import InputError
from napari_cmr.learn.checkpoint import load_checkpoint, read_state, save_checkpoint
from napari_cmr.learn.pretraining.compiled import compile_parts
from napari_cmr.learn.pretraining.method import Method, MethodConfig, Outcome
from napari_cmr.learn.pretraining.probe import ProbeResult
from napari_cmr.learn.pretraining.processes import mean_over_processes
from napari_cmr.learn.pretraining.sampling import Batch
from napari_cmr.learn.pretraining.schedule import cosine
from napari_cmr.learn.pretraining.watch import feature_rank, feature_spread, name_collapse

if TYPE_CHECKING:
    from lightning.fabric import Fabric

FULL_BATCH = 256
NOT_COMPARED = {"precision", "compile", "log_every", "probe_every", "checkpoint_every_s"}


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
    compile: bool = Field(default=False, description="compile the encoder; slow to start")
    log_every: int = Field(default=50, gt=0)
    probe_every: int = Field(default=1000, gt=0)
    checkpoint_every_s: float = Field(default=120.0, ge=0)


class Run:
    """A training at some step.

    Parameters
    ----------
    identity
        What a checkpoint must have been written for (method, encoder, their options).
    rates
        The method's learning rate and decay.
    checkpoint
        Where the run is saved, and gone on from if it is there.

    Raises
    ------
    InputError
        If the checkpoint is damaged, of another run, or beyond the steps asked for.
    """

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
        self.identity = identity | config.model_dump(mode="json", exclude=NOT_COMPARED)
        self.optimizer = torch.optim.AdamW(_groups(method), lr=0.0, betas=rates.betas, fused=True)
        self.step, self.seconds = 0, 0.0
        self.losses, self.spent = list[float](), 0.0  # since the last record
        method.to(fabric.device)
        if config.compile:
            compile_parts(method)
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
        self._refuse_no_number("loss", mean := float(mean_over_processes(loss)))
        self.losses.append(mean)
        self.method.after_backward(self.step, steps)
        norm = self.fabric.clip_gradients(
            self.module, self.fabric_optimizer, max_norm=rates.clip, error_if_nonfinite=False
        )
        if norm is not None:  # the weights, and so the checkpoint, stay as they were
            self._refuse_no_number("gradient", float(norm))
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
            was = written.get(name)
            if name == "steps" or was == value:
                continue
            if isinstance(was, dict) and isinstance(value, dict):
                was, value = _differing(was, value), _differing(value, was)
            raise InputError(
                f"The checkpoint in {self.checkpoint.parent} is of {name} "
                f"'{was}', not '{value}'; choose another --out."
            )
        state = load_checkpoint(self.checkpoint, {"method": self.method}, self.optimizer)
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        if self.step > self.config.steps:
            raise InputError(
                f"The checkpoint in {self.checkpoint.parent} is at step {self.step} already: ask "
                "for more steps, or choose another --out."
            )

    def _refuse_no_number(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise InputError(
                f"The {what} is not a number at step {self.step}; the last checkpoint stays. "
                "Lower the learning rate."
            )

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


def _differing(ours: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in ours.items() if others.get(name) != value}


def _mixed(*numbers: int) -> int:
    """One seed of several."""
    return int(torch.tensor(numbers).mul(torch.tensor([1_000_003, 7919, 1])).sum())
