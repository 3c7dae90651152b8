"""The shelf of models: folders with ``model.safetensors`` and ``card.json``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from napari_cmr.core import ModelError, replacing
from napari_cmr.nets.based import added, whole
from napari_cmr.nets.below import find_below
from napari_cmr.nets.card import Card, ModelName, Network
from napari_cmr.nets.card_shelf import (
    CARD,
    WEIGHTS,
    find_folder,
    list_models,
    read_card,
    shelf_folder,
)
from napari_cmr.nets.deeplab import DeepLabV3
from napari_cmr.nets.heat_map_head import HEAT_MAPS, HeatMapHead
from napari_cmr.nets.linear_head import LINEAR, LinearHead
from napari_cmr.nets.memory import warn, within_memory
from napari_cmr.nets.stem import StemmedTransformer
from napari_cmr.nets.unet import UNet
from napari_cmr.nets.vit import VisionTransformer

SEGMENTER = "segmenter"


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model: its card and its networks by role, in evaluation mode."""

    card: Card
    networks: dict[str, nn.Module]

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.card.name} {self.card.version}"

    def run(self, role: str, images: torch.Tensor) -> torch.Tensor:
        """Logits of ``(n, c, h, w)`` images, on the CPU whatever the network runs on.

        Where the GPU's memory does not suffice, fewer at once, then the CPU, with a warning.
        """
        network = self.networks[role]

        def ask(batch: int, on: torch.device) -> torch.Tensor:
            network.to(on)
            with torch.inference_mode():
                parts = [network(part.to(on)).cpu() for part in torch.split(images, batch)]
            return torch.cat(parts)

        here = next(network.parameters(), images).device
        return within_memory(ask, batch=len(images), device=here, say=warn)


def load_model(name: str | Path | None = None, *, task: str = "cine_sax_seg") -> Model:
    """Load a model by its shelf name or its folder; the shelf's best for the task if none given.

    Raises
    ------
    ModelError
        If there is no such model, it is for another task, the weights are not those of the card,
        or they add to another model that is not there in that version.
    """
    folder = _best_folder(task) if name is None else find_folder(name)
    card = read_card(folder)
    if card.task != task:
        raise ModelError(f"The model {card.name} is for {card.task}, not for {task}.")
    weights = verified_weights(folder, card)
    networks: dict[str, nn.Module] = {}
    for role, spec in card.networks.items():
        own = _weights_of(role, weights, folder, card)
        if _least_size(spec) > sum(value.numel() for value in own.values()):
            raise ModelError(
                f"The weights of {card.name} are fewer than the encoder '{spec.encoder}' of its "
                "card has; install the model again."
            )
        network = build(spec)
        try:
            network.load_state_dict(own)
        except RuntimeError as error:
            raise ModelError(
                f"The weights of {card.name} do not fit the encoder '{spec.encoder}' of its card."
            ) from error
        networks[role] = _channels_last(network.to(device())).eval()
    return Model(card, networks)


def _weights_of(
    role: str, weights: dict[str, torch.Tensor], folder: Path, card: Card
) -> dict[str, torch.Tensor]:
    """All weights of one network of a model, from those of its file."""
    prefix, base = f"{role}.", card.networks[role].base
    own = {k.removeprefix(prefix): v.float() for k, v in weights.items() if k.startswith(prefix)}
    return own if base is None else _on_base(own, folder, card, base)


def _on_base(
    own: dict[str, torch.Tensor], folder: Path, card: Card, base: ModelName
) -> dict[str, torch.Tensor]:
    """All weights of a network that is kept as what it adds to another."""
    place = find_folder(find_below(folder, base.name))
    below = read_card(place)
    found = ModelName.of(below)
    if found != base:
        raise ModelError(
            f"{card.name} adds to {base.title}, but {found.title} is installed; install both again."
        )
    given = _weights_of(SEGMENTER, verified_weights(place, below), place, below)
    try:
        return whole(own, given)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"The weights of {card.name} do not fit {base.name}.") from error


def _least_size(spec: Network) -> int:
    """So many weights a network has at the least; a card could ask for all memory."""
    if spec.encoder == LINEAR:
        return sum(spec.channels) * len(spec.structures)
    width, depth = (spec.encoder_options.get(name, 1) for name in ("width", "depth"))
    counted = isinstance(width, int) and isinstance(depth, int)
    blocks = abs(width * width * depth) if counted else 0
    return sum(a * b for a, b in pairwise(spec.channels)) + blocks


