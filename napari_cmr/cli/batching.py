"""The verb over a cohort: thousands of studies, one row each."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_cmr.cli.options import (
    JsonFile,
    ModelName,
    OutFolder,
    ResampleTime,
    SpacingText,
    StackId,
    write_json,
)
from napari_cmr.cli.progress import PLAIN_LINE_EVERY_S
from napari_cmr.core import InputError

if TYPE_CHECKING:
    from napari_cmr.batch import Cohort, Job, Row, Standing

_REASONS_SHOWN = 10


def batch(
    out: OutFolder,
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of studies: a folder, zip or NIfTI each.")
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns subject, image; images relative to FOLDER if any."),
    ] = None,
    model: ModelName = None,
    stack: StackId = None,
    spacing: SpacingText = "",
    resample_time: ResampleTime = False,
    labels: Annotated[bool, typer.Option(help="Write a label NIfTI a study.")] = True,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes on this machine; 0 works in this one. Else as many as fit."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Torch threads of each worker; else 1.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler that runs already.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Also do those again that failed before.")
    ] = False,
    json: JsonFile = None,
) -> None:
    """Segment and measure a cohort into one table; run it again to go on where it was."""
    place = _Place(scheduler, workers, threads)
    place.check()
    cohort = _cohort(folder, manifest, out, stack, spacing)
    if resample_time:
        cohort = cohort.resampled_in_time()
    if cohort.left_out:
        typer.echo(f"note: Files that are no study, left out: {cohort.left_out}.")
    if workers == 0 and threads is not None:
        from napari_cmr.batch import limit_threads_here

        limit_threads_here(threads)  # before torch is imported
    from napari_cmr import batch as batching

    segmenter = batching.ShelfSegmenter.named(model)
    with _display() as told:
        rows = batching.run(
            cohort,
            out,
            segmenter,
            rows_from=place.rows_from,
            labels=labels,
            retry_failed=retry_failed,
            told=told,
        )
    _tell(rows, out)
    if json is not None:
        counts = Counter(str(row.state) for row in rows)
        states = {state: counts[state] for state in ("ok", "failed", "skipped")}
        write_json(json, {"studies": len(rows), **states, "model": segmenter.title})


@dataclass(frozen=True)
class _Place:
    """Where the work is done."""

    scheduler: str | None
    workers: int | None
    threads: int | None

    def check(self) -> None:
        if self.scheduler is not None and (self.workers, self.threads) != (None, None):
            raise InputError(
                "With --scheduler its own workers do the work; leave --workers and --threads out."
            )
        if self.workers is not None and self.workers < 0:
            raise InputError("--workers is 0 (this process) or more.")

    def rows_from(self, jobs: Iterable[Job]) -> Iterator[Row]:
        from napari_cmr import batch as batching

        jobs = list(jobs)
        if self.workers == 0:
            yield from batching.here(jobs)
        elif self.scheduler is not None:
            with batching.remote_client(self.scheduler) as client:
                yield from batching.rows_from(client, jobs, say=_say)
        else:
            threads = self.threads or 1
            wanted = self.workers or batching.default_workers(threads)
            with batching.local_client(min(wanted, len(jobs)), threads) as client:
                yield from batching.rows_from(client, jobs)


def _cohort(
    folder: Path | None, manifest: Path | None, out: Path, stack: str | None, spacing: str
) -> Cohort:
    from napari_cmr import batch as batching
    from napari_cmr import io

    given = io.parse_spacing(spacing)
    if manifest is not None:
        return batching.cohort_of(manifest, folder, stack=stack, spacing=given)
    if folder is None:
        raise InputError("Give a folder of studies, or a --manifest.")
    return batching.cohort_in(folder, out, stack=stack, spacing=given)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _tell(rows: list[Row], out: Path) -> None:
    counts = Counter(str(row.state) for row in rows)
    typer.echo(", ".join(f"{counts[state]} {state}" for state in ("ok", "failed", "skipped")))
    bad = [row for row in rows if row.reason]
    for row in bad[:_REASONS_SHOWN]:
        typer.echo(f"{row.path}: {row.state}: {row.reason}")
    if len(bad) > _REASONS_SHOWN:
        typer.echo(f"and {len(bad) - _REASONS_SHOWN} more; see the column reason.")
    typer.echo(f"wrote {out / 'measures.csv'}")


@contextmanager
def _display() -> Iterator[Callable[[Standing], None]]:
    """A bar on a terminal, plain lines elsewhere; both on the error stream."""
    if not sys.stderr.isatty():
        yield _PlainLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def told(standing: Standing) -> None:
            bar.update(
                task,
                completed=standing.done,
                total=standing.total,
                description=_remarks(standing),
            )

        yield told


class _PlainLines:
    """A line at the start, now and then, and at the end."""

    def __init__(self) -> None:
        self._said = 0.0

    def __call__(self, standing: Standing) -> None:
        now = time.monotonic()
        edge = standing.row is None or standing.done == standing.total
        if edge or now - self._said > PLAIN_LINE_EVERY_S:
            self._said = now
            _say(f"{standing.done} of {standing.total} studies{_remarks(standing, ', ')}")


def _remarks(standing: Standing, before: str = "") -> str:
    parts = [f"{n} {state}" for state, n in sorted(standing.counts.items()) if state != "ok" and n]
    if standing.seconds_left:
        parts.append(f"about {duration(standing.seconds_left)} left")
    return before + ", ".join(parts) if parts else ""


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``40 s``, ``12 min``, ``3 h 5 min``, ``2 d 4 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"
