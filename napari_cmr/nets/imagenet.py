"""ImageNet weights from a file that a user has, made a version to start from.

None are shipped and none are fetched: no hub is reachable from a hospital.
"""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from napari_cmr.core import ModelError, replacing
from napari_cmr.nets.card import Card, InputGrid, Network, TrainingData
from napari_cmr.nets.encoders import as_encoder, make_encoder
from napari_cmr.nets.shelf import save_model

GRID = InputGrid(spacing_mm=1.4, size=96)
_PAGE = """# {card.name} {card.version}

Weights of a {encoder} from the file {file}, trained elsewhere on photographs. {card.intended_use}
Its first layer sees one grey channel in place of three colours. Terms: {card.training_data.terms}.
"""
_OF_CLASSES = ("fc.", "head.", "norm_pre.", "fc_norm.")  # they name objects, not features
_VIT_NAMES = (
    (r"^patch_embed\.proj\.", "embed."),
    (r"^(blocks\.\d+)\.attn\.qkv\.", r"\1.qkv."),
    (r"^(blocks\.\d+)\.attn\.proj\.", r"\1.out."),
    (r"^(blocks\.\d+)\.mlp\.fc1\.", r"\1.mlp.0."),
    (r"^(blocks\.\d+)\.mlp\.fc2\.", r"\1.mlp.2."),
)


def import_imagenet(file: Path, encoder: str, out: Path, *, name: str | None = None) -> Card:
    """Make a version folder of ImageNet weights; ``--start`` takes it as it takes a pretraining.

    Parameters
    ----------
    file
        safetensors: a ResNet-50 with the names that torchvision and timm use, or a ViT-S/8 with
        those of timm and of DINO's own code.
    encoder
        ``resnet50``, ``deeplabv3_resnet50`` (its backbone; the pyramid begins at random) or
        ``vit_small_patch8``.

    Raises
    ------
    ModelError
        If the file is no safetensors, or its weights are not those of the encoder.
    """
    weights, digest = _read(file)
    if encoder == "vit_small_patch8":
        weights, options = _transformer(weights)
    else:
        weights, options = _residual(weights, encoder), {}
    network = make_encoder(encoder, **options)
    own = network.state_dict()
    random = {k for k in own if encoder == "deeplabv3_resnet50" and not k.startswith("backbone.")}
    random |= {k for k in own if k.endswith("num_batches_tracked")}
    wrong = sorted((own.keys() - random) ^ (weights.keys() - random))
    wrong = wrong or sorted(k for k, v in weights.items() if v.shape != own[k].shape)
    if wrong:
        raise ModelError(
            f"The weights in {file.name} are not those of {encoder}: {len(wrong)} differ in name "
            f"or shape, {wrong[0]} first; choose the encoder that they were made for."
        )
    network.load_state_dict(weights, strict=False)
    card = save_model(out, _card(name, encoder, network, options, digest), {"encoder": network})
    with replacing(out / "README.md") as part:
        part.write_text(_PAGE.format(card=card, encoder=encoder, file=file.name), encoding="utf-8")
    return card


def _read(file: Path) -> tuple[dict[str, Tensor], str]:
    try:
        data = file.read_bytes()
        weights: dict[str, Tensor] = load(data)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{file} is no safetensors file. Pickled weights (.pth, .pt) are never opened: save "
            "them anew with safetensors.torch.save_file where they come from."
        ) from error
    kept = {k: v.float() for k, v in weights.items() if not k.startswith(_OF_CLASSES)}
    return kept, hashlib.sha256(data).hexdigest()


def _residual(weights: dict[str, Tensor], encoder: str) -> dict[str, Tensor]:
    prefix = "backbone." if encoder == "deeplabv3_resnet50" else ""
    return {prefix + k: _grey(v) if k == "conv1.weight" else v for k, v in weights.items()}


def _transformer(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights by our names, and the size in pixels that their positions are for."""
    named = {}
    for key, value in weights.items():
        for pattern, ours in _VIT_NAMES:
            key = re.sub(pattern, ours, key)
        named[key] = _grey(value) if key == "embed.weight" else value
    places, token = named.pop("pos_embed", None), named.pop("cls_token", None)
    if places is None or token is None:
        return named, {}
    named["class_token"] = token + places[:, :1]
    named["positions"] = places[:, 1:]
    side = math.isqrt(places.shape[1] - 1)
    return named, {"size": 8 * side} if side else {}


def _grey(first: Tensor) -> Tensor:
    """The first layer for one channel: what it says of a colour picture that is all grey."""
    return first.sum(1, keepdim=True)


def _card(
    name: str | None, encoder: str, network: nn.Module, options: dict[str, Any], digest: str
) -> Card:
    return Card(
        name=name or f"imagenet-{encoder}".replace("_", "-"),
        version="1.0.0",
        task="pretrain",
        networks={
            "encoder": Network(
                encoder=encoder,
                channels=(as_encoder(network).width,),
                structures=(),
                grid=GRID,
            )
        },
        tier="full",
        label_map="none",
        training_data=TrainingData(
            sets={"ImageNet": 0}, manifest_sha256="", terms="those of the weights' origin"
        ),
        recipe={"method": "imagenet", "encoder_options": options, "file_sha256": digest},
        seed=0,
        hours=0.0,
        hardware="trained elsewhere",
        finished=True,
        metrics={},
        sha256="",
        licence="that of the weights' origin",
        intended_use="A start for fine-tuning on cardiac images; it gives no result by itself.",
        bad_at=("anything before it is fine-tuned", "it saw photographs in colour, no hearts"),
    )
