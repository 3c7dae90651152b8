"""Which task's segmenters a short-axis stack is for; it imports no torch."""

from __future__ import annotations

from napari_cmr.core import Sequence, Stack

CINE, LATE_ENHANCEMENT = "cine_sax_seg", "lge_sax_seg"


def task_of(stack: Stack) -> str:
    """The task of the segmenters that a short-axis stack is for."""
    return LATE_ENHANCEMENT if stack.sequence is Sequence.LGE else CINE
