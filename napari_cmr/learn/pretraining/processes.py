"""What several processes tell each other; with one process, nothing."""

from __future__ import annotations

import gc
from typing import Any

import torch
from torch import Tensor, distributed


def gather(values: Tensor) -> Tensor:
    """Rows of all processes, one process after the other, with gradients back to each.

    Parameters
    ----------
    values
        ``(n, ...)``, of one shape in all processes.
    """
    if world_size() == 1:
        return values
    out: Tensor = _Gather.apply(values)  # type: ignore[no-untyped-call]
    return out


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of a value over all processes, without gradient."""
    if world_size() == 1:
        return value.detach()
    value = value.detach().clone()
    distributed.all_reduce(value)
    return value / world_size()


def world_size() -> int:
    """Number of processes in training."""
    ready = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if ready else 1


def rank() -> int:
    """Number of the process, from 0."""
    return distributed.get_rank() if world_size() > 1 else 0


def leave_processes() -> None:
    """Let go of the other processes, where there are some.

    Gloo's threads end with the last that holds the group, so wrapped modules are freed first; a
    thread that frees a tensor while Python ends would abort the process.
    """
    if distributed.is_available() and distributed.is_initialized():
        gc.collect()
        distributed.destroy_process_group()


class _Gather(torch.autograd.Function):
    """all_gather whose gradient is summed over the processes that used the rows."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.n = len(values)
        parts = [torch.empty_like(values) for _ in range(world_size())]
        distributed.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        whole = gradients[0].contiguous().clone()
        distributed.all_reduce(whole)
        return whole[rank() * ctx.n : (rank() + 1) * ctx.n]
