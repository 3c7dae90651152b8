"""Labels that a reader may take or leave, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from napari_cmr.core import LabelArray
from napari_cmr.review.record import Frame, Kind


@dataclass(frozen=True, eq=False)
class Proposal:
    """A preview; nothing is changed by it until it is accepted.

    Parameters
    ----------
    kind
        How it came about: `Kind.INTERPOLATION` or `Kind.PROPAGATION`.
    frames
        (phase, slice) to ``(y, x)`` labels of the whole frame, as they would become.
    """

    kind: Kind
    frames: Mapping[Frame, LabelArray]

    def only(self, frames: Iterable[Frame] | None) -> Proposal:
        """The part for some frames; None is all."""
        if frames is None:
            return self
        wanted = set(frames)
        return replace(self, frames={f: d for f, d in self.frames.items() if f in wanted})

    def without(self, frames: Iterable[Frame]) -> Proposal:
        """What is left once some frames are decided."""
        decided = set(frames)
        return replace(self, frames={f: d for f, d in self.frames.items() if f not in decided})
