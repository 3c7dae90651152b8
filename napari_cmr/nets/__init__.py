"""Encoders, decoders, the shelf of models, inference on a Stack. torch begins here.

A name is imported when it is first used, so that what only reads cards does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_cmr.nets.card import Card, InputGrid, Metric, Network, TrainingData
    from napari_cmr.nets.card_shelf import find_card, list_models, read_card
    from napari_cmr.nets.locate import Heart, find_heart
    from napari_cmr.nets.prediction import predict
    from napari_cmr.nets.shelf import Model, load_model, save_model

_HOMES = {
    "Card": "card",
    "Heart": "locate",
    "InputGrid": "card",
    "Metric": "card",
    "Model": "shelf",
    "Network": "card",
    "TrainingData": "card",
    "find_card": "card_shelf",
    "find_heart": "locate",
    "list_models": "card_shelf",
    "load_model": "shelf",
    "predict": "prediction",
    "read_card": "card_shelf",
    "save_model": "shelf",
}
__all__ = [
    "Card",
    "Heart",
    "InputGrid",
    "Metric",
    "Model",
    "Network",
    "TrainingData",
    "find_card",
    "find_heart",
    "list_models",
    "load_model",
    "predict",
    "read_card",
    "save_model",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
