"""Settings of a run as a user wrote them, turned into what the engine takes."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining.pretrain import GRID
from napari_cmr.learn.pretraining.registry import first_complaint
from napari_cmr.learn.pretraining.run import RunConfig
from napari_cmr.nets import InputGrid


def run_of(settings: dict[str, Any]) -> RunConfig:
    """The run's settings.

    Raises
    ------
    InputError
        If one is unknown or out of range.
    """
    try:
        return RunConfig(**settings)
    except ValidationError as error:
        raise InputError(f"The run cannot be set up so: {first_complaint(error)}") from error


def grid_of(settings: dict[str, Any]) -> InputGrid:
    """The grid of the packed images, 1.4 mm and 144 pixels unless said otherwise.

    Raises
    ------
    InputError
        If a setting is unknown or out of range.
    """
    try:
        return InputGrid(**{**GRID.model_dump(), **settings})
    except ValidationError as error:
        raise InputError(f"The grid cannot be set up so: {first_complaint(error)}") from error
