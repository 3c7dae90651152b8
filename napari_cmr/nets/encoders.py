"""The encoders by name: what pretraining trains and fine-tuning starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from torch import Tensor, nn

from napari_cmr.core import ModelError
from napari_cmr.nets.card import Card
from napari_cmr.nets.card_shelf import find_folder, read_card
from napari_cmr.nets.resnet import DeepLabV3ResNet50, ResNet50
from napari_cmr.nets.shelf import verified_weights
from napari_cmr.nets.unet import UNetEncoder
from napari_cmr.nets.vit import VisionTransformer

UNET_CHANNELS = (16, 32, 64, 128, 256, 320)


class Encoder(Protocol):
    """What every encoder offers for ``(n, 1, h, w)`` float pictures, standardised each.

    ``width`` is the length of a pooled feature, ``stride`` the coarsest map's step in pixels,
    ``smallest`` the least side of a picture in training.
    """

    width: int
    stride: int
    smallest: int

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Feature maps, finest (or shallowest) first."""
        ...

    def pooled(self, images: Tensor) -> Tensor:
        """``(n, width)`` features."""
        ...


def _unet(*, channels: Sequence[int] = UNET_CHANNELS) -> UNetEncoder:
    return UNetEncoder(channels)


ENCODERS: dict[str, Callable[..., nn.Module]] = {
    "vit_small_patch8": VisionTransformer,
    "unet": _unet,
    "resnet50": ResNet50,
    "deeplabv3_resnet50": DeepLabV3ResNet50,
}


def make_encoder(name: str, /, **options: Any) -> nn.Module:
    """Make an encoder with random weights; it is an :class:`Encoder`.

    Parameters
    ----------
    options
        What the encoder's class takes, where other sizes than the name's are wanted.

    Raises
    ------
    ModelError
        If there is no encoder of that name, or it does not take the options.
    """
    if name not in ENCODERS:
        raise ModelError(f"There is no encoder '{name}'; there are {', '.join(ENCODERS)}.")
    try:
        return ENCODERS[name](**options)
    except (TypeError, ValueError, LookupError, ArithmeticError, RuntimeError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
        raise ModelError(f"The encoder {name} does not take these options: {said}.") from error


def as_encoder(module: nn.Module) -> Encoder:
    """The same module, seen as an encoder."""
    return cast(Encoder, module)


def load_encoder(name: str | Path) -> tuple[Card, nn.Module, dict[str, Tensor]]:
    """Load a pretrained encoder by its shelf name or its version's folder.

    Returns
    -------
    card, encoder, others
        The encoder in evaluation mode on the CPU, and the version's other weights (``decoder.``,
        ``teacher.``) as float32 by their names.

    Raises
    ------
    ModelError
        If it is no pretraining, is altered, or its weights are of another encoder.
    """
    folder = find_folder(name)
    card = read_card(folder)
    if card.task != "pretrain":
        raise ModelError(f"{card.name} is a model for {card.task}, not a pretraining.")
    weights = {key: value.float() for key, value in verified_weights(folder, card).items()}
    made = card.networks["encoder"].encoder
    encoder = make_encoder(made, **card.recipe.get("encoder_options", {}))
    own = {k.removeprefix("encoder."): v for k, v in weights.items() if k.startswith("encoder.")}
    try:
        encoder.load_state_dict(own)
    except RuntimeError as error:
        raise ModelError(
            f"The weights of {card.name} do not fit the encoder '{made}' of its card."
        ) from error
    others = {k: v for k, v in weights.items() if not k.startswith("encoder.")}
    return card, encoder.eval(), others
