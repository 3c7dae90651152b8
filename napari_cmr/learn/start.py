"""Where fine-tuning begins: a pretrained encoder or a whole segmenter in place of chance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from napari_cmr.core import ModelError
from napari_cmr.nets.card import Card, Network
from napari_cmr.nets.card_shelf import find_card
from napari_cmr.nets.echo import ECHO_TASK
from napari_cmr.nets.encoders import load_encoder
from napari_cmr.nets.shelf import Model, load_model
from napari_cmr.nets.unet import UNetEncoder
from napari_cmr.nets.vit import VisionTransformer

TRANSFORMER_MAPS = (16, 32, 64, 128)
_NUMBER = re.compile(r"(?:stages|ups|joins)\.(\d+)\.")


@dataclass(frozen=True, eq=False)
class Start:
    """Weights by the segmenter's own names, and the segmenter that they fit.

    ``encoder`` is the part that pretraining made, as a prefix of those names; ``whole`` is the
    model where the start is a segmenter with its localiser, None where it is a pretraining.
    """

    card: Card
    network: dict[str, Any]
    weights: dict[str, Tensor]
    encoder: str = "encoder."
    whole: Model | None = field(default=None, repr=False)

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.card.name} {self.card.version}"

    def record(self) -> dict[str, Any]:
        """What a card says of the start."""
        record = {"name": self.card.name, "version": self.card.version, "task": self.card.task}
        return record | {"sha256": self.card.sha256, "parts": sorted(_parts(self.weights))}

    def localiser(self) -> Start | None:
        """The start of the localiser; None where only an encoder was pretrained."""
        if self.whole is None:
            return None
        return start_of(self.whole, "localiser")

    def for_another_task(self, channels: Sequence[int]) -> Start:
        """What is of use to a network of these widths that draws other structures.

        The stages of the same widths from the finest on, in encoder and decoder; not the last
        layer, whose channels mean other things. The rest begins by chance.
        """
        mine = self.network["channels"]
        shared = next(
            (i for i, (a, b) in enumerate(zip(mine, channels, strict=False)) if a != b),
            min(len(mine), len(channels)),
        )
        kept = {}
        for name, value in self.weights.items():
            part, number = name.split(".")[0], _NUMBER.search(name)
            if number is None:
                continue
            stage = int(number[1])
            if part != "encoder":  # the decoder counts from its coarsest stage, of two widths
                stage = len(mine) - 1 - stage
                theirs = f"{part}.{len(channels) - 1 - stage}."
                name = name.replace(f"{part}.{number[1]}.", theirs, 1)
            if stage < shared:
                kept[name] = value
        network = {"encoder": self.network["encoder"], "channels": tuple(channels)}
        return Start(self.card, network, kept)

    def give(self, network: nn.Module, spec: Network) -> set[str]:
        """Copy the weights into a network and return their names.

        A first layer made for one slice gets its weights for the middle one and zeros for the
        neighbours, so that the network begins with what it knows; one made for neighbours too
        gives those of the middle one where there are none.

        Raises
        ------
        ModelError
            If the network is another than the start's; the sentence says in what.
        """
        for name, mine in self.network.items():
            theirs = getattr(spec, name)
            if name != "grid" and mine != theirs:  # weights fit a larger or a finer picture too
                raise ModelError(
                    f"The start {self.title} does not fit this segmenter: its {name} is "
                    f"{_said(mine)}, the segmenter's {_said(theirs)}."
                )
        own = network.state_dict()
        for name, value in self.weights.items():
            if name not in own:
                raise ModelError(
                    f"The start {self.title} does not fit this segmenter, which has no {name}."
                )
            own[name] = self._fitted(name, value, own[name].shape)
        network.load_state_dict(own)
        return set(self.weights)

    def _fitted(self, name: str, value: Tensor, shape: torch.Size) -> Tensor:
        if value.shape == shape:
            return value
        fits = value.ndim == len(shape) == 4
        fits = fits and (value.shape[0], *value.shape[2:]) == (shape[0], *shape[2:])
        if fits and shape[1] == 1:
            return value[:, value.shape[1] // 2][:, None]
        if not fits or value.shape[1] != 1:
            raise ModelError(
                f"The start {self.title} does not fit this segmenter: {name} is "
                f"{_said(value.shape)} there and {_said(shape)} here."
            )
        widened = torch.zeros(shape)
        widened[:, shape[1] // 2] = value[:, 0]
        return widened


def read_start(name: str | Path, *, decoder: bool = True) -> Start:
    """Read a start by its shelf name or its version's folder.

    Parameters
    ----------
    name
        A pretraining (U-Net or ViT-S/8), or a short-axis segmenter.
    decoder
        Whether a pretrained decoder is taken as well, where there is one.

    Raises
    ------
    ModelError
        If there is none of that name, it is altered, or no segmenter can begin with it.
    """
    card = find_card(name)
    if "segmenter" in card.networks and card.task != ECHO_TASK:
        return start_of(load_model(name, task=card.task), "segmenter")
    if "encoder" not in card.networks:
        raise ModelError(
            f"{card.name} is a model for {card.task}; start from a pretraining or a segmenter, "
            "which 'napari-cmr models list' names."
        )
    card, encoder, others = load_encoder(name)
    made = card.networks["encoder"].encoder
    if isinstance(encoder, UNetEncoder):
        weights = _under("encoder.", encoder)
        if decoder:
            part = "decoder."
            weights |= {k.removeprefix(part): v for k, v in others.items() if k.startswith(part)}
        return Start(card, {"encoder": made, "channels": encoder.channels}, weights)
    if isinstance(encoder, VisionTransformer):
        network = {
            "encoder": made,
            "channels": TRANSFORMER_MAPS,
            "encoder_options": card.recipe.get("encoder_options", {}),
        }
        prefix = "encoder.transformer."
        return Start(card, network, _under(prefix, encoder), prefix)
    raise ModelError(
        f"{card.name} is a pretrained {made}, for which there is no segmenter; "
        "start from a unet or a vit_small_patch8."
    )


def start_of(model: Model, role: str) -> Start:
    """A start from one network of a whole model."""
    spec = model.card.networks[role]
    network = {name: getattr(spec, name) for name in ("encoder", "channels", "encoder_options")}
    network |= {name: getattr(spec, name) for name in ("structures", "neighbours", "grid")}
    weights = {key: value.cpu() for key, value in model.networks[role].state_dict().items()}
    return Start(model.card, network, weights, whole=model)


def _under(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}{key}": value for key, value in module.state_dict().items()}


def _parts(weights: dict[str, Tensor]) -> set[str]:
    return {key.split(".", 1)[0] for key in weights}


def _said(value: object) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(str(v) for v in value)
    return f"'{value}'"
