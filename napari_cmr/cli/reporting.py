"""The verb that writes a report: one page to look at, of a cine or of late enhancement."""

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
    GivenLabels,
    HeartRate,
    HeightCm,
    LabelMapName,
    MadeBy,
    ModelName,
    OutFolder,
    OwnRanges,
    RemoteFile,
    RemoteSector,
    RemoteSlices,
    ResampleTime,
    ScarMethods,
    Septum,
    SexLetter,
    SpacingText,
    StackId,
    StudyPath,
    WeightKg,
    write_json,
)
from napari_cmr.cli.request import Request

PDF, HTML, JSON = "report.pdf", "report.html", "numbers.json"


class Kind(StrEnum):
    """What a report is about."""

    CINE = "cine"
    LGE = "lge"


def report(
    path: StudyPath,
    out: OutFolder,
    kind: Annotated[Kind, typer.Option("--kind", help="cine, or lge (--labels or --project).")] = (
        Kind.CINE
    ),
    labels: GivenLabels = None,
    model: ModelName = None,
    stack: StackId = None,
    spacing: SpacingText = "",
    resample_time: ResampleTime = False,
    label_map: LabelMapName = "cmr",
    made_by: MadeBy = "",
    project: Annotated[
        Path | None,
        typer.Option("--project", help="A project's folder: its corrected labels and their log."),
    ] = None,
    reader: Annotated[
        str | None, typer.Option("--reader", help="Whose labels, where several read the stack.")
    ] = None,
    ed: EdPhase = None,
    es: EsPhase = None,
    height_cm: HeightCm = None,
    weight_kg: WeightKg = None,
    heart_rate: HeartRate = None,
    sex: SexLetter = "",
    age: Age = None,
    bsa: BsaName = "",
    reference: OwnRanges = None,
    method: ScarMethods = None,
    remote: RemoteFile = None,
    remote_sector: RemoteSector = "",
    remote_slices: RemoteSlices = "",
    septum: Septum = "",
) -> None:
    """Write one page with pictures, curve, segments and numbers, as PDF and HTML."""
    request = Request.of(locals(), images=path)
    request.check("report", kind, tuple(Kind))
    findings = _cine(request, path, out) if kind is Kind.CINE else _enhancement(request, out)
    for finding in findings:
        typer.echo(f"note: {finding}")
    typer.echo("wrote " + ", ".join(str(out / name) for name in (PDF, HTML, JSON)))


def _cine(request: Request, study: Path, out: Path) -> tuple[str, ...]:
    from napari_cmr import report as reports
    from napari_cmr.cli.measured import clinical
    from napari_cmr.cli.reported import read

    clinical_of = clinical(request)
    found = read(request, study)
    ed = found.ed if request.ed is None else request.ed
    es = found.es if request.es is None else request.es
    measures, numbers = clinical_of(found.segmentation, ed, es, found.septa)
    content = reports.compose(
        found.stack, found.segmentation, measures, numbers, review=found.review
    )
    reports.write_pdf(content, out / PDF)
    reports.write_html(content, out / HTML)
    write_json(out / JSON, numbers.as_dict())
    return content.findings


def _enhancement(request: Request, out: Path) -> tuple[str, ...]:
    from napari_cmr import measure
    from napari_cmr import report as reports
    from napari_cmr.cli.measured import enhancement

    found = enhancement(request)
    content = reports.compose_enhancement(
        found.stack,
        found.segmentation,
        found.measurement,
        remote=found.remote,
        review=found.review,
    )
    reports.write_pdf(content, out / PDF)
    reports.write_html(content, out / HTML)
    measure.write_numbers_json(out / JSON, found.measurement)
    return content.findings
