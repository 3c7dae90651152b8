"""What napari calls to open a folder or file: File menu, drag and drop, `viewer.open`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari.utils import progress as napari_progress
from napari.utils.notifications import show_error, show_info

from napari_cmr import io
from napari_cmr.core import InputError, Stack
from napari_cmr.review import suggested
from napari_cmr.ui.layers import LayerData, Source, image_layer

Reader = Callable[[str], list[LayerData] | list[tuple[None]]]

_NOTHING: list[tuple[None]] = [(None,)]
"""napari's sign for: read, and there is nothing to show."""


def get_reader(path: str | list[str]) -> Reader | None:
    """Say whether this plugin may read a path: one file or one folder."""
    if isinstance(path, list):
        if len(path) != 1:
            return None
        path = path[0]
    return None if Path(path).suffix == ".zarr" else read


def read(path: str | list[str]) -> list[LayerData] | list[tuple[None]]:
    """Read the stacks of one study; the one to look at first comes last, that is, on top.

    Where a folder holds several subjects, the stacks of one are read.
    """
    place = Path(path[0] if isinstance(path, list) else path)
    try:
        catalogue = io.scan(place)
    except InputError as error:
        show_error(str(error))
        return _NOTHING
    first = suggested(catalogue)
    stacks = _load_study(catalogue, first)
    stacks.sort(key=lambda stack: stack.stack_id == first)
    layers = [image_layer(Source(catalogue, stack)) for stack in stacks]
    for _, options, _ in layers[:-1]:
        options["visible"] = False
    return layers or _NOTHING


def _load_study(catalogue: io.Catalogue, first: str) -> list[Stack]:
    subject = next(e.subject for e in catalogue.entries if e.stack_id == first)
    entries = [e for e in catalogue.entries if e.subject == subject and _wanted(e, first)]
    if len({e.subject for e in catalogue.entries}) > 1:
        show_info(f"{catalogue.path} holds several subjects; the stacks of one were opened.")
    stacks = []
    for entry in napari_progress(entries, desc="Loading images"):
        try:
            stacks.append(io.load(entry))
        except InputError as error:
            show_error(f"{entry.stack_id} was left out: {error}")
    return stacks


def _wanted(entry: io.Entry, first: str) -> bool:
    return not entry.left_alone or entry.stack_id == first
