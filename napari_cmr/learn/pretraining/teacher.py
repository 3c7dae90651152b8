"""A teacher: a copy of the student that follows it slowly and is never trained itself."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from napari_cmr.nets.vit import Block


def teacher_of(student: nn.Module) -> nn.Module:
    """An equal copy without gradients, in evaluation mode where that changes no statistics.

    Batch norm in a teacher uses its batch's own statistics, as the papers' code does, so the
    copy stays in training mode; what is random in training is turned off.
    """
    teacher = copy.deepcopy(student).requires_grad_(False)
    for module in teacher.modules():
        if isinstance(module, Block):
            module.drop_path = 0.0
    return teacher


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Move the teacher's weights and buffers to ``momentum * own + (1 - momentum) * student``.

    Counters, which are no floats, are copied.
    """
    pairs = zip(teacher.state_dict().values(), student.state_dict().values(), strict=True)
    for own, other in pairs:
        if own.is_floating_point():
            own.lerp_(other, 1 - momentum)
        else:
            own.copy_(other)


def momentum_at(step: int, steps: int, start: float) -> float:
    """From ``start`` to 1 along a cosine, as in BYOL and DINO."""
    return 1 - (1 - start) * (math.cos(math.pi * min(1.0, step / steps)) + 1) / 2
