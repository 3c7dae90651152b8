"""The verb that writes a report: one page to look at, of a cine or of late enhancement."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from napari_cmr.core import InputError

if TYPE_CHECKING:
    from napari_cmr.cli.measured import Request

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
    of_lge = {
        "--method": method,
        "--remote": remote,
        "--remote-sector": remote_sector,
        "--remote-slices": remote_slices,
        "--septum": septum,
    }
    of_cine = {
        "--model": model,
        "--ed": ed,
        "--es": es,
        "--height-cm": height_cm,
        "--weight-kg": weight_kg,
        "--heart-rate": heart_rate,
        "--sex": sex,
        "--age": age,
        "--bsa": bsa,
        "--reference": reference,
        "--resample-time": resample_time or None,
    }
    for option, value in (of_cine if kind is Kind.LGE else of_lge).items():
        if value not in (None, "", []):
            raise InputError(f"{option} says nothing of a report of kind {kind}; leave it out.")
    if kind is Kind.LGE:
        from napari_cmr.cli.measured import Request

        request = Request(
            labels=labels,
            images=path,
            stack=stack,
            label_map=label_map,
            spacing=spacing,
            method=tuple(method or ()),
            remote=remote,
            remote_sector=remote_sector,
            remote_slices=remote_slices,
            septum=septum,
            made_by=made_by,
        )
        _say(_enhancement(request, project, reader, out), out)
        return
    from napari_cmr import measure
    from napari_cmr import report as reports
    from napari_cmr.cli.labelled import Wanted
    from napari_cmr.cli.reported import read
    from napari_cmr.measure.reference import SHIPPED

    person = measure.Person(height_cm, weight_kg, heart_rate, measure.Sex.parse(sex), age)
    formula = measure.BsaFormula.parse(bsa or measure.BsaFormula.MOSTELLER)
    ranges = SHIPPED if reference is None else measure.read_reference_table(reference)
    wanted = Wanted(path, stack, spacing, resample_time)
    found = read(wanted, labels, model, label_map, made_by, project, reader)
    measures = measure.function(
        found.segmentation,
        ed=found.ed if ed is None else ed,
        es=found.es if es is None else es,
        heart_rate_bpm=heart_rate,
    )
    clinical = measure.clinical_numbers(
        found.segmentation,
        measures,
        person,
        bsa_formula=formula,
        reference=ranges,
        septa=found.septa,
    )
    content = reports.compose(
        found.stack, found.segmentation, measures, clinical, review=found.review
    )
    reports.write_pdf(content, out / PDF)
    reports.write_html(content, out / HTML)
    write_json(out / JSON, clinical.as_dict())
    _say(content.findings, out)


def _enhancement(
    request: Request, project: Path | None, reader: str | None, out: Path
) -> tuple[str, ...]:
    from napari_cmr import measure
    from napari_cmr import report as reports
    from napari_cmr.cli import measured

    found = measured.enhancement(request, project, reader)
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


def _say(findings: tuple[str, ...], out: Path) -> None:
    for finding in findings:
        typer.echo(f"note: {finding}")
    typer.echo("wrote " + ", ".join(str(out / name) for name in (PDF, HTML, JSON)))
