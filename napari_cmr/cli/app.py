"""The terminal: one command a verb, exit codes 0, 1 (our fault) and 2 (the input's fault)."""

from __future__ import annotations

import errno
import platform
import sys
import tempfile
import traceback
from pathlib import Path

import typer

from napari_cmr import __version__
from napari_cmr.cli import (
    batching,
    explaining,
    exporting,
    learning,
    manifests,
    measuring,
    models,
    pacs,
    pretraining,
    projects,
    reading,
    reporting,
    studying,
    training,
    versions,
)
from napari_cmr.core import CancelledError, InputError

# What the system refuses is nobody's bug, wherever a library met it.
_THE_SYSTEMS = (
    errno.EACCES,
    errno.EPERM,
    errno.ENOSPC,
    errno.EROFS,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EEXIST,
)
CANCELLED = 130  # what shells give a program that Ctrl-C ended

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Cardiac MR: open, segment, measure and correct a study. For research use only.",
)
app.command()(studying.demo)
app.command()(studying.review)
app.command()(reading.scan)
app.command()(reading.segment)
app.command()(measuring.measure)
app.command()(exporting.export)
app.command()(explaining.explain)
app.command("saliency", hidden=True)(explaining.explain)
app.command()(reporting.report)
app.command()(reading.phantom)
app.command()(manifests.manifest)
app.command()(batching.batch)
app.command()(learning.finetune)
app.command()(versions.retrain)
app.command()(pretraining.pretrain)
app.command()(learning.predict)
app.command()(learning.evaluate)
app.add_typer(models.app, name="models")
app.add_typer(versions.app, name="versions")
app.add_typer(training.app, name="training")
app.add_typer(pacs.app, name="pacs")
app.add_typer(projects.app, name="project")


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the terminal program and exit with its code."""
    try:
        app(prog_name="napari-cmr")
    except InputError as error:
        typer.echo(f"napari-cmr: {error}", err=True)
        sys.exit(2)
    except CancelledError:
        sys.exit(_cancelled())
    except SystemExit as leaving:  # Typer makes this of Ctrl-C, without a word
        sys.exit(_cancelled() if leaving.code == CANCELLED else leaving.code)
    except Exception as error:  # noqa: BLE001  the last resort turns a bug into a report
        if isinstance(error, OSError) and error.errno in _THE_SYSTEMS:
            place = error.filename or "A file or folder"
            typer.echo(
                f"napari-cmr: {place} cannot be used ({error.strerror}); choose another place.",
                err=True,
            )
            sys.exit(2)
        report = _report(error)
        typer.echo(
            f"napari-cmr: something went wrong that is our fault ({type(error).__name__}); "
            f"please attach {report} to a bug report.",
            err=True,
        )
        sys.exit(1)


def _cancelled() -> int:
    typer.echo("napari-cmr: cancelled; no half-written file is left.", err=True)
    return CANCELLED


def _report(error: Exception) -> Path:
    """Write where it happened; no values and no messages, since they could identify a person."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{Path(f.filename).name}:{f.lineno} in {f.name}: {f.line}" for f in frames]
    head = f"napari-cmr {__version__}, Python {platform.python_version()}, {platform.system()}"
    with tempfile.NamedTemporaryFile(
        "w", prefix="napari-cmr-report-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write("\n".join([head, type(error).__name__, *lines]) + "\n")
    return Path(file.name)
