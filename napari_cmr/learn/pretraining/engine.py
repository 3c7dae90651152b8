"""The loop that trains any method: one process or many, stopped and gone on with."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining.method import Method, MethodConfig
from napari_cmr.learn.pretraining.pack import Pack
from napari_cmr.learn.pretraining.probe import Probe, ProbeResult
from napari_cmr.learn.pretraining.processes import leave_processes, mean_over_processes
from napari_cmr.learn.pretraining.run import Run, RunConfig
from napari_cmr.learn.pretraining.sampling import Batch, Sampler
from napari_cmr.learn.pretraining.watch import Watcher

if TYPE_CHECKING:
    from lightning.fabric import Fabric

CHECKPOINT = ".pretrain.checkpoint.safetensors"
LOOKAHEAD = 2


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
    if several:
        atexit.register(leave_processes)
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
    seconds: float | None = None,
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
    seconds
        How long this call may train; then it writes a checkpoint and stops before the last step.

    Raises
    ------
    InputError
        If the checkpoint is of another run, nothing can be drawn, the batch does not divide, the
        loss is not finite, or a checkpoint cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = Run(fabric, method, identity, config, rates, out / CHECKPOINT)
    lead = fabric.is_global_zero
    if run.resumed and lead:
        say(f"going on from step {run.step} of {config.steps}")
    sampler = Sampler(
        pack, seed=config.seed, frame_pairs=config.frame_pairs, placed=method.needs_positions
    )
    probe = Probe(pack, method.view_size)
    if probe.reason and lead:
        say(f"no probe: {probe.reason}")
    clock = _Clock(seconds)
    if not lead:
        for batches in _ahead(sampler, config, run.step, fabric):
            run.advance(batches)
            if clock.is_over(fabric):
                break
        return Finished(run.step, run.seconds, None)
    result: ProbeResult | None = None
    with closing(Watcher(out, step=run.step, say=say)) as watcher:
        begun, saved = time.monotonic() - run.seconds, time.monotonic()
        for batches in _ahead(sampler, config, run.step, fabric):
            outcome = run.advance(batches)
            over = clock.is_over(fabric)
            last = run.step == config.steps or over
            run.seconds = time.monotonic() - begun
            judged = not probe.reason and (last or run.step % config.probe_every == 0)
            if judged:
                result = _measured(probe, method, fabric, config.compile)
            if last or judged or run.step % config.log_every == 0:
                watcher.write(run.record(outcome, result if judged else None))
            if last or time.monotonic() - saved > config.checkpoint_every_s:
                run.save()
                saved = time.monotonic()
            if over:
                break
        if result is None and not probe.reason:
            result = _measured(probe, method, fabric, config.compile)
    if run.step < config.steps:
        say(f"time is up at step {run.step} of {config.steps}; the same call goes on from there")
    return Finished(run.step, run.seconds, result)


class _Clock:
    """Whether a run's time is up; all processes get one answer, so that none waits for another."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def is_over(self, fabric: Fabric) -> bool:
        if self._end is None:
            return False
        mine = torch.tensor(float(time.monotonic() > self._end), device=fabric.device)
        return bool(mean_over_processes(mine) > 0)


def _measured(probe: Probe, method: Method, fabric: Fabric, compiled: bool) -> ProbeResult:
    """The probe's result; its odd shapes are not worth compiling for."""
    with torch.compiler.set_stance("force_eager") if compiled else nullcontext():
        return probe.measure(method.probed(), fabric.device)


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
