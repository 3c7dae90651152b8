"""Which slices of a stack belong to the ventricles' volumes, as a reader marked them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from napari_cmr.core import InputError, Segmentation


@dataclass(frozen=True)
class Extent:
    """Base, apex, and slices taken out by themselves.

    What lies beyond the base or the apex is out. Where only one of the two is marked, beyond it
    is the side with fewer slices (of equal sides the one that begins the stack).

    Parameters
    ----------
    base, apex
        The outermost slices that still count, from 0; None where not marked.
    out
        Further slices that do not count.
    """

    base: int | None = None
    apex: int | None = None
    out: frozenset[int] = frozenset()

    def left_out(self, n_slices: int) -> tuple[int, ...]:
        """The slices that do not count, in order."""
        first, last = self._ends(n_slices)
        return tuple(z for z in range(n_slices) if not first <= z <= last or z in self.out)

    def _ends(self, n_slices: int) -> tuple[int, int]:
        marks = [mark for mark in (self.base, self.apex) if mark is not None]
        if len(marks) == 2:
            return min(marks), max(marks)
        if not marks:
            return 0, n_slices - 1
        (mark,) = marks
        return (mark, n_slices - 1) if mark <= n_slices - 1 - mark else (0, mark)

    def with_base(self, index: int | None) -> Extent:
        """Marked anew; the slice itself counts, and is the apex no more."""
        return Extent(index, _other(self.apex, index), _without(self.out, index))

    def with_apex(self, index: int | None) -> Extent:
        """Marked anew; the slice itself counts, and is the base no more."""
        return Extent(_other(self.base, index), index, _without(self.out, index))

    def turned(self, index: int, n_slices: int) -> Extent:
        """One slice taken out of the volume, or put in again.

        Raises
        ------
        InputError
            If the slice lies beyond the base or the apex; those are to be moved.
        """
        first, last = self._ends(n_slices)
        if not first <= index <= last:
            raise InputError(
                f"Slice {index} lies beyond the marked base or apex; mark that anew instead."
            )
        return replace(self, out=self.out ^ {index})

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the log."""
        return {"base": self.base, "apex": self.apex, "out": sorted(self.out)}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Extent:
        """The reverse of `as_dict`."""
        return cls(plain["base"], plain["apex"], frozenset(plain["out"]))

    def check(self, n_slices: int) -> None:
        """Raise `InputError` if a slice is not in the stack."""
        marks = {mark for mark in (self.base, self.apex) if mark is not None} | self.out
        for index in sorted(marks):
            if not 0 <= index < n_slices:
                raise InputError(
                    f"There is no slice {index}; the stack has slices 0 to {n_slices - 1}."
                )


def sentence(left_out: tuple[int, ...]) -> str:
    """What is to be said beside numbers; empty where every slice counts."""
    if not left_out:
        return ""
    if len(left_out) == 1:
        return f"Slice {left_out[0]} is out of the volumes, as the reader marked it."
    listed = ", ".join(map(str, left_out))
    return f"Slices {listed} are out of the volumes, as the reader marked them."


def in_volume(segmentation: Segmentation, extent: Extent) -> Segmentation:
    """The labels that count; on slices that are left out there are none."""
    left_out = extent.left_out(segmentation.labels.shape[1])
    if not left_out:
        return segmentation
    labels = segmentation.labels.copy()
    labels[:, list(left_out)] = 0
    return segmentation.with_labels(labels)


def without_phases(segmentation: Segmentation, phases: Sequence[int]) -> Segmentation:
    """The labels less those of some phases, which then count as not segmented."""
    if not phases:
        return segmentation
    labels = segmentation.labels.copy()
    labels[list(phases)] = 0
    return segmentation.with_labels(labels)


def _other(mark: int | None, index: int | None) -> int | None:
    return None if mark == index else mark


def _without(out: frozenset[int], index: int | None) -> frozenset[int]:
    return out if index is None else out - {index}
