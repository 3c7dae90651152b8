"""Cases to learn from: the images of what a reader corrected, kept, and what there is of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_cmr import io
from napari_cmr.core import InputError, Structure, placing, replacing
from napari_cmr.nets.segmenter_tasks import CINE, TITLES, taught_task, title_of
from napari_cmr.review.export import MANIFEST, rows_of, write_manifest
from napari_cmr.review.history import Touch
from napari_cmr.review.lines import Line, lines
from napari_cmr.review.project import HOME, Project
from napari_cmr.review.reading import Reading
from napari_cmr.review.record import Verdict

CASES = "cases"
MOST_PHASES = 6
"""Phases of one stack that are learnt from; neighbouring ones say nearly the same."""


@dataclass(frozen=True)
class Material:
    """What a reader corrected or accepted in a project, as far as a task can be learnt from it.

    Parameters
    ----------
    task
        What a version would be for that learns from it.
    subjects, stacks, phases
        Of which the images are kept; ``phases`` counts those that will be learnt from.
    slices
        Frames among them that the reader drew on or accepted.
    all_slices
        Frames of those phases, each of which a network is asked about.
    structures
        Names of what is labelled in them.
    without_images
        Stacks that were corrected and whose images are not kept.
    waiting
        Other tasks, and how many corrected stacks wait to be learnt from for each.
    untaught
        Corrected stacks of which no task makes versions, such as maps.
    """

    subjects: int = 0
    stacks: int = 0
    phases: int = 0
    slices: int = 0
    all_slices: int = 0
    structures: tuple[str, ...] = ()
    without_images: int = 0
    task: str = CINE
    waiting: tuple[tuple[str, int], ...] = ()
    untaught: int = 0


def cases_folder(project: Project) -> Path:
    """Where the images of corrected stacks are kept.

    Raises
    ------
    InputError
        If the project is in memory only.
    """
    if project.folder is None:
        raise InputError("The project is in memory only; choose a project folder to learn in.")
    return project.folder / HOME / CASES


def keep_case(project: Project, reading: Reading) -> Path:
    """Keep a stack's images, to learn from later: pixels and geometry, for the owner only.

    Raises
    ------
    InputError
        If the project is in memory only or the folder cannot be written to.
    """
    folder = cases_folder(project)
    place = folder / f"{reading.key}.nii"
    if not place.is_file():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(place) as part:
            io.write_nifti(reading.stack, part)
            part.chmod(0o600)
    return place


def worth_keeping(reading: Reading) -> bool:
    """Whether a reader drew on or accepted anything of a stack."""
    return bool(reading.history.own_frames())


def what_can_be_learned(project: Project, reader: str, task: str = CINE) -> Material:
    """Count what a reader corrected or accepted that a task can be learnt from."""
    if project.folder is None:
        return Material(task=task)
    by_task = _worth_learning(project, reader)
    found = by_task.pop(task, [])
    untaught = len(by_task.pop(None, ()))
    kept = [line for line in found if _image(project, line).is_file()]
    chosen = {line.info.key: _chosen_rows(line) for line in kept}
    reviewed = {line.info.key: _reviewed(line) for line in kept}
    values: set[int] = set()
    for line in kept:
        phases = [int(row["frame"]) for row in chosen[line.info.key]]
        values |= set(np.unique(line.history.labels[phases]).tolist())
    return Material(
        subjects=len({line.info.subject for line in kept}),
        stacks=len(kept),
        phases=sum(map(len, chosen.values())),
        slices=sum(
            sum(1 for phase, _ in reviewed[line.info.key] if str(phase) in _frames(chosen, line))
            for line in kept
        ),
        all_slices=sum(len(chosen[line.info.key]) * line.info.shape[1] for line in kept),
        structures=tuple(Structure(v).name for v in sorted(values) if v),
        without_images=len(found) - len(kept),
        task=task,
        waiting=tuple((other, len(by_task[other])) for other in TITLES if other in by_task),
        untaught=untaught,
    )


def taught_tasks(project: Project, reader: str) -> dict[str, int]:
    """The tasks that a reader's corrections could make versions of, and of how many stacks."""
    by_task = _worth_learning(project, reader)
    return {task: len(by_task[task]) for task in TITLES if task in by_task}


