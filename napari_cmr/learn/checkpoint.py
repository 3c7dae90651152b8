"""Checkpoints that survive a kill: tensors and a few numbers in one safetensors file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_cmr.core import InputError, replacing

_DAMAGE = (SafetensorError, OSError, KeyError, TypeError, ValueError)
"""What reading a damaged file ends in: no state, no JSON, tensors of other names."""


def save_checkpoint(
    path: Path,
    networks: dict[str, nn.Module],
    optimizer: torch.optim.Optimizer | None,
    state: dict[str, Any],
) -> None:
    """Write networks, optimizer moments and JSON-able state, whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written; the checkpoint before stays.
    """
    tensors = {
        f"{role}.{key}": value.detach().clone().contiguous()
        for role, network in networks.items()
        for key, value in network.state_dict().items()
    }
    if optimizer is not None:
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{k}": v.clone() for k, v in moments.items()}
    with replacing(path) as part:
        try:
            save_file(tensors, part, metadata={"state": json.dumps(state)})
        except SafetensorError as error:  # a full disk comes as this
            raise InputError(
                f"Cannot write the checkpoint {path} ({error}); the one before stays."
            ) from error


def load_checkpoint(
    path: Path, networks: dict[str, nn.Module], optimizer: torch.optim.Optimizer | None
) -> dict[str, Any]:
    """Restore what :func:`save_checkpoint` wrote and return its state.

    Raises
    ------
    InputError
        If the file is damaged or belongs to other networks.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            state: dict[str, Any] = dict(json.loads(file.metadata()["state"]))
        for role, network in networks.items():
            network.load_state_dict(_under(tensors, role))
        if optimizer is not None:
            _restore_moments(optimizer, _under(tensors, "optimizer"))
    except (*_DAMAGE, RuntimeError) as error:
        raise InputError(
            f"The checkpoint {path} is damaged or of another encoder; "
            "remove it or choose another output folder."
        ) from error
    return state


def read_state(path: Path) -> dict[str, Any]:
    """The state of a checkpoint without its tensors."""
    try:
        with safe_open(path, "pt") as file:
            state: dict[str, Any] = dict(json.loads(file.metadata()["state"]))
    except _DAMAGE as error:
        raise InputError(f"The checkpoint {path} is damaged; remove it.") from error
    return state


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = prefix + "."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def _restore_moments(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    whole = optimizer.state_dict()
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        moments.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**whole, "state": moments})
