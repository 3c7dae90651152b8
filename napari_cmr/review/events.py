"""What can happen to a session. Each change is one of these, told by one signal."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cmr.io import Catalogue


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
class PhasesSet:
    """A reader set end diastole or end systole of a stack; None is found from the volumes."""

    stack_id: str
    ed: int | None
    es: int | None


Event = StudyOpened | StackChosen | Segmented | PhasesSet
