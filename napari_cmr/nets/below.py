"""What a head sits on, kept beside the head where the shelf does not have it."""

from __future__ import annotations

import shutil
from pathlib import Path

from napari_cmr.core import replacing
from napari_cmr.nets.card_shelf import CARD, WEIGHTS, find_folder, shelf_folder

BELOW = "below"


def keep_below(head: Path, model: str | Path) -> None:
    """Copy a model into the folder of a head that was trained on it, unless it is on the shelf.

    What that model itself sits on goes with it, if it lies beside it.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    folder = find_folder(model)
    if folder.resolve().parent == shelf_folder().resolve():
        return
    if (folder / BELOW / CARD).is_file():
        keep_below(head / BELOW, folder / BELOW)
    for name in (WEIGHTS, CARD):  # the card last: without it nothing is there
        with replacing(head / BELOW / name) as part:
            shutil.copyfile(folder / name, part)


def find_below(head: str | Path | None, name: str) -> str | Path:
    """The folder of what a head sits on: beside it, else on the shelf; its name if in neither.

    Parameters
    ----------
    head
        The head's name or folder; None for the shelf's best.
    name
        What the head's card names.
    """
    if head is not None and (find_folder(head) / BELOW / CARD).is_file():
        return find_folder(head) / BELOW
    shelved = shelf_folder() / name  # and no folder of that name where one happens to be
    return shelved if (shelved / CARD).is_file() else name
