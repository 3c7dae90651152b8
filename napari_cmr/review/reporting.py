"""The report of the stack under review, as a task: what is labelled now, and who did it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from napari_cmr import measure
from napari_cmr.core import (
    Cancel,
    Finding,
    InputError,
    Progress,
    Segmentation,
    Sequence,
    Stack,
    View,
    check_cancel,
    placing,
)
from napari_cmr.measure import Remote
from napari_cmr.measure.wall import Septa
from napari_cmr.report import (
    EnhancementContent,
    ReportContent,
    ReviewRecord,
    compose,
    compose_enhancement,
    write_html,
    write_pdf,
)
from napari_cmr.review.enhancement import is_enhancement, remote_of
from napari_cmr.review.extent import in_volume, sentence
from napari_cmr.review.landmarks import placed_septa
from napari_cmr.review.reading import Reading
from napari_cmr.review.records import review_records
from napari_cmr.review.session import ReviewSession
from napari_cmr.review.task import Task

Content: TypeAlias = ReportContent | EnhancementContent
_STEPS = 4


def reporting(
    session: ReviewSession, path: Path, then: Callable[[tuple[Path, ...]], None]
) -> Task[tuple[Path, ...]]:
    """The task of writing one page of the chosen stack: as PDF, as HTML, and its numbers.

    It is of the labels as they are when this is called; what is drawn later is not in it.

    Parameters
    ----------
    path
        The PDF; HTML and JSON come beside it under the same name.
    then
        Takes the files, in the thread that owns the session.

    Raises
    ------
    InputError
        If no stack is chosen, it is neither a short-axis cine nor late enhancement, or it has no
        labels.
    """
    reading = session.reading
    if reading is None:
        raise InputError("No stack is chosen; open a study and choose one first.")
    _check(reading.stack)
    if reading.segmentation is None:
        raise InputError("There is nothing to report yet; segment the stack or draw on it first.")
    if path.suffix.lower() != ".pdf":
        raise InputError(f"A report is a PDF with a page beside it; name it {path.stem}.pdf.")
    stack, reader, project, key = reading.stack, session.reader, session.project, reading.key
    labelled, ed, es = _labelled(reading, reading.segmentation), reading.ed, reading.es
    septa, remote = placed_septa(reading), remote_of(reading)

    def run(progress: Progress | None, cancel: Cancel | None) -> tuple[Path, ...]:
        records = tuple(r for r in review_records(project, key) if r.reader == reader)
        content, numbers = _composed(stack, labelled, ed, es, septa, remote, records)
        return _written(content, numbers, path, progress, cancel)

    return Task("Writing the report", run, then)


def _check(stack: Stack) -> None:
    short = stack.view in (View.SAX, View.UNKNOWN)
    if not short or stack.sequence not in (Sequence.CINE, Sequence.LGE, Sequence.OTHER):
        raise InputError(
            "A report is made of a short-axis cine or of late enhancement, and "
            f"{stack.stack_id} is {stack.view} {stack.sequence}; choose such a stack of the study."
        )


def _labelled(reading: Reading, segmentation: Segmentation) -> Segmentation:
    """The labels that count, which no later stroke changes."""
    now = replace(segmentation, labels=segmentation.labels.copy())
    extent = reading.history.extent
    left_out = sentence(extent.left_out(reading.stack.shape[1]))
    counted = in_volume(now, extent)
    return counted.with_findings(Finding("slices-out", left_out)) if left_out else counted


def _composed(
    stack: Stack,
    labelled: Segmentation,
    ed: int | None,
    es: int | None,
    septa: Septa,
    remote: Remote | None,
    records: tuple[ReviewRecord, ...],
) -> tuple[Content, object]:
    """What the page says, and its numbers as plain values."""
    if is_enhancement(stack):
        found = measure.scar_measurement(stack, labelled, remote=remote, septum=septa.get(0))
        page = compose_enhancement(stack, labelled, found, remote=remote, review=records)
        return page, found.as_dict()
    measures = measure.function(labelled, ed=ed, es=es)
    numbers = measure.clinical_numbers(labelled, measures, septa=septa)
    return compose(stack, labelled, measures, numbers, review=records), numbers.as_dict()


def _written(
    content: Content,
    numbers: object,
    path: Path,
    progress: Progress | None,
    cancel: Cancel | None,
) -> tuple[Path, ...]:
    def told(done: int) -> None:
        check_cancel(cancel)
        if progress is not None:
            progress(done, _STEPS)

    files = tuple(path.with_suffix(suffix) for suffix in (".pdf", ".html", ".json"))
    told(1)
    # All appear together, so that no page stands beside another's numbers.
    with placing(path.parent, overwrite=True) as part:
        write_pdf(content, part / files[0].name)
        told(2)
        write_html(content, part / files[1].name)
        told(3)
        text = json.dumps(numbers, indent=1, allow_nan=False)
        (part / files[2].name).write_text(text + "\n", encoding="utf-8")
    told(_STEPS)
    return files
