"""Labelled slices in memory, drawn evenly over subjects, frames and slices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_cmr.core import InputError, LabelArray, Stack, Structure
from napari_cmr.io.manifest import (
    ManifestRow,
    join_slices,
    labelled_slices,
    load_image,
    load_label,
    load_scribble,
)
from napari_cmr.io.video import VIDEOS
from napari_cmr.nets.locate import GUESSED_FIELD_MM, Heart, HeartSize
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
    said
        ``(z, y, x)`` bool: pixels of which the labels say anything, as strokes do not of all;
        None where they say something of every pixel. Slices of which nothing is said are not drawn.
    """

    subject: str
    images: Tensor
    labels: Tensor
    pixel_mm: tuple[float, float]
    structures: tuple[int, ...]
    centre_mm: tuple[float, float]
    slice_mm: float | None = None
    said: Tensor | None = None


@dataclass(frozen=True, eq=False)
class LabelledRow:
    """One manifest row with its labels, on the source grid.

    Parameters
    ----------
    row
        As the manifest has it.
    phases
        The labelled phases of the stack.
    labels
        ``(phases, z, y, x)`` uint8 in map ``cmr``.
    said
        ``(phases, z, y, x)`` bool: pixels of which the labels say anything; of slices that a reader
        did not look at they say nothing.
    structures
        The structures that the labels could hold; pixels say nothing of others.
    """

    row: ManifestRow
    stack: Stack
    phases: tuple[int, ...]
    labels: LabelArray
    said: npt.NDArray[np.bool_]
    structures: tuple[int, ...]

    @property
    def subject(self) -> str:
        """Whose it is."""
        return self.row.subject

    @property
    def in_whole_slices(self) -> bool:
        """Whether the labels say something of every pixel of a slice or of none, unlike strokes."""
        return bool((self.said.all((2, 3)) == self.said.any((2, 3))).all())


def load_labelled(rows: Sequence[ManifestRow], *, scribbles: bool = False) -> list[LabelledRow]:
    """Load manifest rows that have a label; see also :mod:`napari_cmr.learn.label_faults`.

    A structure counts as labelled in all rows if it occurs in any of them, since a set is drawn
    by one protocol; the column ``structures`` (names, with blanks between them) says otherwise
    of its row.

    Parameters
    ----------
    scribbles
        Whether a row without a label but with strokes is loaded too.

    Raises
    ------
    InputError
        If no row has a label, or a row's files do not fit each other.
    """
    loaded = []
    stacks: dict[tuple[object, ...], Stack] = {}
    for row in join_slices(rows):
        if row.label is None and (row.scribble is None or not scribbles):
            continue
        which = row.columns.get("stack", "")
        same = (row.image, which, row.subject, row.view, row.sequence, row.spacing_mm, row.slices)
        if row.image.suffix.lower() in VIDEOS or same not in stacks:  # a video's frame differs
            stacks[same] = load_image(row)
        stack = stacks[same]
        if row.label is None:
            loaded.append((row, stack, *load_scribble(row, stack)))
        else:
            phases, truth = load_label(row, stack)
            said = np.zeros(truth.labels.shape, bool)
            said[:, labelled_slices(row, stack.shape[1])] = True
            loaded.append((row, stack, phases, truth, said))
    if not loaded:
        raise InputError("The manifest has no labelled row to train on.")
    found = {int(v) for _, _, _, truth, _ in loaded for v in np.unique(truth.labels)}
    return [
        LabelledRow(
            row,
            stack,
            tuple(phases),
            truth.labels,
            said,
            _named(row) or tuple(sorted(found - {0})),
        )
        for row, stack, phases, truth, said in loaded
    ]


def _named(row: ManifestRow) -> tuple[int, ...]:
    """The structures that the column ``structures`` of a row names; none where it is empty."""
    names = row.columns.get("structures", "").split()
    unknown = [name for name in names if name not in Structure.__members__]
    if unknown:
        raise InputError(
            f"{row.subject}: there is no structure '{unknown[0]}'; known are "
            f"{', '.join(s.name for s in Structure if s)}."
        )
    return tuple(sorted(int(Structure[name]) for name in names))


def load_frames(
    rows: Sequence[ManifestRow],
    find: Callable[[Stack], Heart] | None = None,
    size: HeartSize | None = None,
) -> list[LabelledFrame]:
    """Load the labelled phases of one manifest; see `load_labelled` and `frames_of`.

    Raises
    ------
    InputError
        If no row has a label, or a row's files do not fit each other.
    """
    return frames_of(load_labelled(rows), find, size)


def frames_of(
    labelled: Sequence[LabelledRow],
    find: Callable[[Stack], Heart] | None = None,
    size: HeartSize | None = None,
) -> list[LabelledFrame]:
    """The labelled phases of rows.

    Parameters
    ----------
    find
        Says where the heart is, the picture's middle where it finds none; the middle of what is
        labelled if None.
    size
        Of what is labelled, where the spacing is unknown; None leaves the guess.

    Raises
    ------
    InputError
        If all labels are empty.
    """
    if not any(row.structures for row in labelled):
        raise InputError("All labels of the manifest are empty; there is nothing to learn.")
    return [frame for row in labelled for frame in _frames(row, find, size)]


def _frames(
    row: LabelledRow, find: Callable[[Stack], Heart] | None, size: HeartSize | None
) -> Iterator[LabelledFrame]:
    stack = row.stack
    pixel_mm = stack.geometry.pixel_spacing
    if not stack.geometry.spacing_known:
        guess = GUESSED_FIELD_MM / max(stack.shape[2:])
        pixel_mm = (guess, guess)
        if size is not None and row.labels.any():
            _, _, *places = np.nonzero(row.labels)
            height, width = (float(np.ptp(p) + 1) * guess for p in places)
            pixel_mm = size.pixel_mm(pixel_mm, (height, width))
    centre_mm = None
    if find is not None:
        heart = find(stack)
        centre_mm, pixel_mm = heart.centre_mm, heart.pixel_mm
    for phase, labels, said in zip(row.phases, row.labels, row.said, strict=True):
        yield LabelledFrame(
            row.subject,
            torch.from_numpy(stack.pixels[phase].astype(np.float32)),
            torch.from_numpy(labels.copy()),
            pixel_mm,
            row.structures,
            centre_mm or _centre(labels, pixel_mm),
            slice_distance(stack.geometry),
            None if said.all() else torch.from_numpy(said.copy()),
        )


class EvenSampler:
    """Draws (frame, slice): a set by weight, then a subject, a frame and a slice evenly."""

    def __init__(self, sets: Sequence[tuple[float, Sequence[LabelledFrame]]]) -> None:
        weights = np.array([weight for weight, _ in sets], np.float64)
        self._weights = weights / weights.sum()
        self._subjects = [_by_subject(frames) for _, frames in sets]

    def draw(self, rng: np.random.Generator) -> tuple[LabelledFrame, int]:
        """One frame and the index of one of its slices of which something is said."""
        subjects = self._subjects[rng.choice(len(self._weights), p=self._weights)]
        frames = subjects[rng.integers(len(subjects))]
        frame = frames[rng.integers(len(frames))]
        told = _told_slices(frame)
        return frame, told[int(rng.integers(len(told)))]


def _told_slices(frame: LabelledFrame) -> Sequence[int]:
    told = [] if frame.said is None else frame.said.flatten(1).any(1).nonzero()[:, 0].tolist()
    return told or range(len(frame.images))


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
