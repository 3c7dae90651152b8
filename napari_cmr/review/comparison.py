"""Two readers' labels of one stack beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_cmr import measure
from napari_cmr.core import InputError, LabelArray, Measures, Structure
from napari_cmr.review.lines import Line
from napari_cmr.review.reading import numbers

_NUMBERS = ("edv_ml", "esv_ml", "ef_percent", "mass_g", "rv_edv_ml", "rv_esv_ml", "rv_ef_percent")


@dataclass(frozen=True)
class FrameDifference:
    """How many pixels of a frame two readers labelled differently."""

    phase: int
    slice: int
    pixels: int
    area_mm2: float | None


@dataclass(frozen=True)
class Comparison:
    """How far two readers agree on one stack.

    Parameters
    ----------
    readers
        The two, in the order of everything below.
    dice
        Title of a structure to Dice: the mean over the phases in which either reader has any
        label, each over all slices, so a structure that neither has in a phase counts 1.
    dice_per_phase
        Title of a structure to phase to Dice.
    measures
        The two readers' numbers.
    differences
        The frames that differ, the most different first.
    """

    stack: str
    readers: tuple[str, str]
    dice: dict[str, float]
    dice_per_phase: dict[str, dict[int, float]]
    measures: tuple[Measures, Measures]
    differences: tuple[FrameDifference, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        first, second = (m.as_dict() for m in self.measures)
        return {
            "stack": self.stack,
            "readers": list(self.readers),
            "dice": {name: round(value, 4) for name, value in self.dice.items()},
            "dice_per_phase": {
                name: {str(phase): round(value, 4) for phase, value in values.items()}
                for name, values in self.dice_per_phase.items()
            },
            "measures": {name: [first[name], second[name]] for name in _NUMBERS},
            "phases": {
                "ed": [m.ed_phase for m in self.measures],
                "es": [m.es_phase for m in self.measures],
            },
            "differences": [vars(difference) for difference in self.differences],
        }


def compare(first: Line, second: Line) -> Comparison:
    """Compare two lines of work on the same stack, of one project or of two.

    Raises
    ------
    InputError
        If they are of different stacks, or one has no labels.
    """
    if first.info.key != second.info.key:
        raise InputError("The two are of different images, so their labels do not compare.")
    for line in (first, second):
        if not line.history.has_labels:
            raise InputError(f"{line.reader} has no labels of the stack {line.info.key} yet.")
    a, b = first.history.labels, second.history.labels
    phases = [int(t) for t in np.flatnonzero(((a > 0) | (b > 0)).any(axis=(1, 2, 3)))]
    values = sorted({int(v) for v in np.unique(a)} | {int(v) for v in np.unique(b)})
    per_phase = {
        Structure(value).title: {t: measure.dice(a[t] == value, b[t] == value) for t in phases}
        for value in values
        if value
    }
    return Comparison(
        first.info.key,
        (first.reader, second.reader),
        {name: float(np.mean(list(dice.values()))) for name, dice in per_phase.items()},
        per_phase,
        (_measures(first), _measures(second)),
        _differences(first, a, b),
    )


def pairs(lines: list[Line], others: list[Line] | None = None) -> list[tuple[Line, Line]]:
    """Which lines can be compared: two readers of one project, or those of two projects.

    Of two projects, lines of the same stack are paired, whoever the readers are.
    """
    if others is None:
        return [
            (a, b)
            for index, a in enumerate(lines)
            for b in lines[index + 1 :]
            if a.info.key == b.info.key
        ]
    return [(a, b) for a in lines for b in others if a.info.key == b.info.key]


def _measures(line: Line) -> Measures:
    history = line.history
    return numbers(line.info.segmentation(history.labels, history.model), history, line.info.view)


def _differences(line: Line, a: LabelArray, b: LabelArray) -> tuple[FrameDifference, ...]:
    counts = (a != b).sum(axis=(2, 3))
    geometry = line.info.geometry
    area = float(np.prod(geometry.pixel_spacing)) if geometry.spacing_known else None
    found = [
        FrameDifference(
            int(t), int(z), int(counts[t, z]), None if area is None else float(counts[t, z] * area)
        )
        for t, z in np.argwhere(counts)
    ]
    return tuple(sorted(found, key=lambda d: (-d.pixels, d.phase, d.slice)))
