"""Verbs that read a study: scan and segment; and the phantom that stands in for one."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_cmr.cli.options import (
    HeartRate,
    JsonFile,
    ModelName,
    OutFolder,
    ResampleTime,
    SpacingText,
    StackId,
    StudyPath,
    VersionsOf,
    write_json,
)
from napari_cmr.cli.progress import progress


def scan(path: StudyPath, resample_time: ResampleTime = False, json: JsonFile = None) -> None:
    """List what a folder, a file or a zip archive holds, from headers only."""
    from napari_cmr import io

    with progress("Reading headers") as advance:
        catalogue = io.scan(path, resample_time=resample_time, progress=advance)
    for entry in catalogue.entries:
        t, z, y, x = entry.shape
        typer.echo(
            f"{entry.stack_id}: {entry.view} {entry.sequence}, {_n(t, 'phase')} x "
            f"{_n(z, 'slice')}, {y} x {x} pixels, {_n(entry.n_files, 'file')} ({entry.view_basis})"
        )
        for finding in entry.findings:
            typer.echo(f"  {finding}")
    for reason, count in catalogue.skipped.items():
        typer.echo(f"left out: {count} ({reason})")
    for finding in catalogue.findings:
        typer.echo(str(finding))
    if json is not None:
        write_json(json, catalogue.as_dict())


def segment(
    path: StudyPath,
    out: OutFolder,
    model: ModelName = None,
    project: VersionsOf = None,
    stack: StackId = None,
    spacing: SpacingText = "",
    heart_rate: HeartRate = None,
    resample_time: ResampleTime = False,
    json: JsonFile = None,
) -> None:
    """Segment and measure a short-axis cine, or what --stack names: LGE, a map, four chambers."""
    from napari_cmr.cli.summary import print_measures
    from napari_cmr.cli.work import read_and_segment, write_measures

    session = read_and_segment(
        path,
        out=out,
        model=model,
        project=project,
        stack=stack,
        spacing=spacing,
        heart_rate=heart_rate,
        resample_time=resample_time,
        long_axis=True,
    )
    files = session.export(out)
    print_measures(session)
    typer.echo("wrote " + ", ".join(str(file) for file in files))
    if json is not None:
        write_measures(session, json)


def phantom(
    out: OutFolder,
    format: Annotated[  # noqa: A002  the option's name on the terminal
        str, typer.Option(help="dicom, enhanced or nifti.")
    ] = "dicom",
    seed: Annotated[int, typer.Option(min=0, help="Another heart and other noise.")] = 0,
    phases: Annotated[
        int | None, typer.Option(min=2, max=200, help="Phases of the cine; 20 if not said.")
    ] = None,
    sequence: Annotated[
        str,
        typer.Option(help="cine; or LGE, T1, 'T1 after contrast', T2: one phase, as NIfTI."),
    ] = "cine",
) -> None:
    """Write a beating heart whose volumes are known in closed form."""
    from napari_cmr.cli.work import write_phantom

    write_phantom(out, format, seed, sequence, phases)
    typer.echo(f"wrote {out}")


def _n(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
