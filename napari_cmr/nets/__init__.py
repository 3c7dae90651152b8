"""Encoders, decoders, the shelf of models, inference on a Stack. torch begins here."""

from napari_cmr.nets.card import Card, InputGrid, Metric, Network, TrainingData
from napari_cmr.nets.locate import Heart, find_heart
from napari_cmr.nets.predict import predict
from napari_cmr.nets.shelf import Model, find_card, list_models, load_model, read_card, save_model

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
