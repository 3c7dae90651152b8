"""The light head: standardise, one linear layer, and what each input added to the answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LINEAR = "linear"
"""What a card calls this head."""


class LinearHead(nn.Module):
    """Multinomial logistic regression on standardised numbers.

    A number that is missing (NaN) counts as the training subjects' mean and so says nothing.

    Parameters
    ----------
    n_inputs, n_classes
        Length of a row of numbers, and of an answer.
    """

    centre: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, n_inputs: int, n_classes: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(n_inputs))
        self.register_buffer("scale", torch.ones(n_inputs))
        self.register_buffer("weight", torch.zeros(n_classes, n_inputs))
        self.register_buffer("bias", torch.zeros(n_classes))

    def forward(self, values: Tensor) -> Tensor:
        """``(n, n_inputs)`` to logits ``(n, n_classes)``."""
        return self._standard(values) @ self.weight.T + self.bias

    def contributions(self, values: Tensor) -> Tensor:
        """``(n, n_classes, n_inputs)``: what each number added to each class's logit.

        With the bias they sum to the logit exactly. They are taken against the mean over the
        classes, so that one that speaks for all classes alike counts as nothing.
        """
        parts = self._standard(values)[:, None, :] * self.weight
        return parts - parts.mean(dim=1, keepdim=True)

    def _standard(self, values: Tensor) -> Tensor:
        known = torch.where(values.isnan(), self.centre, values)
        return (known - self.centre) / self.scale
