"""Of which task a manifest's corrections are, so that those of two never train one version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_cmr.core import InputError, View
from napari_cmr.core import Sequence as Acquired
from napari_cmr.nets.segmenter_tasks import CINE, TITLES, taught_task, title_of

if TYPE_CHECKING:
    from napari_cmr.io.manifest import ManifestRow

OTHER = "other"


@dataclass(frozen=True)
class _Said:
    view: View
    sequence: Acquired


def kind_of(row: ManifestRow) -> str:
    """The task that a row's columns ``view`` and ``sequence`` name.

    Empty where they name no sequence, so the row is of whatever task is trained; ``other`` where
    no version is made for such images.
    """
    views = {view.casefold(): view for view in View}
    sequences = {sequence.casefold(): sequence for sequence in Acquired}
    view = views.get(row.view.casefold(), View.UNKNOWN)
    sequence = sequences.get(row.sequence.casefold())
    if sequence is None and view in (View.UNKNOWN, View.SAX):
        return ""
    return taught_task(_Said(view, sequence or Acquired.CINE)) or OTHER


def chosen_task(rows: Sequence[ManifestRow], task: str | None) -> str:
    """The task to train: the one that was said, else the only one that the rows are of.

    Raises
    ------
    InputError
        If the rows are of several tasks and none was said.
    """
    if task is not None:
        return task
    found = Counter(kind for row in rows if (kind := kind_of(row)) in TITLES)
    if len(found) > 1:
        counted = " and ".join(f"{n} row(s) of {title_of(kind)}" for kind, n in found.items())
        raise InputError(
            f"There are {counted}, which make versions of their own; say which to learn from with "
            f"--task {' or '.join(found)}."
        )
    return next(iter(found), CINE)


def rows_of_task(rows: Sequence[ManifestRow], task: str) -> tuple[list[ManifestRow], str]:
    """The rows that may make a version of a task, and one sentence on those left out.

    Raises
    ------
    InputError
        If none may.
    """
    kept = [row for row in rows if kind_of(row) in ("", task)]
    others = Counter(title_of(kind_of(row)) for row in rows if kind_of(row) not in ("", task))
    counted = ", ".join(f"{n} row(s) of {title} images" for title, n in others.items())
    if rows and not kept:
        raise InputError(
            f"No row of the manifest is of {title_of(task)}: there are {counted}; choose another "
            "--task."
        )
    return kept, f"{counted} left out: this version is for {title_of(task)}" if others else ""
