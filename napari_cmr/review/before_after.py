"""Two versions on the open case: their contours and numbers beside each other."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from napari_cmr import measure
from napari_cmr.core import Cancel, InputError, Progress, Segmentation, Sequence, Structure
from napari_cmr.learn.versions.store import VersionStore
from napari_cmr.measure import MYOCARDIAL_DENSITY_G_PER_ML, volumes_ml
from napari_cmr.measure.volumes import WALL
from napari_cmr.review.history import History
from napari_cmr.review.reading import Reading
from napari_cmr.review.record import Verdict
from napari_cmr.review.task import Task

Number: TypeAlias = tuple[str, str, float | None, float | None]
"""(name, unit, before, after)."""
MOST_PHASES = 4
SCAR = (Structure.INFARCT, Structure.MVO)
STRUCTURES = (Structure.LV, Structure.MYO, Structure.RV, Structure.INFARCT, Structure.MVO)
_MASSES = (("Myocardium with scar", WALL), ("Infarct", SCAR))
_NUMBERS = (
    ("LV EDV", "edv_ml", "mL"),
    ("LV ESV", "esv_ml", "mL"),
    ("LV EF", "ef_percent", "%"),
    ("RV EF", "rv_ef_percent", "%"),
)


@dataclass(frozen=True, eq=False)
class BeforeAfter:
    """What two versions find on some phases of the open stack.

    Parameters
    ----------
    before, after
        Labels of those phases; the others are empty.
    phases
        ED, ES, and phases that the reader drew on; late enhancement has one.
    numbers
        (name, unit, before, after); None where a number cannot be given.
    """

    before: Segmentation
    after: Segmentation
    phases: tuple[int, ...]
    numbers: tuple[Number, ...]


def comparing(
    store: VersionStore, before: str, after: str, reading: Reading, here: int = 0
) -> Task[BeforeAfter]:
    """Segment the open stack with two versions.

    Parameters
    ----------
    here
        The phase on show, which is among those that are compared.
    """
    phases = _phases(reading, here)
    ed, es = _ed_es(reading)
    labels = reading.history.labels.copy()
    own = [f for f in _reviewed(reading.history) if f[0] in phases]

    def run(progress: Progress | None, cancel: Cancel | None) -> BeforeAfter:
        from napari_cmr import nets  # imports torch, which takes seconds
        from napari_cmr.learn.tiers.cache import FeatureCache
        from napari_cmr.learn.tiers.remembering import remembering

        found = []
        for number, version in enumerate((before, after)):
            model = remembering(store.load(version), FeatureCache(store.cache), lambda _: None)

            def told(done: int, total: int, number: int = number) -> None:
                if progress is not None:
                    progress(number * total + done, 2 * total)

            found.append(
                nets.predict(reading.stack, model, phases=phases, progress=told, cancel=cancel)
            )
        late = reading.stack.sequence is Sequence.LGE
        numbers = _masses(found) if late else _volumes(found, ed, es)
        numbers += _dice(found, labels, own)
        return BeforeAfter(found[0], found[1], tuple(phases), tuple(numbers))

    return Task("Comparing", run, lambda _: None)


def _reviewed(history: History) -> list[tuple[int, int]]:
    return sorted(history.own_frames() - history.frames_with(Verdict.REJECTED))


def _ed_es(reading: Reading) -> tuple[int | None, int | None]:
    measures = reading.measures
    return (None, None) if measures is None else (measures.ed_phase, measures.es_phase)


def _phases(reading: Reading, here: int) -> list[int]:
    drawn = [phase for phase, _ in _reviewed(reading.history)]
    wanted = [*(p for p in _ed_es(reading) if p is not None), here, *drawn]
    return sorted(list(dict.fromkeys(wanted))[:MOST_PHASES])


def _volumes(found: Many[Segmentation], ed: int | None, es: int | None) -> list[Number]:
    if ed is None or es is None:
        return []
    try:
        one, other = (measure.function(segmentation, ed=ed, es=es) for segmentation in found)
    except InputError:  # without a spacing there are no volumes
        return []
    return [
        (name, unit, getattr(one, field), getattr(other, field)) for name, field, unit in _NUMBERS
    ]


def _masses(found: Many[Segmentation]) -> list[Number]:
    """What one phase can be measured for."""
    try:
        told = [[float(volumes_ml(f, parts)[0]) for f in found] for _, parts in _MASSES]
    except InputError:
        return []
    grams = [[volume * MYOCARDIAL_DENSITY_G_PER_ML for volume in pair] for pair in told]
    return [(name, "g", a, b) for (name, _), (a, b) in zip(_MASSES, grams, strict=True)]


def _dice(
    found: Many[Segmentation], labels: np.ndarray, own: Many[tuple[int, int]]
) -> list[Number]:
    """Against what the reader drew or accepted; the study may have trained the new version."""
    if not own:
        return []
    where = tuple(np.array(own).T)
    truth = labels[where]
    named = [s for s in STRUCTURES if (truth == s).any()]
    told: list[Number] = []
    for s in named:
        drawn = WALL if s == Structure.MYO else (s,)
        scores = [
            measure.dice(np.isin(f.labels[where], drawn), np.isin(truth, drawn)) for f in found
        ]
        told.append((f"Dice {s.name}, your {len(own)} slices", "", scores[0], scores[1]))
    return told
