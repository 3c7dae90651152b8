"""The verb retrain, and those of a project's versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_cmr.cli.options import JsonFile, write_json
from napari_cmr.core import CancelledError, InputError
from napari_cmr.nets.segmenter_tasks import CINE, TITLES, title_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cmr.learn.versions import Judgement, Retrained, VersionRecord, VersionStore

app = typer.Typer(no_args_is_help=True, help="The versions that a project trained.")
Project = Annotated[Path, typer.Option("--project", help="The project's folder.")]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task", help="What the versions do: cine_sax_seg, lge_sax_seg; else the only one."
    ),
]
Version = Annotated[str, typer.Argument(help="A version, as v0002.")]


def retrain(
    project: Project,
    manifest: Annotated[
        list[Path], typer.Option("--manifest", help="CSV of corrected cases; may be given again.")
    ],
    task: TaskName = None,
    tier: Annotated[
        str,
        typer.Option(
            help="head: seconds; lora: minutes; full: longer; auto: the best of them in "
            "cross-validation among the subjects that train."
        ),
    ] = "auto",
    start: Annotated[
        str | None,
        typer.Option(help="Model that a new project begins with: shelf name or folder."),
    ] = None,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(
            help="CSV of images that join lora and full without labels; may be given again."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the training.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same version, on one CPU.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
    keep_anyway: Annotated[
        bool,
        typer.Option("--keep-anyway", help="Use the new version whatever is judged; recorded."),
    ] = False,
    job: Annotated[
        Path | None,
        typer.Option(
            "--job",
            help="Folder in which to tell how it goes; a file 'pause' or 'stop' in it is obeyed.",
        ),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Train a new version on corrected cases; it is used if it is not worse than the active one.

    Late enhancement and cine have versions of their own: rows of the other are left out.
    """
    _check_task(task)
    from napari_cmr.io.manifest import read_manifest
    from napari_cmr.learn.versions.kinds import chosen_task, rows_of_task

    # before torch is imported, which takes seconds
    rows = [row for path in manifest for row in read_manifest(path, need_labels=True)]
    meant = chosen_task(rows, task)
    rows_of_task(rows, meant)
    for path in unlabelled or ():
        read_manifest(path)

    def train(**told: Any) -> Retrained:
        from napari_cmr.learn import versions as learning

        return learning.retrain(
            project,
            manifest,
            tier=tier,
            steps=steps,
            task=meant,
            start=start,
            unlabelled=unlabelled or (),
            seed=seed,
            threads=threads,
            keep_anyway=keep_anyway,
            say=typer.echo,
            **told,
        )

    made = train() if job is None else _in_job(job, tier, meant, train)
    typer.echo(made.advice)
    if json is not None:
        told = {"active": made.active, "advice": made.advice}
        write_json(json, told | made.record.model_dump(mode="json"))


def _in_job(folder: Path, tier: str, task: str, train: Callable[..., Retrained]) -> Retrained:
    """Train and tell of it in a folder."""
    from napari_cmr.review.training_report import reporting
    from napari_cmr.review.training_status import JobState

    with reporting(folder, tier, task) as report:
        if report.cancelled():  # before torch is imported, too
            raise CancelledError
        made = train(watch=report, cancel=report.cancelled)
        report.end(
            JobState.DONE,
            made.advice,
            version=made.record.version,
            parent=made.record.parent or "",
            activated=made.active,
        )
    return made


@app.command("list")
def list_(project: Project, task: TaskName = None, json: JsonFile = None) -> None:
    """Name every version of each task, the oldest first; the active one of each has a star."""
    dumped: list[dict[str, Any]] = []
    for store in _stores(project, task):
        active = store.in_use()
        typer.echo(f"{title_of(store.task)} ({store.task})")
        for record in store.versions():
            star = "*" if record.version == active else " "
            size = store.size_bytes(record.version)
            made_by = f"  {record.tier} from {record.parent}" if record.parent else ""
            typer.echo(
                f"{star} {record.version}  {record.made}  {record.model}{made_by}  "
                f"{size / 1e6:.1f} MB  {_verdict(record)}"
            )
            told = {"active": record.version == active, "bytes": size}
            dumped.append(told | record.model_dump(mode="json"))
    if json is not None:
        write_json(json, dumped)


