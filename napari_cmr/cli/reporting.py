"""The verb that writes a report of a short-axis cine: one page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_cmr.cli.options import (
    ModelName,
    OutFolder,
    SpacingText,
    StackId,
    StudyPath,
    write_json,
)
from napari_cmr.cli.progress import progress
from napari_cmr.core import InputError, Segmentation, Stack

PDF, HTML, JSON = "report.pdf", "report.html", "numbers.json"


def report(
    path: StudyPath,
    out: OutFolder,
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
    ed: Annotated[int | None, typer.Option(help="End-diastolic phase, from 0.")] = None,
    es: Annotated[int | None, typer.Option(help="End-systolic phase, from 0.")] = None,
    height_cm: Annotated[float | None, typer.Option(help="Body height.")] = None,
    weight_kg: Annotated[float | None, typer.Option(help="Body weight.")] = None,
    heart_rate: Annotated[float | None, typer.Option(help="Beats a minute.")] = None,
    sex: Annotated[str, typer.Option(help="F or M, for reference ranges.")] = "",
    age: Annotated[float | None, typer.Option(help="Years, for reference ranges.")] = None,
    bsa: Annotated[str, typer.Option(help="Body surface area by Mosteller or 'Du Bois'.")] = (
        "Mosteller"
    ),
    reference: Annotated[
        Path | None, typer.Option(help="CSV of your own reference ranges; else the shipped few.")
    ] = None,
) -> None:
    """Write one page with pictures, curve, segments and numbers, as PDF and HTML."""
    from napari_cmr import measure
    from napari_cmr import report as reports
    from napari_cmr.measure.reference import SHIPPED

    person = measure.Person(height_cm, weight_kg, heart_rate, measure.Sex.parse(sex), age)
    formula = measure.BsaFormula.parse(bsa)
    ranges = SHIPPED if reference is None else measure.read_reference_table(reference)
    images, segmentation = _read(path, labels, model, stack, spacing, label_map, made_by)
    measures = measure.function(segmentation, ed=ed, es=es, heart_rate_bpm=heart_rate)
    clinical = measure.clinical_numbers(
        segmentation, measures, person, bsa_formula=formula, reference=ranges
    )
    content = reports.compose(images, segmentation, measures, clinical)
    reports.write_pdf(content, out / PDF)
    reports.write_html(content, out / HTML)
    write_json(out / JSON, clinical.as_dict())
    for finding in content.findings:
        typer.echo(f"note: {finding}")
    typer.echo("wrote " + ", ".join(str(out / name) for name in (PDF, HTML, JSON)))


def _read(
    path: Path,
    labels: Path | None,
    model: str | None,
    stack: str | None,
    spacing: str,
    label_map: str,
    made_by: str,
) -> tuple[Stack, Segmentation]:
    """Images and their labels, given or found."""
    from napari_cmr import io

    if labels is None:
        from napari_cmr.cli.work import read_and_segment

        session = read_and_segment(path, model=model, stack=stack, spacing=spacing)
        if session.stack is None or session.segmentation is None:
            raise RuntimeError("a session that segmented has no labels")
        return session.stack, session.segmentation
    if model is not None:
        raise InputError("Give --labels or --model, not both.")
    if not labels.exists():
        raise InputError(f"There is no file or folder {labels}.")
    with progress("Reading headers") as advance:
        entry = io.sax_cine(io.scan(path, progress=advance), stack)
    given = io.parse_spacing(spacing)
    with progress("Loading images") as advance:
        images = io.load(entry, spacing=given, progress=advance)
    found = io.labels_on_stack(labels, entry, map_name=label_map, spacing=given, made_by=made_by)
    return images, Segmentation.on(images, found.labels, found.model).with_findings(*found.findings)
