"""Late enhancement by slice and by case: how much of the wall a segmenter calls scar."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_cmr.core import (
    Cancel,
    FloatArray,
    InputError,
    LabelArray,
    ModelError,
    Progress,
    Stack,
    Structure,
)
from napari_cmr.io.manifest import (
    ManifestRow,
    join_slices,
    labelled_slices,
    load_image,
    load_label,
)
from napari_cmr.learn.label_faults import refuse_labels_under_wrong_map, refuse_two_of_a_name
from napari_cmr.nets import Model, load_model, predict
from napari_cmr.nets.card import ModelName

SEGMENTER_TASK = "lge_sax_seg"
SCARRED = (Structure.INFARCT, Structure.MVO)
WALL = (Structure.MYO, *SCARRED)
CASE_NUMBERS = ("share of the wall that is scar", "the same of the two most scarred slices, mean")
_MOST_SCARRED = 2
_LEAST_SHARE = 0.005


@dataclass(frozen=True, eq=False)
class Case:
    """All late-enhancement slices of one person.

    Parameters
    ----------
    rows
        Numbers of the manifest's rows, in the slices' order.
    slices_a_row
        How many slices each of them holds.
    areas
        ``(n, 2)`` scar and wall (scar included) of each slice in pixels, by the segmenter.
    scarred
        ``(n,)`` whether the expert drew scar in each slice, None where no label describes all.
    """

    subject: str
    rows: tuple[int, ...]
    slices_a_row: tuple[int, ...]
    areas: FloatArray
    scarred: npt.NDArray[np.bool_] | None


def load_segmenter(name: str | Path | None, *, wanted: ModelName | None = None) -> Model:
    """Load a segmenter of late enhancement.

    Parameters
    ----------
    name
        Shelf name or folder; the shelf's best if None.
    wanted
        What the head was trained on.

    Raises
    ------
    ModelError
        If there is none, or it is not the one that is wanted.
    """
    model = load_model(name, task=SEGMENTER_TASK)
    found = ModelName.of(model.card)
    if wanted is not None and found != wanted:
        raise ModelError(
            f"The head was trained on the segmenter {wanted.title}, but {found.title} is "
            "installed; install that one, or train the head again."
        )
    return model


def read_cases(
    rows: Sequence[ManifestRow],
    segmenter: Model,
    *,
    labels: bool,
    progress: Progress | None = None,
) -> list[Case]:
    """Scar and wall of all slices, person by person.

    Pictures that the column ``slice`` numbers are seen as one stack.

    Raises
    ------
    InputError
        If an image or a label cannot be read, labels cannot be those of the map they are said to
        be in, one id stands for two people, or the segmenter finds no wall in any picture of a
        case.
    """
    refuse_two_of_a_name([row for row in rows if row.slice])
    groups: dict[str, list[ManifestRow]] = defaultdict(list)
    for row in rows:
        groups[row.subject].append(row)
    number = {id(row): index for index, row in enumerate(rows)}
    cases = []
    for done, (subject, own) in enumerate(groups.items()):
        numbers: list[int] = []
        counts: list[int] = []
        areas, drawn = [], []
        for stack_row in join_slices(own):
            stack = load_image(stack_row)
            parts = stack_row.slices or (stack_row,)
            numbers += [number[id(part)] for part in parts]
            counts += [stack.shape[1] // len(parts)] * len(parts)
            areas.append(areas_of(stack, segmenter))
            if labels and stack_row.label is not None:
                drawn += _scarred_slices(stack_row, stack)
        found = np.concatenate(areas)
        _refuse_without_wall(subject, found)
        whole = np.concatenate(drawn) if len(drawn) == len(areas) else None
        cases.append(Case(subject, tuple(numbers), tuple(counts), found, whole))
        if progress is not None:
            progress(done + 1, len(groups))
    return cases


def areas_of(stack: Stack, segmenter: Model, *, cancel: Cancel | None = None) -> FloatArray:
    """``(n, 2)`` scar and wall of the first phase's slices, in pixels."""
    labels = predict(stack, segmenter, phases=[0], cancel=cancel).labels[0]
    counted = [np.isin(labels, which).sum((1, 2)) for which in (SCARRED, WALL)]
    return np.stack(counted, axis=1).astype(np.float64)


def slice_numbers(areas: Tensor) -> Tensor:
    """``(n, 1)`` share of each slice's wall that is scar, from ``(n, 2)`` areas, on a log scale.

    A slice without wall has no scar.
    """
    return _on_log_scale(_shares(areas))[:, None]


def case_numbers(areas: Tensor) -> Tensor:
    """``(2,)`` of a case from its slices' ``(n, 2)`` areas, as `CASE_NUMBERS`, on a log scale.

    A case without any wall says nothing: NaN.
    """
    scar, wall = areas.sum(0).unbind()
    shares = _shares(areas)
    highest = shares.topk(min(_MOST_SCARRED, len(shares))).values.mean()
    both = _on_log_scale(torch.stack([scar / wall.clamp_min(1.0), highest]))
    return both.where(wall > 0, torch.nan)


def numbers_of_slices(case: Case) -> FloatArray:
    """`slice_numbers` of a case."""
    return slice_numbers(torch.from_numpy(case.areas)).numpy()


def numbers_of(areas: FloatArray) -> FloatArray:
    """`case_numbers` of areas."""
    return case_numbers(torch.from_numpy(areas)).numpy()


def _refuse_without_wall(subject: str, areas: FloatArray) -> None:
    """Without it the head would answer by what most training cases were."""
    if not areas[:, 1].any():
        raise InputError(
            "Scar is told as a share of the wall, and no wall is found in any picture of "
            f"{subject}; leave it out, or see whether it is late enhancement of the short axis."
        )


def _shares(areas: Tensor) -> Tensor:
    return areas[:, 0] / areas[:, 1].clamp_min(1.0)


def _on_log_scale(shares: Tensor) -> Tensor:
    """So that two per cent against four counts like twenty against forty."""
    return (shares + _LEAST_SHARE).log()


def _scarred_slices(row: ManifestRow, stack: Stack) -> list[npt.NDArray[np.bool_]]:
    """Whether scar is drawn in each slice of a stack; nothing where some are not described."""
    if len(labelled_slices(row, stack.shape[1])) < stack.shape[1]:
        return []
    labels = load_label(row, stack)[1].labels
    refuse_labels_under_wrong_map([(row.subject, labels)])
    return [_scarred(labels[0])]


def _scarred(labels: LabelArray) -> npt.NDArray[np.bool_]:
    """``(n,)`` whether any of ``(n, y, x)`` labels is scar."""
    return np.asarray(np.isin(labels, SCARRED).any((1, 2)))