def write_training_cases(project: Project, reader: str, out: Path, task: str = CINE) -> Path:
    """Write labels and the manifest of what a task can be learnt from; images stay where they are.

    Returns
    -------
    Path
        The manifest, as ``retrain`` takes it.

    Raises
    ------
    InputError
        If there is nothing to learn from, or the folder cannot be written to.
    """
    found = _worth_learning(project, reader).get(task, [])
    kept = [line for line in found if _image(project, line).is_file()]
    rows = []
    for line in kept:
        image = os.path.relpath(_image(project, line), out)
        rows += [row | {"image": image} for row in _chosen_rows(line)]
    if not rows:
        raise InputError(
            f"Nothing of {title_of(task)} was corrected or accepted yet of which the images are "
            "kept; correct or accept some slices first."
        )
    shutil.rmtree(out / "labels", ignore_errors=True)
    with placing(out / "labels", overwrite=True) as part:
        for line in kept:
            labelled = line.info.segmentation(line.history.labels, line.history.model)
            io.write_labels(labelled, part / f"{line.info.key}.nii.gz")
    with placing(out, overwrite=True) as part:
        write_manifest(part / MANIFEST, rows)
    return out / MANIFEST


def kept_bytes(project: Project) -> int:
    """What the kept images take on disk."""
    if project.folder is None:
        return 0
    return sum(p.stat().st_size for p in cases_folder(project).glob("*.nii"))


def forget_cases(project: Project) -> int:
    """Throw the kept images away; gives how many bytes that was. Corrections stay."""
    size = kept_bytes(project)
    if project.folder is not None:
        shutil.rmtree(cases_folder(project), ignore_errors=True)
    return size


def _worth_learning(project: Project, reader: str) -> dict[str | None, list[Line]]:
    """What was corrected, by the task that learns from it; None for what none learns from."""
    try:
        found = lines(project, reader=reader)
    except InputError:
        if project.records(reader=reader):  # the log does not fit itself
            raise
        return {}
    by_task: dict[str | None, list[Line]] = {}
    for line in found:
        if line.history.has_labels and rows_of(line):
            by_task.setdefault(taught_task(line.info), []).append(line)
    return by_task


def _image(project: Project, line: Line) -> Path:
    return cases_folder(project) / f"{line.info.key}.nii"


def _reviewed(line: Line) -> set[tuple[int, int]]:
    history = line.history
    return history.own_frames() - history.frames_with(Verdict.REJECTED)


def _chosen_rows(line: Line) -> list[dict[str, str]]:
    """Rows of the phases that were drawn on, then of others evenly, ``MOST_PHASES`` in all."""
    rows = rows_of(line)
    drawn = set(np.flatnonzero((line.history.touched == Touch.HAND).any(axis=(1, 2, 3))).tolist())
    first = [row for row in rows if int(row["frame"]) in drawn]
    others = [row for row in rows if int(row["frame"]) not in drawn]
    chosen = _evenly(first, MOST_PHASES)
    chosen += _evenly(others, MOST_PHASES - len(chosen))
    return sorted(chosen, key=lambda row: int(row["frame"]))


def _evenly(rows: list[dict[str, str]], most: int) -> list[dict[str, str]]:
    if len(rows) <= most:
        return rows
    places: Iterable[int] = (i * len(rows) // most for i in range(most))
    return [rows[place] for place in places]


def _frames(chosen: dict[str, list[dict[str, str]]], line: Line) -> set[str]:
    return {row["frame"] for row in chosen[line.info.key]}
