"""Verbs of a project: list, log, replay, export, compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_cmr.cli.options import JsonFile, OutFolder, write_json
from napari_cmr.cli.progress import progress
from napari_cmr.core import InputError

if TYPE_CHECKING:
    from napari_cmr.core import Stack
    from napari_cmr.review.lines import Line

app = typer.Typer(
    no_args_is_help=True, help="What readers did: the log, its labels, two readers compared."
)

Folder = Annotated[Path, typer.Argument(help="The project's folder.")]
StackKey = Annotated[
    str | None, typer.Option("--stack", help="A stack as list names it, or the name's beginning.")
]
ReaderName = Annotated[str | None, typer.Option("--reader", help="Only what this reader did.")]
_MOST_SHOWN = 10


@app.command("list")
def list_(
    folder: Folder, stack: StackKey = None, reader: ReaderName = None, json: JsonFile = None
) -> None:
    """List the stacks of a project, each reader's state, and how much was done."""
    found = _lines(folder, stack, reader)
    for line in found:
        plain = line.as_dict()
        typer.echo(
            f"{plain['stack']} {plain['view']} {plain['sequence']} by {line.reader}: "
            f"{plain['state']}, {plain['changes']} changes, last {plain['last']}"
        )
    if json is not None:
        write_json(json, [line.as_dict() for line in found])


@app.command()
def log(
    folder: Folder, stack: StackKey = None, reader: ReaderName = None, json: JsonFile = None
) -> None:
    """Show every change: who, when, what, where, and on which model's prediction."""
    changes = [
        _change(line, record) for line in _lines(folder, stack, reader) for record in line.records
    ]
    changes.sort(key=lambda change: change["at"])
    for change in changes:
        where = f" at {change['box']}" if change["box"] else ""
        on = f" on {change['model']}" if change["model"] else ""
        typer.echo(
            f"{change['at']} {change['stack']} {change['reader']} #{change['number']} "
            f"{change['kind']}{where}{on}"
        )
    if json is not None:
        write_json(json, changes)


@app.command()
def replay(
    folder: Folder, stack: StackKey = None, reader: ReaderName = None, json: JsonFile = None
) -> None:
    """Replay the log and print the SHA-256 of the labels; a log that does not fit is refused."""
    found = _lines(folder, stack, reader)
    for line in found:
        plain = line.as_dict()
        typer.echo(
            f"{line.info.key} by {line.reader}: {len(line.records)} changes replayed, "
            f"labels {plain['labels_sha256']}"
        )
    if json is not None:
        write_json(json, [line.as_dict() for line in found])


@app.command()
def export(
    folder: Folder,
    out: OutFolder,
    images: Annotated[
        list[Path] | None,
        typer.Option("--images", help="The study's folder or file; may be given again."),
    ] = None,
    stack: StackKey = None,
    reader: ReaderName = None,
    accepted: Annotated[
        bool, typer.Option("--accepted", help="Train only on phases accepted as a whole.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of an earlier export.")
    ] = False,
    json: JsonFile = None,
) -> None:
    """Write labels as NIfTI and, with --images, a manifest that finetune takes."""
    from napari_cmr.review.export import export_labels

    found = _lines(folder, stack, reader)
    loaders = _images(images or [], {line.info.key for line in found})
    written = export_labels(found, out, images=loaders, accepted_only=accepted, overwrite=overwrite)
    typer.echo(f"wrote {len(written.labels)} label file(s) in {out / 'labels'}")
    if written.manifest is not None:
        typer.echo(f"wrote {written.manifest}: {written.n_rows} phases to train on")
    if images:
        for key in written.without_images:
            typer.echo(f"note: the images of {key} are not in --images; only its labels are there")
    if json is not None:
        write_json(
            json,
            {
                "labels": [str(path) for path in written.labels],
                "manifest": None if written.manifest is None else str(written.manifest),
                "rows": written.n_rows,
                "without_images": list(written.without_images),
            },
        )


@app.command()
def compare(
    folder: Folder,
    other: Annotated[
        Path | None, typer.Argument(help="Another reader's project; else two readers of one.")
    ] = None,
    stack: StackKey = None,
    json: JsonFile = None,
) -> None:
    """Compare two readers' labels of the same stacks: Dice, volumes, where they differ."""
    from napari_cmr.review.comparison import compare as compare_lines
    from napari_cmr.review.comparison import pairs

    others = None if other is None else _lines(other, None, None)
    found = pairs(_lines(folder, stack, None), others)
    if not found:
        raise InputError("No stack was read by two readers; name another reader's project.")
    results = [compare_lines(first, second).as_dict() for first, second in found]
    for result in results:
        _print_comparison(result)
    if json is not None:
        write_json(json, results)


def _lines(folder: Path, stack: str | None, reader: str | None) -> list[Line]:
    from napari_cmr.review.lines import lines
    from napari_cmr.review.project import Project

    return lines(Project.look_into(folder), stack=stack, reader=reader)


def _change(line: Line, record: Any) -> dict[str, Any]:
    patch = record.patch
    return {
        "at": record.at,
        "stack": line.info.key,
        "reader": record.reader,
        "number": record.number,
        "kind": record.kind.value,
        "model": record.model,
        "box": None if patch is None else [list(ends) for ends in patch.box],
        "body": record.body,
    }


def _images(paths: list[Path], wanted: set[str]) -> dict[str, Callable[[], Stack]]:
    """What loads the wanted stacks among the studies at some paths."""
    from napari_cmr import io
    from napari_cmr.review.study_key import stack_key

    found: dict[str, Callable[[], Stack]] = {}
    for path in paths:
        with progress("Reading headers") as advance:
            entries = io.scan(path, progress=advance).entries
        for entry in entries:
            if not entry.left_alone and (key := stack_key(io.load(entry))) in wanted:
                found[key] = _loader(entry)
    return found


def _loader(entry: Any) -> Callable[[], Stack]:
    """Loads when called, so that no two stacks are in memory at once."""
    from napari_cmr import io

    return lambda: io.load(entry)


def _print_comparison(result: dict[str, Any]) -> None:
    first, second = result["readers"]
    typer.echo(f"{result['stack']}: {first} and {second}")
    for name, value in result["dice"].items():
        typer.echo(f"  Dice {name}: {value:.3f}")
    for name, (a, b) in result["measures"].items():
        if a is not None and b is not None:
            typer.echo(f"  {name}: {a:.1f} and {b:.1f}, difference {b - a:+.1f}")
    for place in result["differences"][:_MOST_SHOWN]:
        area = "" if place["area_mm2"] is None else f", {place['area_mm2']:.0f} mm2"
        typer.echo(
            f"  phase {place['phase']}, slice {place['slice']}: {place['pixels']} pixels{area}"
        )
    rest = len(result["differences"]) - _MOST_SHOWN
    if rest > 0:
        typer.echo(f"  and {rest} further frames")
