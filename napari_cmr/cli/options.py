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
VersionsOf = Annotated[
    Path | None,
    typer.Option(
        "--project", help="Use the version that this project uses for such images, if it has one."
    ),
]
StackId = Annotated[str | None, typer.Option("--stack", help="Name of the stack, as scan says.")]
SpacingText = Annotated[
    str,
    typer.Option("--spacing", metavar="Z,Y,X", help="Slice step, row, column in mm, if unknown."),
]
ResampleTime = Annotated[
    bool,
    typer.Option(
        "--resample-time",
        help="Keep slices with another number of phases: each phase the nearest image in time.",
    ),
]
GivenLabels = Annotated[
    Path | None,
    typer.Option("--labels", help="Label NIfTI, DICOM SEG, or their folder; else segmented."),
]
LabelMapName = Annotated[
    str, typer.Option("--label-map", help="How the labels number structures: cmr, acdc, ...")
]
MadeBy = Annotated[
    str, typer.Option("--made-by", help="What made --labels: a model's name and version.")
]
EdPhase = Annotated[int | None, typer.Option("--ed", help="End-diastolic phase, from 0.")]
EsPhase = Annotated[int | None, typer.Option("--es", help="End-systolic phase, from 0.")]
HeartRate = Annotated[
    float | None, typer.Option("--heart-rate", help="Beats a minute; for the cardiac output.")
]
HeightCm = Annotated[float | None, typer.Option("--height-cm", help="Body height.")]
WeightKg = Annotated[float | None, typer.Option("--weight-kg", help="Body weight.")]
SexLetter = Annotated[str, typer.Option("--sex", help="F or M, for reference ranges.")]
Age = Annotated[float | None, typer.Option("--age", help="Years, for reference ranges.")]
BsaName = Annotated[
    str,
    typer.Option("--bsa", help="Body surface area by Mosteller (if not said) or 'Du Bois'."),
]
OwnRanges = Annotated[
    Path | None,
    typer.Option("--reference", help="CSV of your own reference ranges; else the shipped few."),
]
ScarMethods = Annotated[
    list[str] | None,
    typer.Option("--method", help="lge: 2-SD, 5-SD, 6-SD, FWHM or labels; repeat; all if none."),
]
RemoteFile = Annotated[
    Path | None,
    typer.Option("--remote", help="lge: remote wall, a NIfTI on the images' grid, not 0 inside."),
]
RemoteSector = Annotated[
    str,
    typer.Option(
        "--remote-sector",
        metavar="FROM,TO",
        help="lge: remote wall by degrees round the LV, counter-clockwise from picture right.",
    ),
]
RemoteSlices = Annotated[
    str,
    typer.Option(
        "--remote-slices",
        metavar="Z,Z,...",
        help="lge: slices of --remote-sector, from 0; else all.",
    ),
]
Septum = Annotated[
    str,
    typer.Option(
        "--septum",
        metavar="ANTERIOR,INFERIOR",
        help="RV insertion points in the same degrees, where the RV is not labelled.",
    ),
]
Task = Annotated[str, typer.Option(help="What the model does.")]

HEADS = ("sequence_cls", "view_cls", "disease", "lge_pathology")
SEGMENTERS = ("cine_sax_seg", "cine_lax_seg", "lge_sax_seg", "mapping_sax_seg")
TIERS = ("auto", "head", "lora", "full")
TASKS = (*SEGMENTERS, "echo_lv_seg", "landmarks", *HEADS)


def check_task(task: str) -> None:
    """Refuse a task that this version has no head for."""
    if task not in TASKS:
        raise InputError(f"There is no task '{task}' in this version; there is {', '.join(TASKS)}.")


def check_tier(tier: str | None, task: str) -> None:
    """Refuse a tier that there is none of, or that a task has no use for."""
    if tier is None:
        return
    if tier not in TIERS:
        raise InputError(f"There is no tier '{tier}'; there are {', '.join(TIERS)}.")
    if task in (*HEADS, "landmarks") and tier not in ("auto", "head"):
        raise InputError(
            f"For {task} what lies below the head is frozen; take --tier head, or leave it out."
        )
    if task == "echo_lv_seg" and tier not in ("auto", "full"):
        raise InputError(f"For {task} the whole network is trained; take --tier full.")


def write_json(path: Path, result: Any) -> None:
    """Write a result whole or not at all; a number that is not finite is refused by name."""
    with replacing(path) as part:
        part.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
