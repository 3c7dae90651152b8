"""Compile the parts of a method in which the time goes."""

from __future__ import annotations

import os
import shutil

from torch import nn

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining.method import Method
from napari_cmr.nets.vit import Block


def compile_parts(method: Method) -> None:
    """Compile a transformer's blocks, one like the other, or else whole encoders.

    The names of the weights stay, and so do checkpoints. What depends on a picture's seed (views
    and masks) is left as it is. Compiling happens in the first steps.

    Raises
    ------
    InputError
        If the method is on a CPU and there is no C++ compiler.
    """
    on_cpu = all(p.device.type == "cpu" for p in method.parameters())
    if on_cpu and not has_compiler():
        raise InputError(
            "Compiling for a CPU needs a C++ compiler: install g++, or leave 'compile' out."
        )
    blocks: list[nn.Module] = [m for m in method.modules() if isinstance(m, Block)]
    encoders = [m for m in method.modules() if hasattr(m, "pooled")]
    for part in blocks or encoders:
        part.compile(dynamic=False)


def has_compiler() -> bool:
    """Whether there is a C++ compiler for PyTorch to call."""
    names = [os.environ.get("CXX", "g++"), "clang++", "cl"]
    return any(map(shutil.which, names))
