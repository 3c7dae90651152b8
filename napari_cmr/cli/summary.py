"""Measures as a reader sees them on a terminal."""

from __future__ import annotations

import typer

from napari_cmr.core import Measures, View
from napari_cmr.measure import Measurement
from napari_cmr.measure.cardiac_function import ONE_PHASE
from napari_cmr.report.style import RESEARCH_USE
from napari_cmr.review import ReviewSession
from napari_cmr.review.enhancement import is_enhancement
from napari_cmr.review.long_axis import plane_of

_ROWS = (
    ("LV EDV", "edv_ml", "mL"),
    ("LV ESV", "esv_ml", "mL"),
    ("LV SV", "sv_ml", "mL"),
    ("LV EF", "ef_percent", "%"),
    ("LV mass", "mass_g", "g"),
    ("RV EDV", "rv_edv_ml", "mL"),
    ("RV ESV", "rv_esv_ml", "mL"),
    ("RV SV", "rv_sv_ml", "mL"),
    ("RV EF", "rv_ef_percent", "%"),
    ("heart rate", "heart_rate_bpm", "1/min"),
    ("cardiac output", "cardiac_output_l_min", "L/min"),
)


def table(measures: Measures, *, enhancement: bool = False) -> str:
    """Names, values and units, one a line; what is unknown says so.

    Parameters
    ----------
    enhancement
        Of late enhancement, which has one phase: mass alone.
    """
    lines = []
    for title, name, unit in _ROWS:
        value = getattr(measures, name)
        if not enhancement or name == "mass_g":
            lines.append(f"{title:<15}" + ("unknown" if value is None else f"{value:7.1f} {unit}"))
    if not enhancement:
        lines.append(
            f"ED is phase {measures.ed_phase}, ES phase {measures.es_phase}, counted from 0 "
            f"({measures.phases_set_by})"
        )
    notes = [note for note in measures.notes if not (enhancement and note == ONE_PHASE)]
    lines.extend(f"note: {note}" for note in notes)
    return "\n".join(lines)


def print_measures(session: ReviewSession) -> None:
    """Print what a session measured, with what was irregular and how far to trust it."""
    stack, segmentation, measures = session.stack, session.segmentation, session.measures
    if stack is None or segmentation is None or measures is None:
        raise RuntimeError("measures were asked for before a stack was segmented")
    typer.echo(
        f"{stack.stack_id}: {stack.view} {stack.sequence}, segmented by {segmentation.model}"
    )
    plane = None if session.reading is None else plane_of(session.reading)
    if plane is not None:
        typer.echo(rows(plane))
    if stack.view in (View.SAX, View.UNKNOWN):
        typer.echo(table(measures, enhancement=is_enhancement(stack)))
    else:
        typer.echo("\n".join(f"note: {note}" for note in measures.notes))
    findings = () if plane is None else plane.findings
    for finding in (*stack.findings, *segmentation.findings, *findings):
        typer.echo(f"note: {finding}")
    if session.catalogue is not None and session.catalogue.skipped:
        counts = ", ".join(f"{n} {reason}" for reason, n in session.catalogue.skipped.items())
        typer.echo(f"note: Files left out: {counts}.")
    typer.echo(RESEARCH_USE)


def rows(measurement: Measurement) -> str:
    """Titles, values and units, one a line."""
    wide = max(len(number.title) for number in measurement.numbers)
    lines = []
    for number in measurement.numbers:
        unit = "" if number.value is None or number.unit == "1" else f" {number.unit}"
        lines.append(f"{number.title:<{wide}}  {number.text:>6}{unit}")
    return "\n".join(lines)