def verified_weights(folder: Path, card: Card) -> dict[str, torch.Tensor]:
    """Read a version's weights after checking their hash.

    Raises
    ------
    ModelError
        If the file is missing, altered or damaged.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise ModelError(f"The model {card.name} has no weights file {WEIGHTS}.")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise ModelError(
            f"The weights of {card.name} are not those its card describes (wrong hash); "
            "they were refused. Install the model again."
        )
    try:
        tensors: dict[str, torch.Tensor] = load(data)
    except SafetensorError as error:
        raise ModelError(f"The weights of {card.name} are damaged.") from error
    return tensors


def build(spec: Network) -> nn.Module:
    """Make a network as a card describes it, with random weights.

    Raises
    ------
    ModelError
        If the encoder is not known, or does not take the card's options.
    """
    outputs, inputs = len(spec.structures), 2 * spec.neighbours + 1
    if spec.encoder == "unet":
        return UNet(outputs, spec.channels, inputs)
    if spec.encoder == "deeplabv3_resnet50":
        return _deeplab(spec)
    if spec.encoder == LINEAR:
        return LinearHead(sum(spec.channels), outputs)
    if spec.encoder == HEAT_MAPS:
        return _heat_maps(spec)
    if spec.encoder != "vit_small_patch8":
        raise ModelError(f"There is no encoder '{spec.encoder}' in this version of napari-cmr.")
    try:
        transformer = VisionTransformer(**spec.encoder_options)
        encoder = StemmedTransformer(transformer, spec.channels, inputs)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ModelError(f"The encoder {spec.encoder} cannot be made so: {error}.") from error
    return UNet(outputs, spec.channels, inputs, encoder)


def _heat_maps(spec: Network) -> nn.Module:
    if len(spec.channels) != 2:
        raise ModelError(f"A card of {HEAT_MAPS} has two widths, not {len(spec.channels)}.")
    return HeatMapHead(*spec.channels, len(spec.structures))


def _deeplab(spec: Network) -> nn.Module:
    if spec.neighbours:
        raise ModelError(f"The encoder {spec.encoder} sees one slice, without neighbours.")
    try:
        return DeepLabV3(len(spec.structures), **spec.encoder_options)
    except TypeError as error:
        raise ModelError(f"The encoder {spec.encoder} cannot be made so: {error}.") from error


def _channels_last(network: nn.Module) -> nn.Module:
    """The same network a fifth faster on a CPU, as its norms keep to that order too."""
    made: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


def device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def save_model(
    folder: Path, card: Card, networks: dict[str, nn.Module], *, on: Model | None = None
) -> Card:
    """Write a version: weights as fp16 safetensors, card with their hash, README.

    Each file appears whole or not at all; a card that does not fit its weights is refused on
    loading, so a folder half written is never used.

    Parameters
    ----------
    on
        The model whose segmenter this one's adds to: of it only what it adds is written. All of
        every network if None.
    """
    weights = {role: _at_rest(network) for role, network in networks.items()}
    bases = {}
    if on is not None:
        weights[SEGMENTER] = added(weights[SEGMENTER], _at_rest(on.networks[SEGMENTER]))
        bases[SEGMENTER] = ModelName.of(on.card)
    specs = {
        role: spec.model_copy(update={"base": bases.get(role)})
        for role, spec in card.networks.items()
    }
    tensors = {
        f"{role}.{key}": value.half().contiguous()
        for role, own in weights.items()
        for key, value in own.items()
    }
    data = save(tensors)
    card = card.model_copy(update={"sha256": hashlib.sha256(data).hexdigest(), "networks": specs})
    files = {
        WEIGHTS: data,
        CARD: (card.model_dump_json(indent=2) + "\n").encode(),
        "README.md": readme(card).encode(),
    }
    for file, content in files.items():
        with replacing(folder / file) as part:
            part.write_bytes(content)
    return card


def _at_rest(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu() for name, value in network.state_dict().items()}


def readme(card: Card) -> str:
    """A page for a reader of the folder."""
    bases = [spec.base for spec in card.networks.values() if spec.base is not None]
    lines = [
        f"# {card.name} {card.version}",
        "",
        f"Task `{card.task}`. {card.intended_use}",
        "",
        *((f"**{card.caution[:1].upper()}{card.caution[1:]}.**", "") if card.caution else ()),
        "Trained on "
        + ", ".join(f"{n} subjects of {s}" for s, n in card.training_data.sets.items())
        + f" in {card.hours:.1f} hours on {card.hardware}. Training data: "
        + card.training_data.terms,
        "",
        *(f"It adds to {base.title}, which has to be installed too.\n" for base in bases),
        "| measured on | metric | mean | 95 % interval | subjects |",
        "| --- | --- | --- | --- | --- |",
    ]
    for where, metrics in card.metrics.items():
        for name, m in metrics.items():
            low, mean, high = ("-" if v is None else f"{v:.3f}" for v in (m.low, m.value, m.high))
            lines.append(f"| {where} | {name} | {mean} | {low} to {high} | {m.n} |")
    lines += ["", "It is bad at: " + "; ".join(card.bad_at) + ".", "", f"Licence: {card.licence}"]
    return "\n".join(lines) + "\n"


def _best_folder(task: str) -> Path:
    cards = [card for card in list_models() if card.task == task]
    if not cards:
        raise ModelError(f"No model for {task} is installed; name one with --model.")
    return shelf_folder() / cards[0].name
