"""Predict and evaluate over a manifest."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from napari_cmr.core import (
    Cancel,
    InputError,
    Progress,
    Segmentation,
    Stack,
    check_cancel,
    label_map,
    placing,
    replacing,
)
from napari_cmr.io.manifest import (
    PICTURES,
    ManifestRow,
    join_slices,
    load_image,
    read_manifest,
)
from napari_cmr.io.nifti import write_labels
from napari_cmr.learn.echo.evaluate import evaluate_echo
from napari_cmr.learn.evaluate import as_json, score_segmenter, summarise
from napari_cmr.nets import Model, load_model
from napari_cmr.nets import predict as predict_stack
from napari_cmr.nets.echo import ECHO_TASK

TABLE, DOUBTS = "predictions.csv", "uncertainty.json"
COLUMNS = ("subject", "image", "frame", "slice", "output")


def predict_manifest(
    manifest: Path,
    out: Path,
    *,
    task: str,
    model: str | Path | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Path:
    """Segment every image of a manifest and write ``predictions.csv``.

    Returns
    -------
    Path
        The CSV: one row a manifest row in its order, ``subject,image,frame,slice,output``,
        ``output`` being the label image's path relative to ``out``. All files appear together
        once the last image is done, in the place of an older call's.
        ``uncertainty.json`` beside it has an entry a stack: ``subject``, ``outputs``, ``study``
        and ``slices``, as `Uncertainty` says. Not of ultrasound.

    Raises
    ------
    InputError
        If the manifest, an image it names, or the model is at fault.
    """
    rows = read_manifest(manifest)
    loaded = load_model(model, task=task)
    with placing(out, overwrite=True) as part:
        doubts = _predict_rows(rows, part, loaded, progress, cancel)
        if doubts:
            text = json.dumps(doubts, indent=1) + "\n"
            (part / DOUBTS).write_text(text, encoding="utf-8")
        with (part / TABLE).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for index, row in enumerate(rows):
                stated = (row.subject, row.columns["image"], row.frame, row.slice)
                writer.writerow((*stated, _output_name(index, row)))
    if not doubts:
        (out / DOUBTS).unlink(missing_ok=True)  # an older call's, of other labels
    return out / TABLE


def evaluate_manifest(
    manifest: Path,
    *,
    task: str,
    model: str | Path | None = None,
    split: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a model on a manifest's labelled rows by the metrics of its task.

    See :func:`score_segmenter`, and :func:`evaluate_echo` for ultrasound. ``not_scored`` lists the
    structures of the labels that the model cannot draw.

    Raises
    ------
    InputError
        If the manifest, an image it names, or the model is at fault, or the split is empty.
    """
    rows = [r for r in read_manifest(manifest, need_labels=True) if split in ("", r.split)]
    if not rows:
        raise InputError(f"The manifest {manifest.name} has no row of the split '{split}'.")
    loaded = load_model(model, task=task)
    done = 0

    def segment(stack: Stack) -> Segmentation:
        nonlocal done
        found = predict_stack(stack, loaded, uncertainty=True)
        done += 1
        if progress is not None:
            progress(done, len(rows))
        return found

    if task == ECHO_TASK:
        scores = evaluate_echo(rows, segment, loaded.card.networks["segmenter"].structures[1:])
        return as_json(task, loaded.title, scores.subjects, scores.mean)
    found = score_segmenter(rows, segment, drawable=loaded.card.networks["segmenter"].structures)
    told = as_json(task, loaded.title, found.subjects, summarise(found.subjects))
    return told | {"not_scored": [s.name for s in found.not_scored]}


def _predict_rows(
    rows: Sequence[ManifestRow],
    out: Path,
    model: Model,
    progress: Progress | None,
    cancel: Cancel | None,
) -> list[dict[str, Any]]:
    """Write the labels of each row; what the model says of its own, an entry a stack."""
    doubts: list[dict[str, Any]] = []
    numbers = {id(row): index for index, row in enumerate(rows)}
    done = 0
    for stack in join_slices(rows):
        check_cancel(cancel)
        found = predict_stack(load_image(stack), model, uncertainty=True, cancel=cancel)
        parts = stack.slices or (stack,)
        outputs = [_output_name(numbers[id(row)], row) for row in parts]
        for place, output in enumerate(outputs):
            _write(found, place if stack.slices else None, out / output)
        if found.uncertainty is not None:
            told = found.uncertainty.as_dict()
            doubts.append({"subject": stack.subject, "outputs": outputs, **told})
        done += len(parts)
        if progress is not None:
            progress(done, len(rows))
    return doubts


def _output_name(index: int, row: ManifestRow) -> str:
    suffix = ".png" if row.image.suffix.lower() in PICTURES else ".nii.gz"
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", row.subject)[:60]
    return f"{index:05d}_{safe}{suffix}"


def _write(found: Segmentation, place: int | None, path: Path) -> None:
    """PNG for a picture, else NIfTI with the axes of the image.

    A picture shows the slice at that place, or all of them, one under the other as in the image.
    """
    if path.suffix == ".png":
        drawn = found.labels[0] if place is None else found.labels[0, place]
        labels = label_map("cmr").from_cmr(drawn.reshape(-1, drawn.shape[-1]))
        with replacing(path) as part:
            Image.fromarray(np.ascontiguousarray(labels)).save(part, format="PNG")
    else:
        write_labels(found, path, phase_axis=False)
