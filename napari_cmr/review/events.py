"""What can happen to a session. Each change is one of these, told by one signal."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cmr.io import Catalogue
from napari_cmr.review.record import Box, Record


@dataclass(frozen=True, eq=False)
class StudyOpened:
    """A study was opened; no stack of it is chosen yet."""

    catalogue: Catalogue


@dataclass(frozen=True)
class StackChosen:
    """Another stack is the one under review, or the same one with another spacing."""

    stack_id: str


@dataclass(frozen=True)
class Segmented:
    """A stack has a new segmentation, and measures that follow from it."""

    stack_id: str


@dataclass(frozen=True)
class Corrected:
    """A reader changed labels inside a box: a stroke, or something proposed and accepted."""

    stack_id: str
    box: Box


@dataclass(frozen=True, eq=False)
class Undone:
    """A step was taken back, or done again."""

    stack_id: str
    step: Record
    again: bool = False


@dataclass(frozen=True)
class Judged:
    """A reader accepted, rejected or flagged something."""

    stack_id: str


@dataclass(frozen=True)
class PhasesSet:
    """A reader set end diastole or end systole of a stack; None is found from the volumes."""

    stack_id: str
    ed: int | None
    es: int | None


@dataclass(frozen=True)
class SlicesMarked:
    """A reader marked base, apex, or slices that do not count to the volumes."""

    stack_id: str


@dataclass(frozen=True)
class LandmarkPlaced:
    """A reader put a landmark to another place."""

    stack_id: str


@dataclass(frozen=True)
class RemoteChosen:
    """A reader drew the remote wall of late enhancement, or left it to be found."""

    stack_id: str


@dataclass(frozen=True)
class ProjectChosen:
    """Another project keeps the work, or another reader does it."""


Event = (
    StudyOpened
    | StackChosen
    | Segmented
    | Corrected
    | Undone
    | Judged
    | PhasesSet
    | SlicesMarked
    | LandmarkPlaced
    | RemoteChosen
    | ProjectChosen
)
