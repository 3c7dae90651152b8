"""What a project holds: for each stack and reader one line of work."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from napari_cmr.core import InputError
from napari_cmr.review.history import History
from napari_cmr.review.project import Project
from napari_cmr.review.reading import replay
from napari_cmr.review.record import Record, Verdict
from napari_cmr.review.study_key import StackInfo


@dataclass(frozen=True, eq=False)
class Line:
    """What one reader did to one stack, and what it came to."""

    info: StackInfo
    reader: str
    records: tuple[Record, ...]
    history: History

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        history = self.history
        return {
            "stack": self.info.key,
            "subject": self.info.subject,
            "view": self.info.view.value,
            "sequence": self.info.sequence.value,
            "shape": list(self.info.shape),
            "reader": self.reader,
            "state": history.state.value,
            "model": history.model,
            "changes": len(self.records),
            "frames_drawn_or_accepted": len(history.own_frames()),
            "frames_accepted": len(history.frames_with(Verdict.ACCEPTED)),
            "frames_rejected": len(history.frames_with(Verdict.REJECTED)),
            "ed": history.ed,
            "es": history.es,
            "slices_out": list(history.extent.left_out(self.info.shape[1])),
            "last": self.records[-1].at,
            "labels_sha256": hashlib.sha256(history.labels.tobytes()).hexdigest(),
        }


def lines(project: Project, *, stack: str | None = None, reader: str | None = None) -> list[Line]:
    """All lines of a project, replayed, or those of one stack or reader.

    Parameters
    ----------
    stack
        A stack's key, or its beginning where no other begins so.

    Raises
    ------
    InputError
        If there is none, or the log does not fit itself.
    """
    infos = {info.key: info for info in project.stacks()}
    if stack is not None:
        infos = {key: info for key, info in infos.items() if key.startswith(stack)}
        if len(infos) != 1:
            raise InputError(
                f"{len(infos)} stacks of the project begin with '{stack}'; name one as "
                "'project list' does."
            )
    found: dict[tuple[str, str], list[Record]] = {}
    for record in project.records(next(iter(infos)) if stack is not None else None, reader):
        found.setdefault((record.stack, record.reader), []).append(record)
    if not found:
        whose = f" by {reader}" if reader is not None else ""
        raise InputError(f"Nothing was done yet{whose} in the project {project.folder}.")
    return [
        Line(infos[key], who, tuple(records), replay(records, infos[key].shape))
        for (key, who), records in found.items()
    ]
