"""Settings of a training from JSON, or from the card of one that was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from napari_cmr.core import InputError

Settings = TypeVar("Settings", bound=BaseModel)
TOLD_ELSEWHERE = ("start", "localiser_of", "heart_crop", "weights")
"""What a card's recipe says beside the settings."""


def read_settings(path: Path, default: Settings) -> Settings:
    """Read settings from JSON, or a card's recipe; what it does not say is as in ``default``.

    Raises
    ------
    InputError
        If the file is no JSON, or a setting is unknown or out of range.
    """
    told = told_in(path)
    try:
        return type(default).model_validate(_merged(default.model_dump(mode="json"), told))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where or 'the settings'}: {first['msg']}.") from error


def told_in(path: Path) -> dict[str, Any]:
    """The settings that a JSON names; a card's are its recipe.

    Raises
    ------
    InputError
        If the file is no JSON of names.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON.") from error
    if not isinstance(told, dict):
        raise InputError(f"{path} should hold settings by their names.")
    told = told.get("recipe", told)  # a whole card will do
    if not isinstance(told, dict):
        raise InputError(f"{path} should hold settings by their names.")
    return {k: v for k, v in told.items() if k not in TOLD_ELSEWHERE}


def _merged(settings: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Settings with what was told in their place, part by part."""
    parts = {
        name: _merged(settings[name], value)
        if isinstance(value, dict) and isinstance(settings.get(name), dict)
        else value
        for name, value in told.items()
    }
    return settings | parts
