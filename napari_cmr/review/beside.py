"""What is shown beside the stack under review: another view of it, or another study."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cmr import io
from napari_cmr.core import Cancel, Measures, Progress, Stack
from napari_cmr.io.catalogue import Catalogue, Entry
from napari_cmr.measure.cut_line import Point, cut_line
from napari_cmr.review.cine import cycle_of
from napari_cmr.review.project import Project
from napari_cmr.review.reading import Reading, restored
from napari_cmr.review.study_key import stack_key

_NUMBERS = (
    ("LV EDV", "edv_ml", "mL"),
    ("LV ESV", "esv_ml", "mL"),
    ("LV SV", "sv_ml", "mL"),
    ("LV EF", "ef_percent", "%"),
    ("LV mass", "mass_g", "g"),
    ("RV EDV", "rv_edv_ml", "mL"),
    ("RV ESV", "rv_esv_ml", "mL"),
    ("RV EF", "rv_ef_percent", "%"),
)

Ends = tuple[Point, Point]


@dataclass(frozen=True)
class Pair:
    """One number of two studies; what is not known is None."""

    title: str
    unit: str
    here: float | None
    beside: float | None

    @property
    def change(self) -> float | None:
        """The study beside less the one under review."""
        if self.here is None or self.beside is None:
            return None
        return self.beside - self.here


def load_beside(
    entry: Entry,
    project: Project,
    reader: str,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Reading:
    """A stack with what a reader's log has of it; the session does not change.

    Raises
    ------
    InputError
        If a file vanished or is damaged, or the log is.
    """
    stack = io.load(entry, progress=progress, cancel=cancel)
    key = stack_key(stack)
    return Reading(stack, key, restored(project, stack, key, reader))


def crossing(catalogue: Catalogue, stack: Stack) -> list[Entry]:
    """The study's other stacks whose planes cut the middle of this one's pictures."""
    middle, grid = stack.shape[1] // 2, stack.shape[2:]
    return [
        entry
        for entry in catalogue.entries
        if entry.stack_id != stack.stack_id
        and not entry.left_alone
        and cut_line(stack.geometry, middle, grid, entry.geometry, entry.shape[1] // 2)
    ]


def same_moment(stack: Stack, slice_index: int, phase: int, other: Stack, other_slice: int) -> int:
    """The other stack's phase that lies nearest in the heart's cycle."""
    fraction = cycle_of(stack, slice_index).fraction_of(phase)
    return cycle_of(other, other_slice).phase_nearest(fraction)


def same_level(stack: Stack, slice_index: int, other: Stack) -> int:
    """The other stack's slice as far from its first as this one is, in parts of the stack.

    Stacks run from base to apex or the other way; where both know how they lie in the patient and
    run against each other it is counted from the other end.
    """
    last, other_last = stack.shape[1] - 1, other.shape[1] - 1
    part = slice_index / last if last else 0.5
    ours, theirs = stack.geometry, other.geometry
    if ours.oriented and theirs.oriented and last and other_last:
        one, two = (g.origins[-1] - g.origins[0] for g in (ours, theirs))
        part = 1 - part if float(one @ two) < 0 else part
    return round(part * other_last)


def lines_between(
    stack: Stack, slice_index: int, other: Stack, other_slice: int
) -> tuple[Ends | None, Ends | None]:
    """Where the other slice cuts this picture, and where this slice cuts the other's."""
    return (
        cut_line(stack.geometry, slice_index, stack.shape[2:], other.geometry, other_slice),
        cut_line(other.geometry, other_slice, other.shape[2:], stack.geometry, slice_index),
    )


def numbers_beside(here: Measures | None, beside: Measures | None) -> tuple[Pair, ...]:
    """The main numbers of two studies, those that either has."""
    pairs = [
        Pair(title, unit, _value(here, name), _value(beside, name))
        for title, name, unit in _NUMBERS
    ]
    return tuple(p for p in pairs if p.here is not None or p.beside is not None)


def _value(measures: Measures | None, name: str) -> float | None:
    value = None if measures is None else getattr(measures, name)
    return None if value is None else float(value)
