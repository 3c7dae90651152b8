"""What the verb report reads: images with labels that are given, found, or corrected."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_cmr import io
from napari_cmr.cli.labelled import Wanted, check_there, labels_given
from napari_cmr.cli.request import Request
from napari_cmr.core import Finding, InputError, Segmentation, Stack
from napari_cmr.measure import Remote
from napari_cmr.measure.wall import Septa
from napari_cmr.report import ReviewRecord


@dataclass(frozen=True, eq=False)
class Reported:
    """Images, labels, and what a project knows of their review.

    ``ed`` and ``es`` are phases that a reader set in the project, ``septa`` RV insertion points
    by phase and slice of the phases in which a reader placed landmarks, ``remote`` the healthy wall
    that a reader drew on late enhancement.
    """

    stack: Stack
    segmentation: Segmentation
    review: tuple[ReviewRecord, ...] = ()
    ed: int | None = None
    es: int | None = None
    septa: Septa = field(default_factory=dict)
    remote: Remote | None = None


def read(request: Request, study: Path) -> Reported:
    """A study's images and their labels: from a file, from a project's log, or segmented.

    Raises
    ------
    InputError
        If there are no such labels.
    """
    wanted = Wanted(study, request.stack, request.spacing, request.resample_time)
    if request.project is not None:
        return of_project(wanted, wanted.entry(), request.project, request.reader)
    if request.labels is None:
        return _segmented(wanted, request.model)
    check_there(request.labels)
    entry = wanted.entry()
    images = wanted.images(entry)
    found = labels_given(
        request.labels,
        entry,
        label_map=request.label_map,
        spacing=wanted.spacing,
        made_by=request.made_by,
    )
    labelled = Segmentation.on(images, found.labels, found.model).with_findings(*found.findings)
    return Reported(images, labelled)


def _segmented(wanted: Wanted, model: str | None) -> Reported:
    from napari_cmr.cli.work import read_and_segment

    session = read_and_segment(
        wanted.path,
        model=model,
        stack=wanted.stack,
        spacing=wanted.spacing,
        resample_time=wanted.resample_time,
    )
    if session.stack is None or session.segmentation is None:
        raise RuntimeError("a session that segmented has no labels")
    return Reported(session.stack, session.segmentation)


def of_project(wanted: Wanted, entry: io.Entry, project: Path, reader: str | None) -> Reported:
    """The labels that stand in a project's log, and who made them so.

    Raises
    ------
    InputError
        If the project has none of this stack, or several readers' and none is named.
    """
    from napari_cmr.review import Project, Reading, in_volume, review_records, stack_key
    from napari_cmr.review.enhancement import remote_of
    from napari_cmr.review.extent import sentence
    from napari_cmr.review.landmarks import placed_septa
    from napari_cmr.review.lines import lines

    opened = Project.look_into(project)
    images = wanted.images(entry)
    key = stack_key(images)
    if key not in {info.key for info in opened.stacks()}:
        raise InputError(
            f"The project {project} holds nothing of {entry.stack_id} in {wanted.path}."
        )
    read_by = lines(opened, stack=key, reader=reader)
    if len(read_by) > 1:
        readers = ", ".join(line.reader for line in read_by)
        raise InputError(f"Several readers read this stack: {readers}; choose by --reader.")
    (line,) = read_by
    history = line.history
    if not history.has_labels:
        raise InputError(f"{line.reader} has no labels of this stack in {project} yet.")
    given = None if wanted.spacing else history.spacing_mm
    if given is not None and not np.allclose(given, images.geometry.spacing):  # given by hand
        z, y, x = given
        images = io.load(entry, spacing=(z, y, x))
    reading = Reading(images, key, history)
    labelled = in_volume(
        Segmentation.on(images, history.labels.copy(), history.model), history.extent
    )
    left_out = sentence(history.extent.left_out(images.shape[1]))
    if left_out:
        labelled = labelled.with_findings(Finding("slices-out", left_out))
    records = tuple(r for r in review_records(opened, key) if r.reader == line.reader)
    return Reported(
        images,
        labelled.with_findings(*history.findings),
        records,
        history.ed,
        history.es,
        placed_septa(reading),
        remote_of(reading),
    )
