"""Whether a new version is not worse than the one it came from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_cmr.core import LabelArray, Structure
from napari_cmr.learn.examples import LabelledRow
from napari_cmr.learn.versions.record import Judgement, Pair
from napari_cmr.measure import dice
from napari_cmr.measure.volumes import WALL
from napari_cmr.nets import Model, predict

TOLERANCE = 0.005
"""Half a point of Dice: less than what another seed changes, and less than a reader would see."""
STRUCTURE_TOLERANCE = 0.02
"""So much may one structure lose while others gain."""
LEAST_TOLD = 0.0005
"""A loss below this is not seen in the figures as they are printed."""
LEAST_AGREEMENT = 0.90
"""Dice of before and after for a structure that no judged label names."""
MOST_GROWTH = 0.05
"""By what share such a structure's size may change on average; Dice does not see a shift of all."""
FEWEST = 3
"""Subjects in all below which nothing can be judged."""

Segment = Callable[[LabelledRow], LabelArray]


@dataclass(frozen=True, eq=False)
class Compared:
    """Dice of each judged subject and structure before and after; and of the two with each other.

    Each is the mean over a subject's labelled phases of Dice over the slices that its labels
    describe, where the truth has any of the structure; of the wall with what is scarred of it.
    ``sizes`` are pixels before and after of what no label names.
    """

    before: dict[str, dict[str, float]] = field(default_factory=dict)
    after: dict[str, dict[str, float]] = field(default_factory=dict)
    unnamed: dict[str, dict[str, float]] = field(default_factory=dict)
    sizes: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)

    def with_others(self, other: Compared) -> Compared:
        """Both together."""
        return Compared(
            self.before | other.before,
            self.after | other.after,
            self.unnamed | other.unnamed,
            self.sizes | other.sizes,
        )


def segmenting(model: Model) -> Segment:
    """Segments the labelled phases of a row."""

    def segment(row: LabelledRow) -> LabelArray:
        return predict(row.stack, model, phases=row.phases).labels[list(row.phases)]

    return segment


def compare(
    rows: Sequence[LabelledRow], before: Segment, after: Segment, structures: Sequence[str]
) -> Compared:
    """Run two segmenters on labelled rows.

    Parameters
    ----------
    structures
        What the segmenters can say, without background.
    """
    truths: dict[str, list[dict[str, tuple[float, float]]]] = defaultdict(list)
    agreements: dict[str, list[dict[str, float]]] = defaultdict(list)
    sizes: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in rows:
        old, new = before(row), after(row)
        for labels, said, *answers in zip(row.labels, row.said, old, new, strict=True):
            told = said.any((1, 2))
            truth, a, b = (array[told] for array in (labels, *answers))
            named, unnamed = {}, {}
            for name in structures:
                value = Structure[name]
                if value in row.structures:
                    drawn = WALL if value == Structure.MYO else (value,)
                    true = np.isin(truth, drawn)
                    if true.any():  # else Dice can tell nothing but whether something was drawn
                        named[name] = (dice(np.isin(a, drawn), true), dice(np.isin(b, drawn), true))
                else:
                    unnamed[name] = dice(a == value, b == value)
                    x, y = sizes[row.subject].get(name, (0, 0))
                    sizes[row.subject][name] = (
                        x + int((a == value).sum()),
                        y + int((b == value).sum()),
                    )
            truths[row.subject].append(named)
            agreements[row.subject].append(unnamed)
    return Compared(
        {s: _means([{k: v[0] for k, v in d.items()} for d in t]) for s, t in truths.items()},
        {s: _means([{k: v[1] for k, v in d.items()} for d in t]) for s, t in truths.items()},
        {s: _means(d) for s, d in agreements.items()},
        dict(sizes),
    )


