"""What the verb report reads: images with labels that are given, found, or corrected."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_cmr import io
from napari_cmr.cli.progress import progress
from napari_cmr.core import InputError, Segmentation, Stack
from napari_cmr.report import ReviewRecord


@dataclass(frozen=True, eq=False)
class Reported:
    """Images, labels, and what a project knows of their review.

    ``ed`` and ``es`` are phases that a reader set in the project.
    """

    stack: Stack
    segmentation: Segmentation
    review: tuple[ReviewRecord, ...] = ()
    ed: int | None = None
    es: int | None = None


def read(
    path: Path,
    labels: Path | None,
    model: str | None,
    stack: str | None,
    spacing: str,
    label_map: str,
    made_by: str,
    project: Path | None,
    reader: str | None,
) -> Reported:
    """Images and their labels: from a file, from a project's log, or segmented.

    Raises
    ------
    InputError
        If two sources of labels are named, or there are no such labels.
    """
    if sum(source is not None for source in (labels, model, project)) > 1:
        raise InputError("Give one of --labels, --model and --project, not two.")
    if reader is not None and project is None:
        raise InputError("--reader says whose labels of a --project; give it too.")
    if project is not None:
        return _of_project(path, stack, spacing, project, reader)
    if labels is None:
        return _segmented(path, model, stack, spacing)
    if not labels.exists():
        raise InputError(f"There is no file or folder {labels}.")
    given = io.parse_spacing(spacing)
    with progress("Reading headers") as advance:
        entry = io.sax_cine(io.scan(path, progress=advance), stack)
    with progress("Loading images") as advance:
        images = io.load(entry, spacing=given, progress=advance)
    found = io.labels_on_stack(labels, entry, map_name=label_map, spacing=given, made_by=made_by)
    labelled = Segmentation.on(images, found.labels, found.model).with_findings(*found.findings)
    return Reported(images, labelled)


def _segmented(path: Path, model: str | None, stack: str | None, spacing: str) -> Reported:
    from napari_cmr.cli.work import read_and_segment

    session = read_and_segment(path, model=model, stack=stack, spacing=spacing)
    if session.stack is None or session.segmentation is None:
        raise RuntimeError("a session that segmented has no labels")
    return Reported(session.stack, session.segmentation)


def _of_project(
    path: Path, stack: str | None, spacing: str, project: Path, reader: str | None
) -> Reported:
    """The labels that stand in a project's log, and who made them so."""
    from napari_cmr.review import Project, review_records, stack_key
    from napari_cmr.review.lines import lines

    opened = Project.look_into(project)
    with progress("Reading headers") as advance:
        entry = io.sax_cine(io.scan(path, progress=advance), stack)
    with progress("Loading images") as advance:
        images = io.load(entry, spacing=io.parse_spacing(spacing), progress=advance)
    key = stack_key(images)
    if key not in {info.key for info in opened.stacks()}:
        raise InputError(f"The project {project} holds nothing of {entry.stack_id} in {path}.")
    read_by = lines(opened, stack=key, reader=reader)
    if len(read_by) > 1:
        readers = ", ".join(line.reader for line in read_by)
        raise InputError(f"Several readers read this stack: {readers}; choose by --reader.")
    (line,) = read_by
    history = line.history
    if not history.has_labels:
        raise InputError(f"{line.reader} has no labels of this stack in {project} yet.")
    if not spacing and history.spacing_mm is not None:  # given in the project, by hand
        z, y, x = history.spacing_mm
        images = io.load(entry, spacing=(z, y, x))
    labelled = Segmentation.on(images, history.labels.copy(), history.model)
    records = tuple(r for r in review_records(opened, key) if r.reader == line.reader)
    return Reported(
        images, labelled.with_findings(*history.findings), records, history.ed, history.es
    )
