"""Labels of a stack that exist already: files of labels, and contours as data sets have them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_cmr import io
from napari_cmr.core import (
    Cancel,
    InputError,
    LabelArray,
    Progress,
    Segmentation,
    Stack,
    check_cancel,
)
from napari_cmr.io.catalogue import Entry
from napari_cmr.review.record import Frame


@dataclass(frozen=True, eq=False)
class GivenLabels:
    """Labels on the grid of a stack, and on which frames they say anything.

    Parameters
    ----------
    labels
        ``(t, z, y, x)`` uint8 in map ``cmr``.
    frames
        (phase, slice) that are given, an empty one too where the file says so.
    source
        In a word or two what they came from; no name of a file.
    """

    labels: LabelArray
    frames: frozenset[Frame]
    source: str


def labels_given(
    path: Path,
    entry: Entry,
    stack: Stack,
    label_map: str = "cmr",
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> GivenLabels:
    """Read labels or contours of a stack.

    A label file gives every slice of each phase that it has labels in. Contours of a data set
    give the frames that were drawn on alone, since its files do not say whether another was left
    empty or not drawn; they are laid on the stack's frames by the pictures' own pixels.

    Parameters
    ----------
    path
        A label NIfTI, a DICOM SEG, a folder of either, or a folder in a data set's layout.
    entry, stack
        The stack, as scanned and as loaded.

    Raises
    ------
    InputError
        If there are no labels of this stack.
    """
    if path.is_dir() and (cases := _contours(path)):
        return _on_same_pictures(cases, stack, progress, cancel)
    spacing = stack.geometry.spacing if stack.geometry.spacing_known else None
    found = io.labels_on_stack(path, entry, map_name=label_map, spacing=spacing)
    phases = np.flatnonzero(found.labels.any(axis=(1, 2, 3)))
    if not len(phases):
        raise InputError(f"{path.name} holds no label; give labels of this stack.")
    frames = frozenset((int(t), z) for t in phases for z in range(stack.shape[1]))
    return GivenLabels(found.labels, frames, "label file")


def _contours(folder: Path) -> tuple[str, list[tuple[Stack, Segmentation]]] | None:
    """Pictures and labels of a folder in a data set's layout; None where it is in none."""
    from napari_cmr.io.layouts import Drawn, detect, open_data_set

    for name in detect(folder):
        data_set, tree = open_data_set(folder, name)
        drawn = [
            (case.stack, case.segmentation)
            for subject in data_set.subjects(tree)
            for case in subject.read()
            if isinstance(case, Drawn) and case.segmentation is not None
        ]
        if drawn:
            return name, drawn
    return None


def _on_same_pictures(
    named: tuple[str, Iterable[tuple[Stack, Segmentation]]],
    stack: Stack,
    progress: Progress | None,
    cancel: Cancel | None,
) -> GivenLabels:
    name, cases = named
    where = {_fingerprint(stack.pixels[t, z]): (t, z) for t, z in np.ndindex(stack.shape[:2])}
    labels = np.zeros(stack.shape, np.uint8)
    frames: set[Frame] = set()
    cases = list(cases)
    for number, (pictures, drawn) in enumerate(cases, start=1):
        check_cancel(cancel)
        for t, z in np.ndindex(pictures.shape[:2]):
            frame = where.get(_fingerprint(pictures.pixels[t, z]))
            if frame is not None and drawn.labels[t, z].any():
                labels[frame] = drawn.labels[t, z]
                frames.add(frame)
        if progress is not None:
            progress(number, len(cases))
    if not frames:
        raise InputError(
            "The folder has contours, but none on a picture of this stack; give the folder of "
            "the same subject."
        )
    return GivenLabels(labels, frozenset(frames), f"{name} contours")


def _fingerprint(picture: npt.NDArray[np.generic]) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(picture, np.dtype("<f4")).tobytes()).digest()
