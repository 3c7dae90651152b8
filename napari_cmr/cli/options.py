"""Options that several verbs share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_cmr.core import InputError, replacing

StudyPath = Annotated[Path, typer.Argument(help="A folder or file: DICOM, NIfTI, or a zip.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the result there as JSON.")]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for the results.")]
ModelName = Annotated[
    str | None,
    typer.Option("--model", help="Name on the shelf or a version's folder; else the best."),
]
StackId = Annotated[str | None, typer.Option("--stack", help="Name of the stack, as scan says.")]
SpacingText = Annotated[
    str,
    typer.Option("--spacing", metavar="Z,Y,X", help="Slice step, row, column in mm, if unknown."),
]
Task = Annotated[str, typer.Option(help="What the model does.")]

HEADS = ("sequence_cls", "view_cls", "disease", "lge_pathology")
SEGMENTERS = ("cine_sax_seg", "cine_lax_seg", "lge_sax_seg")
TASKS = (*SEGMENTERS, "echo_lv_seg", *HEADS)


def check_task(task: str) -> None:
    """Refuse a task that this version has no head for."""
    if task not in TASKS:
        raise InputError(f"There is no task '{task}' in this version; there is {', '.join(TASKS)}.")


def write_json(path: Path, result: Any) -> None:
    """Write a result whole or not at all; a number that is not finite is refused by name."""
    with replacing(path) as part:
        part.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
