"""Which task's segmenters a stack is for, and whose versions its corrections make; no torch."""

from __future__ import annotations

from typing import Protocol

from napari_cmr.core import Sequence, View

CINE, LATE_ENHANCEMENT, FOUR_CHAMBER = "cine_sax_seg", "lge_sax_seg", "cine_lax_seg"
MAPPING = "mapping_sax_seg"
TITLES = {CINE: "cine", LATE_ENHANCEMENT: "late enhancement"}
"""The tasks that a project keeps versions of, and what a person calls them."""
_OTHER_TITLES = {FOUR_CHAMBER: "four chambers", MAPPING: "maps"}
_SHORT_AXIS = (View.SAX, View.UNKNOWN)
_MAPS = (Sequence.T1, Sequence.T2)
_NOT_LEARNT = (*_MAPS, Sequence.ECHO)


class Shown(Protocol):
    """What says which view and sequence it shows: a stack, or what a project keeps of one."""

    @property
    def view(self) -> View:
        """Its plane."""

    @property
    def sequence(self) -> Sequence:
        """How it was acquired."""


def task_of(shown: Shown) -> str:
    """The task of the segmenters that a short-axis stack or a four-chamber cine is for."""
    if is_four_chamber(shown):
        return FOUR_CHAMBER
    if shown.sequence in _MAPS:
        return MAPPING
    return LATE_ENHANCEMENT if shown.sequence is Sequence.LGE else CINE


def is_four_chamber(shown: Shown) -> bool:
    """Whether it is the one long axis that a model covers."""
    return shown.view is View.CH4 and shown.sequence is Sequence.CINE


def can_be_segmented(shown: Shown) -> bool:
    """Whether a model covers it."""
    return shown.view in _SHORT_AXIS or is_four_chamber(shown)


def taught_task(shown: Shown) -> str | None:
    """The task whose versions corrections of a stack make; None where there is none for it."""
    if shown.view not in _SHORT_AXIS or shown.sequence in _NOT_LEARNT:
        return None
    return task_of(shown)


def title_of(task: str) -> str:
    """What a person calls the images of a task."""
    return TITLES.get(task) or _OTHER_TITLES.get(task, task)
