"""Where a step of the log acted: on which frames, and on which of their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.measure import drawn_remote
from napari_cmr.review.history import outlines_of
from napari_cmr.review.record import Frame, Kind, Record

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Acted:
    """Where a step acted.

    Parameters
    ----------
    step
        The step, as undo and redo return it.
    size
        Rows and columns of the stack.
    """

    step: Record
    size: tuple[int, int]

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """(phase, slice) that the step changed, judged or marked, in order."""
        if self._changed is not None:
            t, z = self._first
            found = np.argwhere(self._changed.any(axis=(2, 3)))
            return tuple((t + int(phase), z + int(index)) for phase, index in found)
        body = self.step.body
        named = [body["at"]] if self.step.kind is Kind.SLICES else body.get("frames", [])
        return tuple((int(t), int(z)) for t, z in named)

    def mask(self, frame: Frame) -> Mask | None:
        """``(y, x)`` pixels that the step changed in a frame; None where it did not act.

        Of a landmark it is the pixel that it was put to, of a remote wall the region drawn, of a
        verdict or a mark the whole frame.
        """
        if self._changed is None:
            return self._named(frame) if frame in self.frames else None
        t, z = (at - first for at, first in zip(frame, self._first, strict=True))
        if not (0 <= t < self._changed.shape[0] and 0 <= z < self._changed.shape[1]):
            return None
        if not self._changed[t, z].any():
            return None
        mask = np.zeros(self.size, np.bool_)
        mask[self.step.patch.where[2:]] = self._changed[t, z]  # type: ignore[union-attr]
        return mask

    @property
    def _first(self) -> Frame:
        if self.step.patch is None:
            raise ValueError("a step without pixels has no box")
        (t, _), (z, _), *_ = self.step.patch.box
        return t, z

    @cached_property
    def _changed(self) -> npt.NDArray[Any] | None:
        """``(t, z, y, x)`` of the patch's box; None of a step without pixels."""
        if self.step.patch is None:
            return None
        before, after = self.step.patch.labels()
        return np.asarray(before != after)

    def _named(self, frame: Frame) -> Mask:
        if self.step.kind is Kind.REMOTE and self.step.body["outlines"]:
            outlines = outlines_of(self.step)
            slices = 1 + max(one.index for one in outlines)
            drawn: Mask = drawn_remote(outlines, (slices, *self.size)).mask[frame[1]]
            return drawn
        if self.step.kind is not Kind.LANDMARK:
            return np.ones(self.size, np.bool_)
        mask = np.zeros(self.size, np.bool_)
        place = np.clip(np.rint(self.step.body["at"]).astype(int), 0, np.subtract(self.size, 1))
        mask[tuple(place)] = True
        return mask