@app.command()
def compare(
    project: Project,
    version: Version,
    with_: Annotated[
        str | None, typer.Option("--with", help="Another version; else the one it came from.")
    ] = None,
    manifest: Annotated[
        list[Path] | None,
        typer.Option(
            "--manifest", help="CSV whose held-out subjects judge anew; else what was judged."
        ),
    ] = None,
    task: TaskName = None,
    json: JsonFile = None,
) -> None:
    """Compare a version with the one it came from, or with another on held-out subjects."""
    store = _store(project, task)
    record = store.read(version)
    other = with_ or record.parent
    if other is None:
        raise InputError(f"{version} came from no version of the project; name one with --with.")
    if manifest:
        from napari_cmr.learn.versions import judge_versions

        judgement = judge_versions(store, other, version, manifest)
    elif other == record.parent and record.judgement is not None:
        judgement = record.judgement
    else:
        raise InputError(
            f"{version} was never compared with {other}; give the cases with --manifest."
        )
    _show(other, version, judgement)
    if json is not None:
        told: dict[str, Any] = {"from": other, "to": version}
        write_json(json, told | judgement.model_dump(mode="json"))


@app.command()
def activate(project: Project, version: Version, task: TaskName = None) -> None:
    """Use a version, whatever was judged; that it was chosen by hand is recorded."""
    store = _store(project, task)
    store.activate(version, "chosen by the user")
    typer.echo(f"{version} is active for {title_of(store.task)}: {store.place_of(version)}")


@app.command()
def rollback(project: Project, task: TaskName = None) -> None:
    """Use the version again that the task's active one came from."""
    store = _store(project, task)
    typer.echo(f"{store.roll_back().version} is active for {title_of(store.task)}")


@app.command()
def export(
    project: Project,
    version: Version,
    out: Annotated[Path, typer.Option("--out", help="The zip to write.")],
    task: TaskName = None,
) -> None:
    """Write a version as one file for another site."""
    from napari_cmr.learn.versions import export_version

    typer.echo(f"wrote {export_version(_store(project, task), version, out)}")


@app.command("import")
def import_(
    project: Project,
    file: Annotated[Path, typer.Argument(help="A zip that 'versions export' wrote.")],
    task: TaskName = None,
) -> None:
    """Take a version in after checking its card and hashes; activate it to use it.

    It joins the versions of the task that it is for; --task makes sure of it.
    """
    from napari_cmr.learn.versions import VersionStore, import_version
    from napari_cmr.learn.versions.parcel import task_of_parcel

    _check_task(task)
    store = VersionStore(project, task=task or task_of_parcel(file))
    record = import_version(store, file)
    typer.echo(
        f"{record.version} for {title_of(store.task)}: {record.model}; 'versions activate' uses it"
    )


@app.command()
def remove(project: Project, version: Version, task: TaskName = None) -> None:
    """Throw away a version that is not active and from which none came."""
    _store(project, task).remove(version)
    typer.echo(f"{version} is removed")


@app.command("clear-cache")
def clear_cache(project: Project, task: TaskName = None) -> None:
    """Throw away what networks said of pictures, of all tasks; it is made again when needed."""
    size = sum(store.clear_cache() for store in _stores(project, task))
    typer.echo(f"{size / 1e6:.1f} MB are free")


def _store(project: Path, task: str | None) -> VersionStore:
    """The versions of a task, or of the only one that the project has versions of."""
    found = _stores(project, task)
    if len(found) > 1:
        names = " or ".join(store.task for store in found)
        raise InputError(
            f"The project has versions for several tasks; say which by --task {names}."
        )
    return found[0]


def _stores(project: Path, task: str | None) -> list[VersionStore]:
    _check_task(task)
    from napari_cmr.learn.versions import VersionStore

    tasks = VersionStore.tasks(project) if task is None else (task,)
    return [VersionStore.existing(project, task=one) for one in tasks or (CINE,)]


def _check_task(task: str | None) -> None:
    if task is not None and task not in TITLES:
        raise InputError(f"There are no versions for '{task}'; there are for {', '.join(TITLES)}.")


def _verdict(record: VersionRecord) -> str:
    if record.judgement is None:
        return {"start": "the start", "imported": "taken in"}.get(record.origin, "")
    verdicts = {True: "not worse", False: "did not pass", None: "not judged"}
    told = verdicts[record.judgement.not_worse]
    if record.judgement.before is not None:
        told += f" ({record.judgement.before:.3f} to {record.judgement.after:.3f})"
    return told + (", kept anyway" if record.kept_anyway else "")


def _show(before: str, after: str, judgement: Judgement) -> None:
    before = ", ".join(judgement.against) or before
    typer.echo(f"{'mean Dice':<12}{before:>8}{after:>8}  subjects: {len(judgement.pairs)}")
    for name, (old, new) in judgement.structures.items():
        typer.echo(f"{name:<12}{old:8.3f}{new:8.3f}")
    if judgement.before is not None:
        typer.echo(f"{'all':<12}{judgement.before:8.3f}{judgement.after:8.3f}")
    typer.echo(judgement.reason)
