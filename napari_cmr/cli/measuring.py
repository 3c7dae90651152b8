"""The verb that measures labels: function, late enhancement, maps, the long axis."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_cmr.cli.options import (
    Age,
    BsaName,
    EdPhase,
    EsPhase,
    HeartRate,
    HeightCm,
    JsonFile,
    LabelMapName,
    OwnRanges,
    RemoteFile,
    RemoteSector,
    RemoteSlices,
    ScarMethods,
    Septum,
    SexLetter,
    SpacingText,
    StackId,
    WeightKg,
)
from napari_cmr.cli.request import Request


class Kind(StrEnum):
    """What labels are measured for."""

    CINE = "cine"
    LGE = "lge"
    T1 = "t1"
    T2 = "t2"
    ECV = "ecv"
    CH4 = "4ch"


def measure(
    labels: Annotated[
        Path,
        typer.Argument(help="A label NIfTI (x, y, slice, phase); with --images DICOM SEG too."),
    ],
    kind: Annotated[
        Kind, typer.Option("--kind", help="cine, lge, t1, t2, ecv (two T1 maps) or 4ch.")
    ] = Kind.CINE,
    images: Annotated[
        Path | None,
        typer.Option("--images", help="The images that the labels are of; lge and maps need them."),
    ] = None,
    stack: StackId = None,
    label_map: LabelMapName = "cmr",
    spacing: SpacingText = "",
    ed: EdPhase = None,
    es: EsPhase = None,
    heart_rate: HeartRate = None,
    height_cm: HeightCm = None,
    weight_kg: WeightKg = None,
    sex: SexLetter = "",
    age: Age = None,
    bsa: BsaName = "",
    reference: OwnRanges = None,
    method: ScarMethods = None,
    remote: RemoteFile = None,
    remote_sector: RemoteSector = "",
    remote_slices: RemoteSlices = "",
    septum: Septum = "",
    margin_pixels: Annotated[
        int | None, typer.Option(help="Pixels of a map to keep clear of borders; 1 if not said.")
    ] = None,
    after: Annotated[Path | None, typer.Option(help="T1 map after contrast.")] = None,
    after_labels: Annotated[
        Path | None, typer.Option(help="Labels of --after; else the same as before.")
    ] = None,
    haematocrit: Annotated[float | None, typer.Option(help="Fraction such as 0.42.")] = None,
    json: JsonFile = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help="Write the numbers there, one a row, with unit and method."),
    ] = None,
) -> None:
    """Measure labels: volumes, EF and mass; late enhancement; T1, T2, ECV; the long axis."""
    request = Request.of(locals())
    request.check("measurement", kind, tuple(Kind))
    from napari_cmr.cli import measured

    measured.run(kind, request, json, csv)
