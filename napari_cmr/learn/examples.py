"""Labelled slices in memory, drawn evenly over subjects, frames and slices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_cmr.core import InputError, LabelArray, Stack
from napari_cmr.io.manifest import ManifestRow, load_image, load_label
from napari_cmr.nets.locate import GUESSED_FIELD_MM, Heart
from napari_cmr.nets.neighbours import slice_distance


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """One labelled phase of one subject.

    Parameters
    ----------
    images
        ``(z, y, x)`` float32.
    labels
        ``(z, y, x)`` uint8 in map ``cmr``.
    pixel_mm
        Row and column step; guessed from the field of view where unknown.
    structures
        The structures that the labels could hold; pixels say nothing of others.
    centre_mm
        (row, column) of the middle of what is labelled, or of the heart as a localiser found it,
        in mm from the picture's edge.
    slice_mm
        Distance of neighbouring slices; None where unknown or where there is one slice.
    """

    subject: str
    images: Tensor
    labels: Tensor
    pixel_mm: tuple[float, float]
    structures: tuple[int, ...]
    centre_mm: tuple[float, float]
    slice_mm: float | None = None


def load_frames(
    rows: Sequence[ManifestRow], find: Callable[[Stack], Heart] | None = None
) -> list[LabelledFrame]:
    """Load the labelled phases of one manifest.

    A structure counts as labelled in all rows if it occurs in any of them, since a set is
    drawn by one protocol.

    Parameters
    ----------
    find
        Says where the heart is, the picture's middle where it finds none; the middle of what is
        labelled if None.

    Raises
    ------
    InputError
        If no row has a label, or a row's files do not fit each other.
    """
    loaded = []
    for row in rows:
        if row.label is None:
            continue
        stack = load_image(row)
        phases, truth = load_label(row, stack)
        pixel_mm = stack.geometry.pixel_spacing
        if not stack.geometry.spacing_known:
            guess = GUESSED_FIELD_MM / max(stack.shape[2:])
            pixel_mm = (guess, guess)
        centre_mm = None
        if find is not None:
            heart = find(stack)
            centre_mm, pixel_mm = heart.centre_mm, heart.pixel_mm
        slice_mm = slice_distance(stack.geometry)
        for index, phase in enumerate(phases):
            pair = stack.pixels[phase], truth.labels[index]
            loaded.append((row.subject, *pair, pixel_mm, centre_mm, slice_mm))
    if not loaded:
        raise InputError("The manifest has no labelled row to train on.")
    found = {int(v) for _, _, labels, *_ in loaded for v in np.unique(labels)}
    structures = tuple(sorted(found - {0}))
    if not structures:
        raise InputError("All labels of the manifest are empty; there is nothing to learn.")
    return [
        LabelledFrame(
            subject,
            torch.from_numpy(images.astype(np.float32)),
            torch.from_numpy(labels.copy()),
            pixel_mm,
            structures,
            centre_mm or _centre(labels, pixel_mm),
            slice_mm,
        )
        for subject, images, labels, pixel_mm, centre_mm, slice_mm in loaded
    ]


class EvenSampler:
    """Draws (frame, slice): a set by weight, then a subject, a frame and a slice evenly."""

    def __init__(self, sets: Sequence[tuple[float, Sequence[LabelledFrame]]]) -> None:
        weights = np.array([weight for weight, _ in sets], np.float64)
        self._weights = weights / weights.sum()
        self._subjects = [_by_subject(frames) for _, frames in sets]

    def draw(self, rng: np.random.Generator) -> tuple[LabelledFrame, int]:
        """One frame and the index of one of its slices."""
        subjects = self._subjects[rng.choice(len(self._weights), p=self._weights)]
        frames = subjects[rng.integers(len(subjects))]
        frame = frames[rng.integers(len(frames))]
        return frame, int(rng.integers(len(frame.images)))


def _by_subject(frames: Iterable[LabelledFrame]) -> list[list[LabelledFrame]]:
    groups: dict[str, list[LabelledFrame]] = defaultdict(list)
    for frame in frames:
        groups[frame.subject].append(frame)
    return list(groups.values())


def _centre(labels: LabelArray, pixel_mm: tuple[float, float]) -> tuple[float, float]:
    rows, columns = np.nonzero(labels.any(axis=0))
    if rows.size == 0:
        return labels.shape[1] * pixel_mm[0] / 2, labels.shape[2] * pixel_mm[1] / 2
    middle = [(index.min() + index.max() + 1) / 2 for index in (rows, columns)]
    return float(middle[0] * pixel_mm[0]), float(middle[1] * pixel_mm[1])
