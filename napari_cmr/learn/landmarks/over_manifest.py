"""Predict and evaluate landmarks over a manifest."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from napari_cmr.core import InputError, Progress, replacing
from napari_cmr.io.manifest import ManifestRow, join_slices, load_image, read_manifest
from napari_cmr.learn.evaluate import as_json
from napari_cmr.learn.landmarks.kinds import TASK, kind_of, load_landmarks
from napari_cmr.learn.landmarks.scores import measure_landmarks
from napari_cmr.nets.heat_maps import FoundLandmarks, find_landmarks

_STATED = ("subject", "image", "frame", "slice")
_SURE = 0.3


def predict_landmarks(
    manifest: Path,
    out: Path,
    *,
    model: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Find the landmarks of every image of a manifest and write ``predictions.csv``.

    Returns
    -------
    Path
        The CSV: one row a manifest row in its order, ``subject,image,frame,slice``, then for
        each landmark ``NAME_row,NAME_col`` in pixels counted from the middle of the first, and
        ``NAME_surety`` (0 to 1). Of an image with several slices these are of one slice,
        ``landmark_slice``: that of the column ``slice``, else the middle one of those whose
        contours show them; ``NAME_rows,NAME_cols,NAME_sureties`` have all slices, with
        semicolons between. Of several phases the one that ``frame`` numbers is seen, else the
        first.

    Raises
    ------
    InputError
        If the manifest, an image it names, or the model is at fault.
    """
    rows = read_manifest(manifest)
    kind = kind_of(rows)
    loaded = load_landmarks(kind, model)
    numbers = {id(row): index for index, row in enumerate(rows)}
    records: dict[int, list[Any]] = {}
    for stack_row in join_slices(rows):
        stack = load_image(stack_row)
        phase = int(stack_row.frame) if stack_row.frame.isdigit() else 0
        phase = phase if phase < stack.shape[0] else 0
        found = find_landmarks(stack, loaded, phases=[phase])[phase]
        for place, row in enumerate(stack_row.slices or (stack_row,)):
            z = place if stack_row.slices else _slice(row, found)
            stated = [row.subject, row.columns["image"], row.frame, row.slice]
            records[numbers[id(row)]] = stated + _numbers(found, z, whole=not stack_row.slices)
        if progress is not None:
            progress(len(records), len(rows))
    names = [f"{p}_{what}" for p in kind.points for what in ("row", "col", "surety")]
    names += [f"{p}_{what}" for p in kind.points for what in ("rows", "cols", "sureties")]
    table = out / "predictions.csv"
    out.mkdir(parents=True, exist_ok=True)
    with replacing(table) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*_STATED, "landmark_slice", *names))
        writer.writerows(records[index] for index in range(len(rows)))
    return table


def evaluate_landmarks(
    manifest: Path,
    *,
    model: str | Path | None = None,
    split: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure landmarks on the labelled rows of a manifest, as ``evaluate --json`` writes.

    See :func:`measure_landmarks`.

    Raises
    ------
    InputError
        If the manifest, an image it names, or the model is at fault, or the split is empty.
    """
    rows = [r for r in read_manifest(manifest, need_labels=True) if split in ("", r.split)]
    if not rows:
        raise InputError(f"The manifest {manifest.name} has no row of the split '{split}'.")
    kind = kind_of(rows)
    loaded = load_landmarks(kind, model)
    n, total = 0, len(join_slices([row for row in rows if row.label is not None]))

    def done() -> None:
        nonlocal n
        n += 1
        if progress is not None:
            progress(n, total)

    subjects, mean = measure_landmarks(rows, kind, loaded, done=done)
    if not subjects:
        raise InputError("No mask of the manifest shows the landmarks; nothing can be measured.")
    return as_json(TASK, loaded.head.title, subjects, mean)


def _slice(row: ManifestRow, found: FoundLandmarks) -> int:
    """The slice that a row's one answer is of."""
    n = len(found.places)
    if row.slice.isdigit() and int(row.slice) < n:
        return int(row.slice)
    sure = np.flatnonzero(found.by_contours)
    if not len(sure):
        sure = np.flatnonzero(found.surety.min(axis=1) > _SURE)
    return int(sure[len(sure) // 2]) if len(sure) else n // 2


def _numbers(found: FoundLandmarks, z: int, *, whole: bool) -> list[Any]:
    one, every = [], []
    shown = slice(None) if whole else slice(z, z + 1)
    for k in range(found.places.shape[1]):
        row, column = found.places[z, k]
        one += [f"{row:.2f}", f"{column:.2f}", f"{found.surety[z, k]:.3f}"]
        every += [
            ";".join(f"{v:.2f}" for v in found.places[shown, k, 0]),
            ";".join(f"{v:.2f}" for v in found.places[shown, k, 1]),
            ";".join(f"{v:.3f}" for v in found.surety[shown, k]),
        ]
    return [z if whole else 0, *one, *every]
