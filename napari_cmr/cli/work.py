"""What several verbs do with a review session."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import typer

from napari_cmr import io, measure
from napari_cmr.cli.progress import progress
from napari_cmr.core import InputError, View, placing
from napari_cmr.io.label_files import has_label_values
from napari_cmr.io.nifti_folder import is_nifti
from napari_cmr.nets.segmenter_tasks import can_be_segmented, task_of, title_of
from napari_cmr.review import ReviewSession, sax_predictor
from napari_cmr.review.learned import version_in_use
from napari_cmr.review.predictors import no_model
from napari_cmr.review.project import HOME

PHANTOM_KINDS = ("dicom", "enhanced", "nifti")


def read_and_segment(
    path: Path,
    *,
    model: str | None,
    stack: str | None,
    spacing: str,
    heart_rate: float | None = None,
    project: Path | None = None,
    out: Path | None = None,
    resample_time: bool = False,
    long_axis: bool = False,
    choose: Callable[[io.Catalogue, str | None], io.Entry] = io.sax_cine,
    check: Callable[[io.Entry], None] | None = None,
) -> ReviewSession:
    """Open a study, choose its short-axis cine (or the named stack) and segment it.

    Minutes of work are not begun for a folder ``out`` that cannot take the result.

    Parameters
    ----------
    project
        Folder of the project whose version for such stacks segments.
    long_axis
        Whether a named four-chamber cine will do; else short axes alone.
    choose
        Finds the stack, named or not.
    check
        Refuses a stack by its headers, before its images are loaded.
    """
    _refuse_labels(path)
    if project is not None:
        check_versions_of(project, model)
    session = ReviewSession()
    with progress("Reading headers") as advance:
        catalogue = io.scan(path, resample_time=resample_time, progress=advance)
    session.adopt(catalogue)
    entry = choose(catalogue, stack)
    if not long_axis and entry.view not in (View.SAX, View.UNKNOWN):
        raise InputError(
            f"This is made of short-axis stacks and {entry.stack_id} is {entry.view}; choose a "
            "short-axis one."
        )
    if not can_be_segmented(entry):
        raise no_model(entry.stack_id, entry)
    if check is not None:
        check(entry)
    given = io.parse_spacing(spacing)
    if given is None and any(f.code == "spacing-unknown" for f in entry.findings):
        given = io.parse_spacing(_ask_for_spacing(entry.stack_id))
    with progress("Loading images") as advance:
        session.choose(entry.stack_id, spacing=given, heart_rate_bpm=heart_rate, progress=advance)
    if out is not None:
        with placing(out, overwrite=True):
            pass
    used: str | Path | None = model
    if project is not None and session.stack is not None:
        used = version_of(project, task_of(session.stack))
    with progress("Segmenting") as advance:
        session.predict(sax_predictor(used), progress=advance)
    return session


def check_versions_of(project: Path, model: str | None) -> None:
    """Refuse a project that is none, or a model named beside it."""
    if model is not None:
        raise InputError("Give --model or --project, not both.")
    if not (project / HOME).is_dir():
        raise InputError(f"There is no project in {project}; choose the folder of one.")


def version_of(project: Path, task: str) -> Path | None:
    """Folder of the version that a project uses for a task; said where the shelf must do."""
    found = version_in_use(project, task)
    if found is None:
        typer.echo(
            f"the project uses no version for {title_of(task)} yet; the shelf's model is used"
        )
    return found


def _refuse_labels(path: Path) -> None:
    """A file of labels given for images would be segmented into nonsense."""
    if path.is_file() and is_nifti(path) and has_label_values(path):
        raise InputError(f"{path.name} holds labels, not images; measure reads them.")


def write_measures(session: ReviewSession, path: Path) -> None:
    """Write a session's measures as JSON, as ``measures.json`` has them."""
    if session.measures is None:
        raise RuntimeError("measures were asked for before a stack was segmented")
    measure.write_json(path, session.measures)


def _ask_for_spacing(stack_id: str) -> str:
    """Ask a person at a terminal; a script gets ratios only, as the finding says."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return ""
    question = f"{stack_id} has lost its spacing. Slice step, row, column in mm (empty: EF only)"
    answer: str = typer.prompt(question, default="", show_default=False)
    return answer


def write_phantom(
    out: Path, kind: str, seed: int, sequence: str = "cine", phases: int | None = None
) -> None:
    """Write the phantom as classic DICOM, Enhanced MR, or NIfTI with labels and a manifest."""
    from napari_cmr import phantom
    from napari_cmr.phantom.sequences import write_sequence
    from napari_cmr.phantom.write import write_dicom_study, write_nifti_studies

    if kind not in PHANTOM_KINDS:
        raise InputError(f"A phantom is written as {', '.join(PHANTOM_KINDS)}, not '{kind}'.")
    if sequence != "cine":
        if kind != "nifti":
            raise InputError("Other sequences than cine are written with --format nifti.")
        if phases is not None:
            raise InputError("Other sequences than cine have one phase; leave --phases out.")
        write_sequence(out, [sequence], {seed: "validation"})
        return
    usual = phantom.PhantomConfig.model_fields["n_phases"].default
    study = phantom.make(phantom.PhantomConfig(seed=seed, n_phases=phases or usual))
    if kind == "nifti":
        write_nifti_studies([study], out)
    else:
        write_dicom_study(study, out, enhanced=kind == "enhanced")
