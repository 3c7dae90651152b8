"""What the demo writes where there is no window."""

from __future__ import annotations

from pathlib import Path

import typer

from napari_cmr import report
from napari_cmr.cli.summary import print_measures
from napari_cmr.cli.work import read_and_segment, write_measures


def write_demo(
    study: Path,
    out: Path,
    *,
    model: str | None,
    stack: str | None,
    spacing: str,
    heart_rate: float | None = None,
    resample_time: bool = False,
    json: Path | None = None,
) -> None:
    """Write contours at ED and ES, the volume curve, the numbers and the labels."""
    session = read_and_segment(
        study,
        out=out,
        model=model,
        stack=stack,
        spacing=spacing,
        heart_rate=heart_rate,
        resample_time=resample_time,
    )
    images, segmentation, measures = session.stack, session.segmentation, session.measures
    if images is None or segmentation is None or measures is None:
        raise RuntimeError("the session has nothing to draw after segmenting")
    files = list(session.export(out))
    files += [out / "contours.png", out / "volume_curve.png"]
    report.contour_sheet(images, segmentation, measures, files[-2])
    report.volume_curve(segmentation, measures, files[-1])
    print_measures(session)
    typer.echo("wrote " + ", ".join(str(file) for file in files))
    if json is not None:
        write_measures(session, json)
