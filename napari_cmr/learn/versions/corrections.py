"""Corrected cases as they come: whose they are, what they name, and whether they can be right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import InputError, Structure
from napari_cmr.io.manifest import ManifestRow, read_manifest
from napari_cmr.learn.examples import LabelledRow, load_labelled
from napari_cmr.learn.finetune import refuse_overlap
from napari_cmr.learn.label_faults import TWO_IDS, refuse_two_of_a_name, refuse_wrong_map
from napari_cmr.learn.versions.kinds import kind_of, rows_of_task
from napari_cmr.learn.versions.record import Correction
from napari_cmr.nets.segmenter_tasks import CINE

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
        If a manifest or a file is at fault, one subject id stands for two studies or is in two
        splits of a manifest, or the labels cannot be those of the map they are said to be in.
    """
    sets = [_labelled(path) for path in manifests]
    _, left_out = rows_of_task([row for rows in sets for row in rows], task)
    if left_out:
        say(left_out)
        sets = [[row for row in rows if kind_of(row) in ("", task)] for rows in sets]
    refuse_two_of_a_name([row for rows in sets for row in rows])
    for path, rows in zip(manifests, sets, strict=True):
        _refuse_two_splits(path, rows)
    loaded = [row for rows in sets if rows for row in load_labelled(rows, scribbles=True)]
    if not loaded:
        raise InputError("The manifest has no labelled row to train on.")
    if not any(row.structures for row in loaded):
        raise InputError(
            "All labels of the manifest are empty, so nothing says which structures were looked "
            "for; name them in a column 'structures', as in 'LV MYO RV'."
        )
    refuse_wrong_map(loaded)
    return loaded


def load_offered(
    manifests: Sequence[Path],
    task: str = CINE,
    labelled: Sequence[LabelledRow] = (),
    say: Callable[[str], None] = lambda _: None,
) -> list[ManifestRow]:
    """Rows of images that may join a task's training without labels.

    Parameters
    ----------
    labelled
        Whose files must not come under another subject id, since some of them judge.
    say
        Told what was left out.

    Raises
    ------
    InputError
        If a manifest is at fault, or has a labelled image under another subject id.
    """
    rows = [row for path in manifests for row in read_manifest(path)]
    kept = [row for row in rows if kind_of(row) in ("", task)]
    if len(kept) < len(rows):
        say(f"{len(rows) - len(kept)} unlabelled image(s) are for other tasks and left out")
    whose = {row.row.image.resolve(): row.subject for row in labelled}
    if any(whose.get(row.image.resolve(), row.subject) != row.subject for row in kept):
        raise InputError(TWO_IDS)
    return kept


def _refuse_two_splits(manifest: Path, rows: Sequence[ManifestRow]) -> None:
    """As a fine-tuning does; another manifest may call somebody otherwise, who stays as placed."""
    train = [row for row in rows if row.split in ("", "train")]
    held = [row for row in rows if row.split == "validation"]
    refuse_overlap({manifest: train}, {manifest: held})


def _labelled(manifest: Path) -> list[ManifestRow]:
    rows = read_manifest(manifest, need_labels=True)
    return [row for row in rows if row.label is not None or row.scribble is not None]


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
            raise InputError(TWO_IDS)


def _hash(array: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256(f"{array.shape} {array.dtype}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
