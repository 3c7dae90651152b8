"""Measures as a reader sees them on a terminal."""

from __future__ import annotations

import typer

from napari_cmr.core import Measures
from napari_cmr.report.style import RESEARCH_USE
from napari_cmr.review import ReviewSession

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


def table(measures: Measures) -> str:
    """Names, values and units, one a line; what is unknown says so."""
    lines = []
    for title, name, unit in _ROWS:
        value = getattr(measures, name)
        lines.append(f"{title:<15}" + ("unknown" if value is None else f"{value:7.1f} {unit}"))
    lines.append(
        f"ED is phase {measures.ed_phase}, ES phase {measures.es_phase}, counted from 0 "
        f"({measures.phases_set_by})"
    )
    lines.extend(f"note: {note}" for note in measures.notes)
    return "\n".join(lines)


def print_measures(session: ReviewSession) -> None:
    """Print what a session measured, with what was irregular and how far to trust it."""
    stack, segmentation, measures = session.stack, session.segmentation, session.measures
    if stack is None or segmentation is None or measures is None:
        raise RuntimeError("measures were asked for before a stack was segmented")
    typer.echo(
        f"{stack.stack_id}: {stack.view} {stack.sequence}, segmented by {segmentation.model}"
    )
    typer.echo(table(measures))
    for finding in (*stack.findings, *segmentation.findings):
        typer.echo(f"note: {finding}")
    if session.catalogue is not None and session.catalogue.skipped:
        counts = ", ".join(f"{n} {reason}" for reason, n in session.catalogue.skipped.items())
        typer.echo(f"note: Files left out: {counts}.")
    typer.echo(RESEARCH_USE)
