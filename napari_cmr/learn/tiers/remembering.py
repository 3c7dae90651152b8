"""A segmenter whose networks remember: everything below the head is asked once a picture."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from napari_cmr.core import ModelError
from napari_cmr.learn.tiers.cache import FeatureCache, key_of
from napari_cmr.nets.card import Network
from napari_cmr.nets.memory import within_memory
from napari_cmr.nets.shelf import Model
from napari_cmr.nets.unet import UNet


class Remembering(nn.Module):
    """A frozen network whose answers come from a cache where they can.

    Parameters
    ----------
    network
        What is asked; its weights and ``spec`` are part of each answer's key.
    say
        Told if the GPU's memory does not suffice.
    """

    def __init__(
        self, network: nn.Module, spec: Network, cache: FeatureCache, say: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.cache = cache
        self.say = say
        self.about = (weights_hash(network), spec.grid.model_dump_json())

    def forward(self, images: Tensor) -> Tensor:
        """``(n, c, h, w)`` images to the network's answer, on the CPU."""

        def ask() -> Tensor:
            here = next(self.network.parameters(), images).device
            return within_memory(
                lambda batch, device: self._ask(images, batch, device),
                batch=len(images),
                device=here,
                say=self.say,
            )

        return self.cache.remember(key_of(images.cpu(), *self.about), ask)

    def _ask(self, images: Tensor, batch: int, device: torch.device) -> Tensor:
        network = self.network.to(device)
        with torch.inference_mode():
            answers = [network(part.to(device)).cpu() for part in torch.split(images, batch)]
        return torch.cat(answers)


class HeadOnFeatures(nn.Module):
    """A segmenter in two parts: ``trunk`` up to the last decoder stage, and its ``head``."""

    def __init__(self, trunk: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """``(n, c, h, w)`` images to logits."""
        logits: Tensor = self.head(self.trunk(images.cpu()))
        return logits


def remembering(model: Model, cache: FeatureCache, say: Callable[[str], None] = print) -> Model:
    """The same model with every answer below its head kept in a cache.

    The localiser's whole answer is kept, and of the segmenter the features of its last decoder
    stage at full resolution, in half precision.

    Raises
    ------
    ModelError
        If the segmenter has no decoder that ends in a head.
    """
    segmenter, specs = split_head(model), model.card.networks
    localiser = Remembering(model.networks["localiser"], specs["localiser"], cache, say)
    trunk = Remembering(segmenter.trunk, specs["segmenter"], cache, say)
    networks = {"localiser": localiser, "segmenter": HeadOnFeatures(trunk, segmenter.head)}
    return replace(model, networks=networks)


def with_head(model: Model, head: nn.Module) -> Model:
    """A remembering model with another head; nothing below it is asked again."""
    segmenter = model.networks["segmenter"]
    assert isinstance(segmenter, HeadOnFeatures)
    networks = {**model.networks, "segmenter": HeadOnFeatures(segmenter.trunk, head)}
    return replace(model, networks=networks)


def whole_model(model: Model) -> Model:
    """A remembering model as one that asks its networks each time, as it is saved."""
    segmenter, localiser = model.networks["segmenter"], model.networks["localiser"]
    assert isinstance(segmenter, HeadOnFeatures)
    assert isinstance(segmenter.trunk, Remembering)
    assert isinstance(localiser, Remembering)
    trunk = segmenter.trunk.network
    network = copy.copy(trunk)
    where = next(trunk.parameters()).device
    network._modules = {**trunk._modules, "head": copy.deepcopy(segmenter.head).to(where)}
    return replace(model, networks={"localiser": localiser.network, "segmenter": network})


def split_head(model: Model) -> HeadOnFeatures:
    """The model's segmenter in two parts; its head is a copy on the CPU."""
    network = model.networks.get("segmenter")
    if not isinstance(network, UNet) or "localiser" not in model.networks:
        raise ModelError(f"{model.title} has no decoder that ends in a head; choose another tier.")
    trunk = copy.copy(network)
    trunk._modules = {**network._modules, "head": nn.Identity()}
    return HeadOnFeatures(trunk, copy.deepcopy(network.head).cpu())


def weights_hash(network: nn.Module) -> str:
    """SHA-256 of a network's weights by name."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(f"{name} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
