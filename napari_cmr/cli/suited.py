"""Which rows of a manifest a task is not for, by what their columns view and sequence say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_cmr.core import InputError, Sequence, View

if TYPE_CHECKING:
    from napari_cmr.io.manifest import ManifestRow


@dataclass(frozen=True)
class _Pictures:
    """What a task is for, and how a person calls it."""

    title: str
    views: frozenset[View]
    sequences: frozenset[Sequence]


_SHORT_AXIS = frozenset({View.SAX})
_FOUR_CHAMBERS = frozenset({View.CH4, View.LAX})
_APICAL = frozenset({View.CH2, View.CH3, View.CH4, View.LAX})
_CINE = frozenset({Sequence.CINE})
_LATE_ENHANCEMENT = frozenset({Sequence.LGE})
# Maps are learnt from other sequences with their contrast bent, and measured on them too.
_ANY_MR = frozenset({Sequence.CINE, Sequence.LGE, Sequence.T1, Sequence.T2})
_FOR: Mapping[str, _Pictures] = {
    "cine_sax_seg": _Pictures("short-axis cine", _SHORT_AXIS, _CINE),
    "cine_lax_seg": _Pictures("four-chamber cine", _FOUR_CHAMBERS, _CINE),
    "lge_sax_seg": _Pictures("short-axis late enhancement", _SHORT_AXIS, _LATE_ENHANCEMENT),
    "mapping_sax_seg": _Pictures("short-axis maps", _SHORT_AXIS, _ANY_MR),
    "echo_lv_seg": _Pictures("apical ultrasound", _APICAL, frozenset({Sequence.ECHO})),
    "landmarks": _Pictures(
        "short-axis and four-chamber cine", frozenset({View.SAX, View.CH4}), _CINE
    ),
    "disease": _Pictures("short-axis cine", _SHORT_AXIS, _CINE),
    "lge_pathology": _Pictures("short-axis late enhancement", _SHORT_AXIS, _LATE_ENHANCEMENT),
}
_VIEWS = {view.casefold(): view for view in View if view is not View.UNKNOWN}
_SEQUENCES = {seq.casefold(): seq for seq in Sequence if seq is not Sequence.OTHER}


def check_suited(rows: Iterable[ManifestRow], task: str) -> None:
    """Refuse rows that say they show what a task is not for.

    A cell that is empty, or says a word that is not known, says nothing. Tasks that tell views or
    sequences themselves take any picture.

    Raises
    ------
    InputError
        Of the first such row.
    """
    if task not in _FOR:
        return
    wanted = _FOR[task]
    for row in rows:
        view = _VIEWS.get(row.view.strip().casefold())
        sequence = _SEQUENCES.get(row.sequence.strip().casefold())
        if view in (None, *wanted.views) and sequence in (None, *wanted.sequences):
            continue
        said = " ".join(filter(None, (view, sequence)))
        raise InputError(
            f"{row.subject} is {said} by the manifest's columns view and sequence, and {task} is "
            f"for {wanted.title}; choose another --task, or leave such rows out."
        )
