"""Verbs that show a study: demo and review."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from napari_cmr.cli.options import ModelName, SpacingText, StackId, StudyPath

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
) -> None:
    """Run the main job: a study from folder to ejection fraction."""
    from napari_cmr import io

    study = path or io.demo_study()
    if headless or not _has_display():
        from napari_cmr.cli.pictures import write_demo

        write_demo(study, out, model=model, stack=stack, spacing=spacing)
    else:
        _window(study, segment=True)


def review(path: StudyPath) -> None:
    """Open a study in the window."""
    if not _has_display():
        from napari_cmr.core import InputError

        raise InputError("There is no display to open a window on; use demo --headless.")
    _window(path, segment=False)


def _window(study: Path, *, segment: bool) -> None:
    from napari_cmr import ui

    ui.launch(study, segment=segment)


def _has_display() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
