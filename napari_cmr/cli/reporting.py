"""The verb that writes a report: one page to look at, of a cine or of late enhancement."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_cmr.cli.options import (
    ModelName,
    OutFolder,
    SpacingText,
    StackId,
    StudyPath,
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
    kind: Annotated[Kind, typer.Option("--kind", help="cine, or lge (needs --labels).")] = (
        Kind.CINE
    ),
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Label NIfTI, DICOM SEG, or their folder; else segmented."),
    ] = None,
    model: ModelName = None,
    stack: StackId = None,
    spacing: SpacingText = "",
    label_map: Annotated[
        str, typer.Option("--label-map", help="How --labels numbers structures: cmr, acdc, ...")
    ] = "cmr",
    made_by: Annotated[
        str, typer.Option("--made-by", help="What made --labels: a model's name and version.")
    ] = "",
    project: Annotated[
        Path | None,
        typer.Option("--project", help="A project's folder: its corrected labels and their log."),
    ] = None,
    reader: Annotated[
        str | None, typer.Option("--reader", help="Whose labels, where several read the stack.")
    ] = None,
    ed: Annotated[int | None, typer.Option(help="End-diastolic phase, from 0.")] = None,
    es: Annotated[int | None, typer.Option(help="End-systolic phase, from 0.")] = None,
    height_cm: Annotated[float | None, typer.Option(help="Body height.")] = None,
    weight_kg: Annotated[float | None, typer.Option(help="Body weight.")] = None,
    heart_rate: Annotated[float | None, typer.Option(help="Beats a minute.")] = None,
    sex: Annotated[str, typer.Option(help="F or M, for reference ranges.")] = "",
    age: Annotated[float | None, typer.Option(help="Years, for reference ranges.")] = None,
    bsa: Annotated[
        str, typer.Option(help="Body surface area by Mosteller (if not said) or 'Du Bois'.")
    ] = "",
    reference: Annotated[
        Path | None, typer.Option(help="CSV of your own reference ranges; else the shipped few.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="lge: 2-SD, 5-SD, 6-SD, FWHM or labels; repeat."),
    ] = None,
    remote: Annotated[
        Path | None, typer.Option("--remote", help="lge: remote wall, as in measure.")
    ] = None,
    remote_sector: Annotated[
        str, typer.Option(metavar="FROM,TO", help="lge: remote wall by degrees, as in measure.")
    ] = "",
    remote_slices: Annotated[
        str, typer.Option(metavar="Z,Z,...", help="lge: slices of --remote-sector.")
    ] = "",
    septum: Annotated[
        str,
        typer.Option(metavar="ANTERIOR,INFERIOR", help="lge: RV insertion points, as in measure."),
    ] = "",
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
        "--project": project,
        "--reader": reader,
        "--ed": ed,
        "--es": es,
        "--height-cm": height_cm,
        "--weight-kg": weight_kg,
        "--heart-rate": heart_rate,
        "--sex": sex,
        "--age": age,
        "--bsa": bsa,
        "--reference": reference,
    }
    for option, value in (of_cine if kind is Kind.LGE else of_lge).items():
        if value not in (None, "", []):
            raise InputError(f"{option} says nothing of a report of kind {kind}; leave it out.")
    if kind is Kind.LGE:
        if labels is None:
            raise InputError("A report of late enhancement needs --labels; no model draws them.")
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
        _say(_enhancement(request, out), out)
        return
    from napari_cmr import measure
    from napari_cmr import report as reports
    from napari_cmr.cli.reported import read
    from napari_cmr.measure.reference import SHIPPED

    person = measure.Person(height_cm, weight_kg, heart_rate, measure.Sex.parse(sex), age)
    formula = measure.BsaFormula.parse(bsa or measure.BsaFormula.MOSTELLER)
    ranges = SHIPPED if reference is None else measure.read_reference_table(reference)
    found = read(path, labels, model, stack, spacing, label_map, made_by, project, reader)
    measures = measure.function(
        found.segmentation,
        ed=found.ed if ed is None else ed,
        es=found.es if es is None else es,
        heart_rate_bpm=heart_rate,
    )
    clinical = measure.clinical_numbers(
        found.segmentation, measures, person, bsa_formula=formula, reference=ranges
    )
    content = reports.compose(
        found.stack, found.segmentation, measures, clinical, review=found.review
    )
    reports.write_pdf(content, out / PDF)
    reports.write_html(content, out / HTML)
    write_json(out / JSON, clinical.as_dict())
    _say(content.findings, out)


def _enhancement(request: Request, out: Path) -> tuple[str, ...]:
    from napari_cmr import measure
    from napari_cmr import report as reports
    from napari_cmr.cli.measured import enhancement

    found = enhancement(request)
    content = reports.compose_enhancement(
        found.stack, found.segmentation, found.measurement, remote=found.remote
    )
    reports.write_pdf(content, out / PDF)
    reports.write_html(content, out / HTML)
    measure.write_numbers_json(out / JSON, found.measurement)
    return content.findings


def _say(findings: tuple[str, ...], out: Path) -> None:
    for finding in findings:
        typer.echo(f"note: {finding}")
    typer.echo("wrote " + ", ".join(str(out / name) for name in (PDF, HTML, JSON)))
