"""The shelf's cards: which models there are. Needs no torch."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from napari_cmr.core import ModelError
from napari_cmr.nets.card import Card

CARD = "card.json"
WEIGHTS = "model.safetensors"


def shelf_folder() -> Path:
    """Folder of the shipped models."""
    return Path(str(resources.files("napari_cmr"))) / "models"


def list_models(folder: Path | None = None) -> list[Card]:
    """Cards of all models on a shelf, best first within a task.

    Best is the one whose card says it is finished and whose version is the newest.
    """
    folder = folder or shelf_folder()
    cards = [read_card(path.parent) for path in sorted(folder.glob(f"*/{CARD}"))]
    return sorted(cards, key=lambda c: (c.task, not c.finished, _newest_first(c.version)))


def read_card(folder: Path) -> Card:
    """Read the card in a version's folder.

    Raises
    ------
    ModelError
        If there is none or it does not hold what a card holds.
    """
    path = folder / CARD
    if not path.is_file():
        raise ModelError(f"{folder} holds no {CARD}, so it is not a model.")
    try:
        return Card.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise ModelError(f"The card {path} is damaged.") from error


def refuse_other_task(folder: Path, task: str) -> None:
    """Refuse to train a model of a task into a folder that holds one of another, or into a file.

    Raises
    ------
    ModelError
        If it is one, or the card there is damaged.
    """
    if folder.is_file():
        raise ModelError(f"{folder} is a file; choose a folder for the model.")
    if not (folder / CARD).is_file():
        return
    card = read_card(folder)
    if card.task != task:
        raise ModelError(
            f"{folder} holds {card.name} {card.version}, a model for {card.task}; choose another "
            f"folder for one for {task}."
        )


def find_card(name: str | Path) -> Card:
    """The card of a model on the shelf or in a folder.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    return read_card(find_folder(name))


def find_folder(name: str | Path) -> Path:
    """The folder of a model on the shelf, or the folder itself.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    for folder in (Path(name), shelf_folder() / str(name)):
        if (folder / CARD).is_file():
            return folder
    known = ", ".join(card.name for card in list_models()) or "none"
    raise ModelError(f"There is no model '{name}'; on the shelf are: {known}.")


def _newest_first(version: str) -> tuple[int, ...]:
    return tuple(-int(part) for part in version.split(".") if part.isdigit())
