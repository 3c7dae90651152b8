"""Corrected cases as they come: whose they are, what they name, and whether they can be right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cmr.core import InputError, LabelArray, Structure
from napari_cmr.io.manifest import ManifestRow, read_manifest
from napari_cmr.learn.examples import LabelledRow, load_labelled
from napari_cmr.learn.versions.kinds import kind_of, rows_of_task
from napari_cmr.learn.versions.record import Correction
from napari_cmr.nets.segmenter_tasks import CINE

ENCLOSED = 0.6
OPEN = 0.4
_LISTED = 3
_NOT_SAID = np.uint8(255)


def load_corrections(
    manifests: Sequence[Path], task: str = CINE, say: Callable[[str], None] = lambda _: None
) -> list[LabelledRow]:
    """Load a task's labelled rows of manifests, all of one project, and those with strokes only.

    The rows of each manifest name the structures that any of them has, as in
    :func:`load_labelled`. Rows that are said to show what another task is for are left out.

    Parameters
    ----------
    say
        Told what was left out.

    Raises
    ------
    InputError
        If a manifest or a file is at fault, one subject id stands for two studies, or the
        labels cannot be those of the map they are said to be in.
    """
    sets = [_labelled(path) for path in manifests]
    _, left_out = rows_of_task([row for rows in sets for row in rows], task)
    if left_out:
        say(left_out)
        sets = [[row for row in rows if kind_of(row) in ("", task)] for rows in sets]
    _refuse_two_of_a_name([row for rows in sets for row in rows])
    loaded = [row for rows in sets if rows for row in load_labelled(rows, scribbles=True)]
    if not loaded:
        raise InputError("The manifest has no labelled row to train on.")
    if not any(row.structures for row in loaded):
        raise InputError(
            "All labels of the manifest are empty, so nothing says which structures were looked "
            "for; name them in a column 'structures', as in 'LV MYO RV'."
        )
    _refuse_wrong_map(loaded)
    return loaded


def _labelled(manifest: Path) -> list[ManifestRow]:
    rows = read_manifest(manifest, need_labels=True)
    return [row for row in rows if row.label is not None or row.scribble is not None]


def _refuse_two_of_a_name(rows: Sequence[ManifestRow]) -> None:
    seen: dict[tuple[str, ...], ManifestRow] = {}
    for row in rows:
        of = row.columns.get("stack", "")
        place = (row.subject, row.frame, row.slice, row.view, row.sequence, of)
        other = seen.setdefault(place, row)
        if other.image.resolve() != row.image.resolve():
            raise InputError(
                f"Two images have the same subject id, frame and slice ({row.subject}: "
                f"{other.image.name} and {row.image.name}); if these are two people give them "
                "ids of their own, else say which frame each is."
            )
        if other is not row:
            raise InputError(
                f"{row.subject} has {row.image.name} twice in the manifest; take one row out."
            )


def describe(loaded: Sequence[LabelledRow], keys: Mapping[str, str]) -> tuple[Correction, ...]:
    """The corrections by hash.

    Parameters
    ----------
    keys
        Subject to its salted hash.
    """
    return tuple(
        Correction(
            subject=keys[row.subject],
            image_sha256=_hash(row.stack.pixels[list(row.phases)].astype(np.float32)),
            label_sha256=_hash(np.where(row.said, row.labels, _NOT_SAID)),
            structures=tuple(Structure(s).name for s in row.structures),
        )
        for row in loaded
    )


def refuse_same_pictures(corrections: Sequence[Correction]) -> None:
    """Refuse pictures that come under two subject ids, since one could train and one judge.

    Raises
    ------
    InputError
        If there are any.
    """
    whose: dict[str, str] = {}
    for correction in corrections:
        if whose.setdefault(correction.image_sha256, correction.subject) != correction.subject:
            raise InputError(
                "The same pictures come under two subject ids; give a person one id everywhere."
            )


def _refuse_wrong_map(loaded: Sequence[LabelledRow]) -> None:
    """The wall lies round the left cavity; where it lies round what is called RV, maps differ."""
    swapped: list[str] = []
    told = 0
    for row in loaded:
        shares = _shares_in_wall(row.labels)
        if shares is None:
            continue
        told += 1
        lv, rv = shares
        if rv > ENCLOSED and lv < OPEN:
            swapped.append(row.subject)
    if swapped and 2 * len(swapped) > told:
        names = sorted(set(swapped))
        listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
        raise InputError(
            f"In the labels of {len(names)} subject(s) ({listed}) the wall lies round what is "
            "called RV; give the manifest's column label_map the map they were drawn in, as acdc."
        )


def _shares_in_wall(labels: LabelArray) -> tuple[float, float] | None:
    """What share of the LV's and the RV's border touches wall; None where one is missing."""
    wall = np.isin(labels, (Structure.MYO, Structure.INFARCT, Structure.MVO))
    shares = []
    in_plane = np.zeros((1, 1, 3, 3), bool)
    in_plane[0, 0, 1, :] = in_plane[0, 0, :, 1] = True
    for cavity in (Structure.LV, Structure.RV):
        inside = labels == cavity
        border = ndimage.binary_dilation(inside, in_plane) & ~inside
        if not border.any() or not wall.any():
            return None
        shares.append(float(wall[border].mean()))
    return shares[0], shares[1]


def _hash(array: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256(f"{array.shape} {array.dtype}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
