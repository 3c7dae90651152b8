"""A cohort from its studies to one table, resumable at any moment."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from napari_cmr import __version__
from napari_cmr.batch.journal import Journal, opened_journal, unwritable
from napari_cmr.batch.measuring import Job, measure_study
from napari_cmr.batch.row import Row, State, write_table
from napari_cmr.batch.segmenter import Segmenter
from napari_cmr.batch.studies import Cohort, StudyPlace
from napari_cmr.core import InputError, WriteError

TABLE, LABELS = "measures.csv", "labels"
TABLE_EVERY_S = 5.0
_UNSAFE = re.compile(r"[^\w.-]|^\.")
_LONGEST_NAME = 120  # bytes; file systems take 255, a temporary name and suffixes included

Rows = Callable[[Iterable[Job]], Iterator[Row]]
"""Measures studies: here, or on a cluster; each gives one row, in any order."""


@dataclass(frozen=True)
class Standing:
    """How far a cohort is.

    Parameters
    ----------
    done, total
        Studies with a row, and all.
    counts
        Rows by state.
    seconds_left
        Estimate from what this run did; None before its first row.
    row
        The row that was just done, None at the start.
    """

    done: int
    total: int
    counts: Counter[State]
    seconds_left: float | None = None
    row: Row | None = None


def here(jobs: Iterable[Job]) -> Iterator[Row]:
    """Measure studies one after the other in this process."""
    return map(measure_study, jobs)


def run(
    cohort: Cohort,
    out: Path,
    segmenter: Segmenter,
    *,
    rows_from: Rows = here,
    labels: bool = True,
    retry_failed: bool = False,
    told: Callable[[Standing], None] | None = None,
) -> list[Row]:
    """Measure the studies of a cohort that have no row yet and write ``measures.csv``.

    The table is whole at every moment and at most `TABLE_EVERY_S` behind; whatever ends this, the
    next call goes on after the last row done.

    Parameters
    ----------
    rows_from
        What measures; it is not called if nothing is left to do.
    labels
        Write a label NIfTI a study into ``labels``.
    retry_failed
        Also do those again that failed before.

    Returns
    -------
    One row a study, in the cohort's order.

    Raises
    ------
    InputError
        If another process works on ``out``, it was begun otherwise, or cannot be written to.
    """
    out = out.resolve()
    made_how = {
        "program": __version__,
        "folder": str(cohort.folder),
        "model": segmenter.title,
        "weights": segmenter.fingerprint,
        "labels": labels,
        "resample_time": cohort.resample_time,
    }
    with opened_journal(out, made_how) as journal:
        _sweep(out / LABELS)
        kept = {
            path: row
            for path, row in journal.rows.items()
            if not (retry_failed and row.state is State.FAILED)
        }
        left = [place for place in cohort.studies if place.path not in kept]
        names = _label_names(cohort.studies)
        jobs = [
            Job(place, segmenter, out / LABELS / names[place.path] if labels else None)
            for place in left
        ]
        table = _Table(cohort, journal, out / TABLE)
        try:
            if jobs:
                _work(rows_from, jobs, journal, table, told)
            table.write()
        except BaseException as error:
            with suppress(InputError):  # what ended the run is the one to tell
                table.write()
            if isinstance(error, WriteError):
                raise unwritable(out, error.reason) from error
            raise
        finally:
            _sweep(out / LABELS)
        return table.rows()


def _work(
    rows_from: Rows,
    jobs: list[Job],
    journal: Journal,
    table: _Table,
    told: Callable[[Standing], None] | None,
) -> None:
    total, done = len(table.cohort.studies), len(table.cohort.studies) - len(jobs)
    counts = Counter(row.state for row in table.rows())
    begun = time.monotonic()
    if told is not None:
        told(Standing(done, total, counts.copy()))
    for now_done, row in enumerate(rows_from(jobs), start=1):
        before = journal.rows.get(row.path)
        journal.append(row)
        table.write_if_due()
        counts[row.state] += 1
        if before is not None:
            counts[before.state] -= 1
        if told is not None:
            left = (time.monotonic() - begun) / now_done * (len(jobs) - now_done)
            told(Standing(done + now_done, total, counts.copy(), left, row))


class _Table:
    """``measures.csv``, kept up with the journal."""

    def __init__(self, cohort: Cohort, journal: Journal, path: Path) -> None:
        self.cohort = cohort
        self._journal = journal
        self._path = path
        self._written = time.monotonic()

    def rows(self) -> list[Row]:
        known = self._journal.rows
        return [known[place.path] for place in self.cohort.studies if place.path in known]

    def write_if_due(self) -> None:
        """A table that somebody holds open where that locks it is tried again later."""
        if time.monotonic() - self._written >= TABLE_EVERY_S:
            with suppress(InputError):
                self.write()

    def write(self) -> None:
        self._written = time.monotonic()
        write_table(self.rows(), self._path)


def _label_names(places: Iterable[StudyPlace]) -> dict[str, str]:
    """A file name for each study's labels, its id where that is a safe and single one."""
    places = tuple(places)
    often = Counter(place.study.casefold() for place in places)
    names = {}
    for place in places:
        safe = _UNSAFE.sub("_", place.study).encode()[:_LONGEST_NAME].decode(errors="ignore")
        if safe != place.study or often[place.study.casefold()] > 1:
            safe = f"{safe}-{sha256(place.path.encode()).hexdigest()[:8]}"
        names[place.path] = f"{safe}.nii.gz"
    return names


def _sweep(labels: Path) -> None:
    """Remove what a killed worker left half-written."""
    for partial in labels.glob(".*.part.nii.gz"):
        with suppress(OSError):
            partial.unlink()
