"""Who did what to the contours and when, as a report says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

NOT_REVIEWED = "not reviewed"
ACCEPTED = "accepted"
TAKEN_BACK = "took a verdict back on"
UNACCEPTED = ("rejected", TAKEN_BACK)


@dataclass(frozen=True)
class ReviewRecord:
    """One thing that a reader did to the contours and that stands.

    Parameters
    ----------
    reader
        Who.
    action
        What, in words: ``corrected by hand``, ``accepted``, ``rejected``, ``set ED and ES``, ...
    structures
        Titles of the structures that were changed.
    frames
        (phase, slice), counted from 0, that it is about.
    began, ended
        When; the same for a single step.
    model
        Name and version of the prediction that the contours stood on; empty if there was none.
    steps
        How many steps are put together here.
    """

    reader: str
    action: str
    structures: tuple[str, ...] = ()
    frames: tuple[tuple[int, int], ...] = ()
    began: datetime | None = None
    ended: datetime | None = None
    model: str = ""
    steps: int = 1

    @property
    def line(self) -> str:
        """One line for a reader."""
        parts = [f"{self.reader} {self.action}"]
        if self.structures:
            parts[0] += " " + ", ".join(self.structures)
        if self.frames:
            phases, slices = (sorted(set(axis)) for axis in zip(*self.frames, strict=True))
            count = f"{len(self.frames)} frame" + ("" if len(self.frames) == 1 else "s")
            parts.append(f"{count} ({_listed('phase', phases)}, {_listed('slice', slices)})")
        if self.steps > 1:
            parts.append(f"{self.steps} steps")
        if self.began is not None:
            parts.append(_span(self.began, self.ended or self.began))
        if self.model:
            parts.append(f"on {self.model}")
        return "; ".join(parts)


def accepted_by(records: Sequence[ReviewRecord], n_frames: int) -> str:
    """Who accepts how many frames as it stands; says so where nobody does.

    Parameters
    ----------
    records
        Oldest first: a frame that was rejected or taken back later is not accepted.
    n_frames
        Frames of the stack.
    """
    standing: dict[str, set[tuple[int, int]]] = {}
    last: dict[str, datetime | None] = {}
    for record in records:
        if record.action == ACCEPTED:
            standing.setdefault(record.reader, set()).update(record.frames)
            last[record.reader] = record.ended
        elif record.action in UNACCEPTED:
            standing.get(record.reader, set()).difference_update(record.frames)
    found = [
        f"{reader}, {len(frames)} of {n_frames} frames"
        + ("" if (at := last[reader]) is None else f" on {_minute(at)}")
        for reader, frames in standing.items()
        if frames
    ]
    return "; ".join(found) or NOT_REVIEWED


def review_lines(
    records: Sequence[ReviewRecord], n_frames: int, most: int | None = None
) -> tuple[tuple[str, str], ...]:
    """Headings and sentences of the review, the newest records first.

    Parameters
    ----------
    most
        How many records to write out; the rest is counted.
    """
    newest = [record.line for record in reversed(records)]
    shown = newest if most is None or len(newest) <= most else newest[:most]
    lines = [("Review", line) for line in shown] or [("Review", "none recorded")]
    if len(shown) < len(newest):
        lines.append(("Review", f"{len(newest) - len(shown)} more in the HTML report"))
    return (*lines, ("Accepted by", accepted_by(records, n_frames)))


def _listed(word: str, values: list[int]) -> str:
    """Runs of numbers: ``slices 2-5, 8``."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    texts = [f"{r[0]}-{r[-1]}" if len(r) > 2 else ", ".join(map(str, r)) for r in runs]
    return f"{word}{'' if len(values) == 1 else 's'} {', '.join(texts)}"


def _span(began: datetime, ended: datetime) -> str:
    if _minute(began) == _minute(ended):
        return _minute(began)
    end = f"{ended:%H:%M}" if began.date() == ended.date() else f"{ended:%Y-%m-%d %H:%M}"
    zone = _zone(ended)
    return f"{began:%Y-%m-%d %H:%M} to {end}{zone}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}{_zone(moment)}"


def _zone(moment: datetime) -> str:
    return "" if moment.tzinfo is None else f" {moment:%Z}"
