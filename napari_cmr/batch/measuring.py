"""One study from its folder to its row. Whatever goes wrong with it stays within the row."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from napari_cmr import io
from napari_cmr.batch.reasons import for_a_table
from napari_cmr.batch.row import Row, State, Value, measured_values
from napari_cmr.batch.segmenter import Segmenter
from napari_cmr.batch.studies import StudyPlace
from napari_cmr.core import Finding, InputError, Sequence, View, WriteError
from napari_cmr.io.label_files import is_label_file
from napari_cmr.io.nifti_folder import is_nifti
from napari_cmr.review import ReviewSession


@dataclass(frozen=True)
class Job:
    """One study to measure, as it travels to a worker.

    Parameters
    ----------
    labels
        Where its label NIfTI goes; None writes none.
    """

    place: StudyPlace
    segmenter: Segmenter
    labels: Path | None = None

    def row(self, state: State, reason: str = "", **values: Value) -> Row:
        """A row of this study."""
        title = self.segmenter.title
        return Row(self.place.study, self.place.path, state, reason, {"model": title, **values})


class _NoCineError(InputError):
    """It can be read, but there is no short-axis cine in it."""


def measure_study(job: Job) -> Row:
    """Read, segment and measure one study; never raises for a fault of the study's or ours.

    Raises
    ------
    WriteError
        If its labels cannot be written: a full disk, which all others would meet too.
    """
    begun = time.perf_counter()
    try:
        values, state, reason = _measured(job), State.OK, ""
    except _NoCineError as error:
        reason = for_a_table(str(error), job.place.source)
        values, state = {}, State.SKIPPED
    except WriteError:
        raise
    except InputError as error:
        reason = for_a_table(str(error), job.place.source)
        values, state = {}, State.FAILED
    except Exception as error:  # noqa: BLE001  a bug costs one row of thousands
        values, state, reason = {}, State.FAILED, _our_fault(error)
    seconds = round(time.perf_counter() - begun, 2)
    return job.row(state, reason, **values, seconds=seconds)


def _measured(job: Job) -> dict[str, Value]:
    _check_images(job.place)
    session = ReviewSession()
    catalogue = io.scan(job.place.source, resample_time=job.place.resample_time)
    session.adopt(catalogue)
    stack = session.choose(_entry(job, catalogue).stack_id, spacing=job.place.spacing)
    segmentation = session.predict(job.segmenter.predictor())
    if session.measures is None:
        raise RuntimeError("a session that segmented has no measures")
    if job.labels is not None:
        io.write_labels(segmentation, job.labels)
    findings = (*catalogue.findings, *stack.findings, *segmentation.findings)
    return {
        "stack": stack.stack_id,
        "n_phases": stack.shape[0],
        "n_slices": stack.shape[1],
        **measured_values(session.measures),
        "findings": _codes(findings),
        "labels": None if job.labels is None else f"{job.labels.parent.name}/{job.labels.name}",
    }


def _check_images(place: StudyPlace) -> None:
    """A label file among the images of a folder is no study."""
    if not place.named and is_nifti(place.source) and is_label_file(place.source):
        raise _NoCineError(f"{place.source.name} holds labels, not images.")


def _entry(job: Job, catalogue: io.Catalogue) -> io.Entry:
    try:
        entry = io.sax_cine(catalogue, job.place.stack)
    except InputError as error:
        cines = [e for e in catalogue.entries if e.view is View.SAX and e.sequence is Sequence.CINE]
        if job.place.stack is None and not cines:
            raise _NoCineError(str(error)) from error
        raise
    if entry.view not in (View.SAX, View.UNKNOWN):
        raise InputError(
            f"The stack {entry.stack_id} is {entry.view}, and the model reads short-axis ones; "
            "name another."
        )
    return entry


def _codes(findings: tuple[Finding, ...]) -> str:
    return " ".join(dict.fromkeys(finding.code for finding in findings))


def _our_fault(error: Exception) -> str:
    """Where it happened, without the message, which could identify a person."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return f"Something went wrong that is our fault ({type(error).__name__} at {where})."
