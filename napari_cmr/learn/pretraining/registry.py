"""The methods by name, and which encoders they make sense with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from torch import nn

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining.byol import BYOL, BYOLConfig
from napari_cmr.learn.pretraining.dino import DINO, DINOConfig
from napari_cmr.learn.pretraining.method import Method, MethodConfig
from napari_cmr.learn.pretraining.mim import MIMConfig, make_mim
from napari_cmr.learn.pretraining.pcl import PCL, PCLConfig
from napari_cmr.learn.pretraining.simclr import SimCLR, SimCLRConfig
from napari_cmr.learn.pretraining.views import ViewConfig
from napari_cmr.nets.encoders import as_encoder
from napari_cmr.nets.vit import VisionTransformer

METHODS: dict[str, tuple[type[MethodConfig], Callable[..., Method]]] = {
    "simclr": (SimCLRConfig, SimCLR),
    "pcl": (PCLConfig, PCL),
    "dino": (DINOConfig, DINO),
    "mim": (MIMConfig, make_mim),
    "byol": (BYOLConfig, BYOL),
}


def method_config(name: str, /, **options: Any) -> MethodConfig:
    """The paper's numbers, save for the options.

    Raises
    ------
    InputError
        If there is no such method, or an option is not one of its own or out of range.
    """
    if name not in METHODS:
        raise InputError(f"There is no method '{name}'; there are {', '.join(METHODS)}.")
    try:
        return METHODS[name][0](**options)
    except ValidationError as error:
        raise InputError(f"{name} cannot be set up so: {first_complaint(error)}") from error


def make_method(name: str, encoder: nn.Module, config: MethodConfig) -> Method:
    """The method with that encoder.

    Raises
    ------
    InputError
        If the two make no sense together; the reason is given.
    """
    for view in _views(config):
        _refuse_view(as_encoder(encoder).smallest, encoder, view)
    return METHODS[name][1](encoder, config)


def first_complaint(error: ValidationError) -> str:
    """What pydantic found first, as half a sentence."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: {said}." if where else f"{said}."


def _views(config: MethodConfig) -> list[ViewConfig]:
    values = (getattr(config, name) for name in type(config).model_fields)
    return [value for value in values if isinstance(value, ViewConfig)]


def _refuse_view(smallest: int, encoder: nn.Module, view: ViewConfig) -> None:
    if view.size < smallest:
        raise InputError(
            f"Views of {view.size} pixels are too small for this encoder, which needs {smallest}."
        )
    if isinstance(encoder, VisionTransformer) and view.size % encoder.patch:
        raise InputError(
            f"Views of {view.size} pixels do not divide into patches of {encoder.patch}."
        )