def judge(compared: Compared, how: str, keys: dict[str, str]) -> Judgement:
    """The rule: a version is not worse if all of this holds.

    - The mean over subjects of the paired difference of mean Dice is at least
      ``-TOLERANCE``.
    - No structure's mean difference is below ``-STRUCTURE_TOLERANCE``.
    - A structure that no judged label names agrees before and after with a Dice of at least
      ``LEAST_AGREEMENT``, and its size changes by at most ``MOST_GROWTH``.

    Paired differences, since subjects differ from each other more than versions do. No test of
    significance: with a handful of subjects none could fail, and the rule is to ask whether the
    best guess is a loss. The number of subjects stands beside every verdict.

    Parameters
    ----------
    how
        ``holdout`` or ``leave-one-subject-out``.
    keys
        Subject to its salted hash, for the record.
    """
    judged = [s for s in compared.before if compared.before[s]]
    if not judged:
        return cannot_judge(
            "No subject that could judge has whole labels in which this task's structures are drawn"
        )
    pairs = tuple(
        Pair(subject=keys[s], before=_mean(compared.before[s]), after=_mean(compared.after[s]))
        for s in judged
    )
    before, after = (float(np.mean([getattr(p, k) for p in pairs])) for k in ("before", "after"))
    old, new = (_by_structure(scores) for scores in (compared.before, compared.after))
    structures = {name: (old[name], new[name]) for name in old}
    unnamed = _by_structure(compared.unnamed)
    unnamed = {name: value for name, value in unnamed.items() if name not in structures}
    faults = _faults(after - before, structures, unnamed)
    faults += _grown(compared.sizes, unnamed)
    counted = f"{len(pairs)} subject(s), {how}"
    reason = f"mean Dice {before:.3f} before, {after:.3f} after ({counted})"
    if not faults and after - before <= -LEAST_TOLD:
        less, allowed = 100 * (before - after), 100 * TOLERANCE
        reason += f", {less:.1f} points less, within the {allowed:.1f} that are allowed"
    if unnamed:
        reason += f"; no label says how good {', '.join(sorted(unnamed))} is"
    return Judgement(
        how=how,  # type: ignore[arg-type]
        pairs=pairs,
        before=before,
        after=after,
        structures=structures,
        unnamed=unnamed,
        not_worse=not faults,
        reason="; ".join([reason, *faults]),
    )


def cannot_judge(why: str) -> Judgement:
    """What is written where there is nothing to judge on."""
    return Judgement(how="none", not_worse=None, reason=why)


def _faults(
    difference: float, structures: dict[str, tuple[float, float]], unnamed: dict[str, float]
) -> list[str]:
    faults = []
    if difference < -TOLERANCE:
        faults.append(f"that is {-100 * difference:.1f} points worse")
    for name, (a, b) in structures.items():
        if b - a < -STRUCTURE_TOLERANCE:
            faults.append(f"{name} lost {100 * (a - b):.1f} points")
    for name, agreement in unnamed.items():
        if agreement < LEAST_AGREEMENT:
            faults.append(
                f"{name}, which nobody corrected, is drawn otherwise than before "
                f"(Dice of the two {agreement:.2f})"
            )
    return faults


def _grown(sizes: dict[str, dict[str, tuple[int, int]]], unnamed: Collection[str]) -> list[str]:
    faults = []
    for name in unnamed:
        pairs = [of[name] for of in sizes.values() if name in of]
        before, after = (sum(pair[i] for pair in pairs) for i in (0, 1))
        if abs(after - before) > MOST_GROWTH * before:
            share = 100 * (after - before) / max(before, 1)
            faults.append(f"{name}, which nobody corrected, is drawn {share:+.0f} % in size")
    return faults


def _by_structure(scores: dict[str, dict[str, float]]) -> dict[str, float]:
    """Mean over subjects of each structure."""
    return _means(list(scores.values()))


def _means(records: Sequence[dict[str, float]]) -> dict[str, float]:
    values: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for name, value in record.items():
            values[name].append(value)
    return {name: float(np.mean(v)) for name, v in values.items()}


def _mean(scores: dict[str, float]) -> float:
    return float(np.mean(list(scores.values())))
