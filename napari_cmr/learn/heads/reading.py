"""From a manifest's rows to the numbers that a head looks at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_cmr.core import FloatArray, InputError, LabelArray, Progress, Segmentation, Stack
from napari_cmr.io.manifest import ManifestRow, labelled_slices, load_image, load_label
from napari_cmr.learn.heads.biomarkers import as_features, biomarkers
from napari_cmr.learn.heads.tasks import HeadTask
from napari_cmr.learn.label_faults import WRONG_MAP, refuse_two_of_a_name, under_wrong_map
from napari_cmr.measure import function
from napari_cmr.nets.features import FrozenEncoder, picture_features, pictures

Segmenter = Callable[[Stack], Segmentation]
Embed = Callable[[Stack, int, int], FloatArray]
"""A cine and its phases of ED and ES to numbers that say what its pictures look like."""
Features = dict[tuple[Path, str, str, str], FloatArray]


@dataclass(frozen=True, eq=False)
class Sample:
    """One thing to name: an image, or a person.

    Parameters
    ----------
    rows
        Numbers of the manifest's rows that the answer belongs to.
    values
        ``(d,)`` what the head looks at; NaN where a number is missing.
    truth
        Its class, None where the manifest does not say.
    measured
        The numbers as a reader knows them, where they are more than a vector.
    slices
        What is said of the slices of each row, where slices are told apart.
    embedding
        ``(width,)`` what a second head looks at, where there is one.
    """

    subject: str
    rows: tuple[int, ...]
    values: FloatArray
    truth: str | None
    measured: dict[str, float] | None = None
    slices: dict[int, str] | None = None
    embedding: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Drawn:
    """A person's images and their segmentation.

    Parameters
    ----------
    phases
        Of the stack, that the segmentation's are.
    ed, es
        Of the segmentation, where the manifest says; otherwise by its volumes.
    """

    stack: Stack
    segmentation: Segmentation
    phases: Sequence[int]
    ed: int | None = None
    es: int | None = None

    def embedding(self, embed: Embed) -> FloatArray:
        """What the pictures of ED and ES look like."""
        found = function(self.segmentation, ed=self.ed, es=self.es)
        return embed(self.stack, self.phases[found.ed_phase], self.phases[found.es_phase])


def read_pictures(
    task: HeadTask,
    rows: Sequence[ManifestRow],
    encoder: FrozenEncoder,
    *,
    truth: bool,
    cache: Features | None = None,
    progress: Progress | None = None,
) -> list[Sample]:
    """One sample an image: the mean of its pictures' features.

    Parameters
    ----------
    cache
        Features of this encoder by image, and by what chooses a stack of a folder; looked up and
        added to.
    """
    known = {} if cache is None else cache
    found = []
    for index, row in enumerate(rows):
        seen = (row.image, row.view, row.sequence, row.columns.get("stack", ""))
        if seen not in known:
            stack = load_image(row)
            features = picture_features(stack, encoder, pictures(stack))
            known[seen] = features.mean(0).double().numpy()
        values = known[seen]
        found.append(Sample(row.subject, (index,), values, task.truth(row) if truth else None))
        if progress is not None:
            progress(index + 1, len(rows))
    return found


def read_patients(
    task: HeadTask,
    rows: Sequence[ManifestRow],
    segment: Segmenter | None,
    *,
    truth: bool,
    embed: Embed | None = None,
    progress: Progress | None = None,
) -> list[Sample]:
    """One sample a person: biomarkers of end diastole and end systole.

    Parameters
    ----------
    segment
        Makes the segmentation; None takes the experts' labels of the manifest.
    embed
        Sees the pictures beside them, for a second head.

    Raises
    ------
    InputError
        If a person has neither a cine nor an ED and an ES image, is said to have two diseases,
        or lacks a label where labels are wanted; if one id stands for two people, or labels
        cannot be those of the map they are said to be in.
    """
    refuse_two_of_a_name(rows)
    groups: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[row.subject].append(index)
    found = []
    for done, (subject, numbers) in enumerate(groups.items()):
        own = [rows[i] for i in numbers]
        drawn = _drawn(own, segment)
        measured = biomarkers(drawn.segmentation, ed=drawn.ed, es=drawn.es)
        values = as_features([measured])[0]
        said = one_truth(task, own) if truth else None
        seen = drawn.embedding(embed) if embed else None
        found.append(Sample(subject, tuple(numbers), values, said, measured, embedding=seen))
        if progress is not None:
            progress(done + 1, len(groups))
    return found


def _drawn(rows: Sequence[ManifestRow], segment: Segmenter | None) -> Drawn:
    by_frame = {row.frame.upper(): row for row in rows if row.frame.upper() in ("ED", "ES")}
    if len(by_frame) == 2:
        pair = [by_frame["ED"], by_frame["ES"]]
        return Drawn(*_two_phases(pair, segment), phases=(0, 1), ed=0, es=1)
    if len(rows) > 1:
        raise InputError(
            f"{rows[0].subject} has {len(rows)} images, but not one of ED and one of ES; say in "
            "the column frame which is which, or give the whole cine as one image."
        )
    stack = load_image(rows[0])
    if segment is not None:
        return Drawn(stack, segment(stack), range(stack.shape[0]))
    phases, labels = load_label(rows[0], stack)
    _refuse_unfit(rows[0], labels.labels)
    if len(phases) < stack.shape[0]:
        labels = replace(labels, times_ms=None)
    known = replace(labels, height_cm=stack.height_cm, weight_kg=stack.weight_kg)
    return Drawn(stack, known, phases)


def _two_phases(
    pair: Sequence[ManifestRow], segment: Segmenter | None
) -> tuple[Stack, Segmentation]:
    """ED and ES as two phases of one stack and its segmentation.

    Where the two images lie differently (other shape) the pair cannot be one segmentation, and
    is refused.
    """
    stacks = [load_image(row) for row in pair]
    if stacks[0].shape[1:] != stacks[1].shape[1:] or any(s.shape[0] != 1 for s in stacks):
        raise InputError(
            f"ED and ES of {pair[0].subject} have the shapes {stacks[0].shape} and "
            f"{stacks[1].shape}; they must be one phase each of the same slices."
        )
    both = replace(
        stacks[0],
        pixels=np.concatenate([s.pixels for s in stacks]),
        times_ms=None,
    )
    if segment is not None:
        return both, segment(both)
    labels = [load_label(row, stack)[1] for row, stack in zip(pair, stacks, strict=True)]
    for row, one in zip(pair, labels, strict=True):
        _refuse_unfit(row, one.labels)
    return both, Segmentation.on(both, np.concatenate([one.labels for one in labels]))


def _refuse_unfit(row: ManifestRow, labels: LabelArray) -> None:
    if len(labelled_slices(row, labels.shape[1])) < labels.shape[1]:
        raise InputError(
            f"The label of {row.subject} describes some slices only (column labelled_slices), and "
            "biomarkers are of the whole heart; take one that describes all."
        )
    if under_wrong_map(labels):
        raise InputError(f"In the labels of {row.subject} {WRONG_MAP}")


def one_truth(task: HeadTask, rows: Sequence[ManifestRow]) -> str | None:
    """The class of a person whose rows say it, None where none does.

    Raises
    ------
    InputError
        If they disagree.
    """
    said = {task.truth(row) for row in rows} - {None}
    if len(said) > 1:
        raise InputError(
            f"The manifest's column {task.column} says {' and '.join(sorted(map(str, said)))} of "
            f"{rows[0].subject}; a person has one."
        )
    return said.pop() if said else None
