"""Low-rank adapters: few weights that move a network's last blocks, and melt into them after."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from napari_cmr.core import ModelError
from napari_cmr.learn.rates import depth_of

COARSE = ("encoder.", "ups.0.", "joins.0.")


class LowRank(nn.Module):
    """A weight plus a product of two thin matrices that begins as nothing.

    As in LoRA (Hu et al., ICLR 2022). A convolution's kernel counts as a matrix of output
    channels by everything else. The scale of the product, alpha over rank, is one.

    Parameters
    ----------
    weight
        ``(out, ...)``, which stays as it is.
    rank
        Width of the thin matrices.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        inputs = weight[0].numel()
        self.down = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)
        self.up = nn.Parameter(torch.zeros(len(weight), rank))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight as it is used."""
        return weight + (self.up @ self.down).view_as(weight)


def adapt_given(network: nn.Module, given: Collection[str], *, rank: int) -> None:
    """Freeze a U-Net's encoder and its decoder's coarsest step as given, and put adapters on them.

    The decoder's finer steps, an eighth of the weights, are trained as they are.

    Parameters
    ----------
    given
        Names of the weights that the network has from elsewhere.
    """
    frozen = {name for name in given if name.startswith(COARSE)}
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in frozen)
    for name, layer in list(_layers(network)):
        if name in frozen:
            _add(layer, rank)


def adapt(network: nn.Module, *, rank: int, blocks: int) -> None:
    """Freeze a network's encoder and put adapters on its last stages or transformer blocks.

    What lies outside the encoder, as a decoder, is left to be trained as it is.

    Parameters
    ----------
    network
        With an ``encoder`` whose layers lie in numbered ``stages`` or ``blocks``.
    blocks
        How many of the last ones are adapted.

    Raises
    ------
    ModelError
        If the network has no such encoder.
    """
    encoder = getattr(network, "encoder", None)
    layers = dict(_layers(encoder)) if isinstance(encoder, nn.Module) else {}
    deepest = max(map(depth_of, layers), default=0)
    if not isinstance(encoder, nn.Module) or deepest == 0:
        raise ModelError("This network has no stages or blocks to adapt; choose another tier.")
    encoder.requires_grad_(False)
    for name, layer in layers.items():
        if depth_of(name) > max(0, deepest - blocks):
            _add(layer, rank)


def melt(network: nn.Module) -> None:
    """Put adapters into the weights that they move; the answers stay the same."""
    for layer in network.modules():
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight")


def _add(layer: nn.Module, rank: int) -> None:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    parametrize.register_parametrization(layer, "weight", LowRank(weight, rank))


def _layers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Convolutions and linear layers by the name of their weights."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            yield f"{name}.weight", module
