"""Verbs that show a study: demo and review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_cmr.cli.display import has_display
from napari_cmr.cli.options import (
    HeartRate,
    JsonFile,
    ModelName,
    ResampleTime,
    SpacingText,
    StackId,
    StudyPath,
)
from napari_cmr.cli.progress import progress
from napari_cmr.core import InputError

if TYPE_CHECKING:
    from napari_cmr.io import Catalogue

HERE = Path("demo-output")


def demo(
    path: Annotated[
        Path | None, typer.Argument(help="A DICOM folder or NIfTI; the bundled study if none.")
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Write pictures and tables, open no window.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for pictures and tables.")] = HERE,
    model: ModelName = None,
    stack: StackId = None,
    spacing: SpacingText = "",
    heart_rate: HeartRate = None,
    resample_time: ResampleTime = False,
    json: JsonFile = None,
) -> None:
    """Run the main job: a study from folder to ejection fraction."""
    from napari_cmr import io

    study = path or io.demo_study()
    if headless or not has_display():
        from napari_cmr.cli.pictures import write_demo

        write_demo(
            study,
            out,
            model=model,
            stack=stack,
            spacing=spacing,
            heart_rate=heart_rate,
            resample_time=resample_time,
            json=json,
        )
        return
    if stack or spacing or json or heart_rate is not None:
        raise InputError(
            "--stack, --spacing, --heart-rate and --json go with --headless; in the window choose "
            "and save there."
        )
    from napari_cmr.cli.summary import print_measures
    from napari_cmr.review import sax_predictor

    if model is not None:
        _check_model(model)
    catalogue = _scanned(study, resample_time)
    from napari_cmr import ui

    ui.launch(catalogue, segment=True, predictor=sax_predictor(model), segmented=print_measures)


def _check_model(name: str) -> None:
    """Refuse a model that is not there before the window opens, so that the exit code says it."""
    from napari_cmr import nets
    from napari_cmr.core import ModelError

    card = nets.find_card(name)
    if card.task != "cine_sax_seg":
        raise ModelError(f"The model {card.name} is for {card.task}, not for cine_sax_seg.")


def review(path: StudyPath, resample_time: ResampleTime = False) -> None:
    """Open a study in the window."""
    if not has_display():
        raise InputError("There is no display to open a window on; use demo --headless.")
    catalogue = _scanned(path, resample_time)
    from napari_cmr import ui

    ui.launch(catalogue)


def _scanned(path: Path, resample_time: bool) -> Catalogue:
    """Read headers before the window opens, so that a wrong path ends with its exit code."""
    from napari_cmr import io

    with progress("Reading headers") as advance:
        return io.scan(path, resample_time=resample_time, progress=advance)
