"""A linear layer that is as fast as the processor allows, whoever made it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Linear(nn.Linear):
    """``nn.Linear`` with the same weights and, but for rounding, the same numbers.

    In float32 on a processor with AVX-512 the product goes through oneDNN. ``nn.Linear`` asks
    MKL, whose AVX-512 kernels are for one maker's processors; on others it takes kernels half as
    wide. Gradients of gradients are not to be had from it there, and what is compiled goes the
    plain way, since the compiler has plans of its own.
    """

    def forward(self, values: Tensor) -> Tensor:
        """``(..., n_in)`` to ``(..., n_out)``."""
        if not _THROUGH_ONEDNN or not _plain_float(values):
            return super().forward(values)
        out: Tensor = _Product.apply(values, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return out


class _Product(torch.autograd.Function):
    """``x W^T + b`` and its gradients, all three products by oneDNN."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(values, weight)
        return _multiply(values, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        values, weight = ctx.saved_tensors
        rows = gradient.reshape(-1, gradient.shape[-1])
        of_values = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_values = _multiply(rows, weight.t(), None).view(values.shape)
        if ctx.needs_input_grad[1]:
            of_weight = _multiply(rows.t(), values.reshape(-1, values.shape[-1]).t(), None)
        if ctx.needs_input_grad[2]:
            of_bias = rows.sum(0)
        return of_values, of_weight, of_bias


def _multiply(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What PyTorch's compiler writes for a linear layer on a CPU."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(values, weight, bias, "none", [], "")
    return out


_THROUGH_ONEDNN = bool(
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    and torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    and torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)


def _plain_float(values: Tensor) -> bool:
    """Whether a product of float32 on the CPU is to be made here and now, and is not empty."""
    on_cpu = values.device.type == "cpu" and values.dtype == torch.float32
    now = not torch.compiler.is_compiling() and not torch.is_autocast_enabled("cpu")
    return on_cpu and now and values.numel() > 0
