"""From a question to a map with its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from napari_cmr.core import Cancel, InputError, Progress, check_cancel
from napari_cmr.learn.saliency import scores as scoring
from napari_cmr.learn.saliency.integrated import Tick
from napari_cmr.learn.saliency.methods import METHODS
from napari_cmr.learn.saliency.question import MapArray, Question, evenly
from napari_cmr.learn.saliency.sanity import DRAWS, PICTURES, Sanity, sanity_check

SCORED = 12
"""So many pictures, evenly chosen, stand for all in the curves of deletion and insertion."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """A map on the images' grid, and how far it can be believed.

    Parameters
    ----------
    title, unit, value
        The number that is explained.
    method
        As in `METHODS`.
    maps
        ``(t, z, y, x)`` on the stack's grid, 0 where the network did not look.
    places
        (phase, slice) of the pictures that were explained.
    place
        Against the heart's mask; None where none was given, or it is empty.
    curves
        Deletion and insertion.
    sanity
        None where the check was not asked for.
    completeness
        Integrated gradients only: what the shares sum to, and what they should.
    """

    title: str
    unit: str
    value: float
    method: str
    model: str
    maps: MapArray
    places: tuple[tuple[int, int], ...]
    place: scoring.Place | None
    curves: scoring.Curves
    sanity: Sanity | None
    completeness: tuple[float, float] | None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What is written beside the map."""
        areas = {
            f"{name}_area": self.curves.area(name)
            for name in ("deletion", "insertion", "deletion_by_chance", "insertion_by_chance")
        }
        return {
            "target": self.title,
            "value": self.value,
            "unit": self.unit,
            "method": self.method,
            "model": self.model,
            "pictures": [list(p) for p in self.places],
            "heart": None if self.place is None else asdict(self.place),
            **areas,
            "curves": asdict(self.curves),
            "sanity": None
            if self.sanity is None
            else asdict(self.sanity) | {"passed": self.sanity.passed, "says": self.sanity.sentence},
            "completeness": self.completeness,
            "notes": list(self.notes),
        }

    @property
    def lines(self) -> tuple[str, ...]:
        """The scores in words."""
        lines = [f"{self.title}: {self.value:.3g} {self.unit}".rstrip()]
        if self.sanity is not None:
            lines.append(self.sanity.sentence)
        if self.place is not None:
            p = self.place
            lines.append(
                f"{100 * p.energy:.0f} % of the map lies in the heart (evenly spread: "
                f"{100 * p.chance:.0f} %); its peak does in {p.hits} of {p.pictures} pictures."
            )
        for name, good in (("deletion", "lower"), ("insertion", "higher")):
            area, chance = self.curves.area(name), self.curves.area(f"{name}_by_chance")
            if area is not None and chance is not None:
                lines.append(
                    f"{name.title()} {area:.2f}, at random {chance:.2f} ({good} is better)."
                )
        if self.completeness is not None:
            told, due = self.completeness
            lines.append(f"The shares sum to {told:.3g}; the whole change is {due:.3g}.")
        return (*lines, *self.notes)


def explain(
    question: Question,
    method: str,
    *,
    model: str = "",
    heart: scoring.Mask | None = None,
    check: bool = True,
    stages: Sequence[float] = (),
    options: dict[str, Any] | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Explanation:
    """Make a map of a question by a method, and score it.

    Parameters
    ----------
    question
        From `napari_cmr.learn.saliency.targets`.
    method
        Name in `METHODS`.
    heart
        ``(t, z, y, x)`` where the heart is, on the stack's grid.
    check, stages
        Whether to make the randomised-weights check, and with which shares for its cascade.
    options
        Of the method, as its function takes them.

    Raises
    ------
    InputError
        If there is no such method, or the model has not what it needs.
    CancelledError
        If ``cancel`` returned True between two pieces of work.
    """
    if method not in METHODS:
        raise InputError(f"There is no method '{method}'; there are {', '.join(METHODS)}.")
    make = partial(METHODS[method].make, **(options or {}))
    tick = _ticks(question, method, check, len(stages), progress, cancel)
    maps = make(question, tick)
    some = evenly(len(question), SCORED)
    curves = scoring.curves(question.of(some), maps[some], tick)
    sanity = None
    if check:
        sanity = sanity_check(question, lambda q: make(q, tick), maps, stages=stages)
    found = question.onto(maps)
    where = None
    if heart is not None:
        seen = question.onto(torch.ones_like(question.inputs)) > 0
        where = scoring.place(found, heart, seen)
    completeness = _completeness(question, maps) if method == "integrated" else None
    return Explanation(
        question.title,
        question.unit,
        question.value,
        method,
        model,
        found,
        question.places,
        where,
        curves,
        sanity,
        completeness,
        question.notes,
    )


def _ticks(
    question: Question,
    method: str,
    check: bool,
    n_stages: int,
    progress: Progress | None,
    cancel: Cancel | None,
) -> Tick:
    """What counts the work and asks whether to go on."""
    once = METHODS[method].n_ticks(question)
    again = METHODS[method].n_ticks(question.of(evenly(len(question), PICTURES)))
    runs = (DRAWS + n_stages) * check
    total = once + scoring.N_CURVES * (scoring.STEPS + 1) + runs * again
    done = 0

    def tick() -> None:
        nonlocal done
        check_cancel(cancel)
        done += 1
        if progress is not None:
            progress(min(done, total), total)

    check_cancel(cancel)
    return tick


def _completeness(question: Question, maps: Tensor) -> tuple[float, float]:
    """What integrated gradients sum to, and the change that they should sum to."""
    due = 0.0
    with torch.inference_mode():
        for which in question.batches():
            whole = question.score(question.inputs[which], which)
            due += float((whole - question.score(question.emptied()[which], which)).sum())
    return float(maps.sum()), due
