"""Verbs of the training that goes on in a project: start, status, pause, resume, stop."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_cmr.cli.options import JsonFile, write_json
from napari_cmr.core import InputError

if TYPE_CHECKING:
    from napari_cmr.review.project import Project
    from napari_cmr.review.training import TrainingJob
    from napari_cmr.review.training_status import JobStatus

app = typer.Typer(
    no_args_is_help=True,
    help="Learn in the background from what was corrected in a project, as its window does.",
)
Folder = Annotated[Path, typer.Option("--project", help="The project's folder.")]


@app.command()
def start(
    project: Folder,
    tier: Annotated[str, typer.Option(help="auto, head, lora or full.")] = "auto",
    reader: Annotated[str | None, typer.Option(help="Whose corrections; else your own.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the training.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same version, on one CPU.")] = 0,
    model: Annotated[
        str | None,
        typer.Option("--start", help="Model that a project without versions begins with."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task", help="What the version is for: cine_sax_seg, lge_sax_seg; else the only one."
        ),
    ] = None,
) -> None:
    """Learn from the corrected cases whose images the project keeps, in the background."""
    from napari_cmr.nets.segmenter_tasks import title_of
    from napari_cmr.review.project import Project, default_reader
    from napari_cmr.review.training import TrainingJob

    opened = Project.look_into(project)
    who = reader or default_reader()
    material = TrainingJob(project).start(
        opened, who, tier=tier, steps=steps, seed=seed, start=model, task=_task(opened, who, task)
    )
    typer.echo(
        f"learning {title_of(material.task)} from {material.subjects} subject(s), "
        f"{material.slices} slices; 'napari-cmr training status --project {project}' says how far "
        "it is"
    )
    for other, stacks in material.waiting:
        typer.echo(f"{stacks} corrected stack(s) of {title_of(other)} wait: --task {other}")
    if material.untaught:
        typer.echo(f"{material.untaught} corrected stack(s) are of no task that has versions")


def _task(project: Project, reader: str, task: str | None) -> str:
    """The task that was said, else the only one that was corrected for."""
    from napari_cmr.nets.segmenter_tasks import CINE, TITLES, title_of
    from napari_cmr.review.cases import taught_tasks

    if task is not None:
        if task not in TITLES:
            raise InputError(
                f"There are no versions for '{task}'; there are for {', '.join(TITLES)}."
            )
        return task
    found = taught_tasks(project, reader)
    if len(found) > 1:
        counted = " and ".join(f"{n} stack(s) of {title_of(one)}" for one, n in found.items())
        raise InputError(
            f"Corrected are {counted}, which make versions of their own; say which to learn from "
            f"with --task {' or '.join(found)}."
        )
    return next(iter(found), CINE)


@app.command()
def status(project: Folder, json: JsonFile = None) -> None:
    """Say how far it is, or what came of it."""
    found = _job(project).status()
    typer.echo(_said(found))
    if json is not None:
        write_json(json, asdict(found))


@app.command()
def pause(project: Folder) -> None:
    """Let it wait after the step it is at."""
    _running(project).pause()
    typer.echo("it waits after this step; 'training resume' lets it go on")


@app.command()
def resume(project: Folder) -> None:
    """Let it go on."""
    _running(project).resume()
    typer.echo("it goes on")


@app.command()
def stop(project: Folder) -> None:
    """End it after the step it is at; the version in use stays."""
    _running(project).stop()
    typer.echo("it ends after this step")


def _job(project: Path) -> TrainingJob:
    from napari_cmr.review.project import HOME, LOG
    from napari_cmr.review.training import TrainingJob

    if not (project / HOME / LOG).is_file():
        raise InputError(f"There is no project in {project}; choose the folder of one.")
    return TrainingJob(project)


def _running(project: Path) -> TrainingJob:
    job = _job(project)
    if not job.status().state.active:
        raise InputError("No training of this project is running.")
    return job


def _said(found: JobStatus) -> str:
    from napari_cmr.nets.segmenter_tasks import title_of
    from napari_cmr.review.training_status import JobState

    if found.state is JobState.NONE:
        return "nothing was trained in this project yet"
    if not found.state.active:
        return f"{found.state} for {title_of(found.task)}: {found.sentence}"
    parts = f" {found.done} of {found.of}" if found.of else ""
    left = "" if found.remaining_s is None else f", about {found.remaining_s:.0f} s left"
    where = f" on {found.device}" if found.device else ""
    stage = found.stage or "starting"
    what = f"{found.state} for {title_of(found.task)}"
    return f"{what}: {stage}{parts}, {found.elapsed_s:.0f} s so far{left}{where}"
