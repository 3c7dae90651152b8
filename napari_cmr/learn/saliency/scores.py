"""How good a map is: whether it lies in the heart, and whether the number hangs on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_cmr.learn.saliency.integrated import Tick
from napari_cmr.learn.saliency.question import MapArray, Question

Mask = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]
STEPS = 12
_LEAST = 1e-9


@dataclass(frozen=True)
class Place:
    """Where a map lies, against a mask of the heart.

    Parameters
    ----------
    energy
        Share of the map's positive values that lies inside.
    chance
        What a map that is even over what the network saw would have inside.
    hits, pictures
        In how many pictures that show heart the highest value lies inside (the pointing game).
    """

    energy: float
    chance: float
    hits: int
    pictures: int


@dataclass(frozen=True)
class Curves:
    """What is left of the number as the picture's pixels go, or come.

    ``shares`` are the shares of pixels; ``deletion`` and ``insertion`` are relative: 1 is what
    the whole pictures add to the number, 0 what emptied ones do. A picture that takes away from
    the number (an end-systolic one from EF) counts by how much of that is left, so that pictures
    do not cancel each other. ``..._by_chance`` are in an order of chance. None where whole and
    emptied pictures say the same.
    """

    shares: tuple[float, ...]
    deletion: tuple[float, ...] | None
    insertion: tuple[float, ...] | None
    deletion_by_chance: tuple[float, ...] | None
    insertion_by_chance: tuple[float, ...] | None

    def area(self, name: str) -> float | None:
        """Area under a curve by trapezoids: small is good for deletion, large for insertion."""
        curve = getattr(self, name)
        return None if curve is None else float(np.trapezoid(curve, self.shares))


def place(maps: MapArray, heart: Mask, seen: Mask) -> Place | None:
    """Energy and pointing game of ``(t, z, y, x)`` maps; None where no picture shows the heart.

    Zhang et al., "Top-down neural attention by excitation backprop", 2018 (pointing game);
    Wang et al., "Score-CAM", 2020 (energy). Pictures without heart are left out.

    Parameters
    ----------
    heart
        Where the heart is.
    seen
        What the network saw.
    """
    inside = total = area = whole = 0.0
    hits = pictures = 0
    for one, where, there in zip(_frames(maps), _frames(heart), _frames(seen), strict=True):
        if not there.any() or not (where & there).any():
            continue
        positive = np.maximum(one, 0)
        inside += float(positive[where].sum())
        total += float(positive.sum())
        area += float((where & there).sum())
        whole += float(there.sum())
        hits += bool(where.ravel()[int(np.argmax(np.where(there, one, -np.inf)))])
        pictures += 1
    if pictures == 0:
        return None
    return Place(inside / total if total else 0.0, area / whole, hits, pictures)


def curves(
    question: Question,
    maps: Tensor,
    tick: Tick = lambda: None,
    *,
    steps: int = STEPS,
    baseline: Tensor | None = None,
    seed: int = 0,
) -> Curves:
    """Deletion and insertion of pixels, those first that the map says matter most.

    Petsiuk et al., "RISE", BMVC 2018. A pixel goes by taking the value of another one, in all
    channels at once.

    Parameters
    ----------
    maps
        ``(n, c, h, w)``; channels are summed.
    baseline
        ``(n, c, h, w)`` of what takes the pixels' place; the emptied pictures if None.
    """
    away = question.emptied() if baseline is None else baseline
    whole, none = _each(question, question.inputs), _each(question, away)
    sign = (whole - none).sign()
    order = (sign[:, None] * maps.sum(1).flatten(1)).argsort(1, descending=True)
    chance = torch.rand(order.shape, generator=torch.Generator().manual_seed(seed)).argsort(1)
    shares = np.linspace(0, 1, steps + 1)
    counts = np.round(shares * order.shape[1]).astype(np.intp)
    found = {
        name: _curve(question, (none, away), whole, ranks, counts, inserting, tick)
        for name, ranks, inserting in (
            ("deletion", order, False),
            ("insertion", order, True),
            ("deletion_by_chance", chance, False),
            ("insertion_by_chance", chance, True),
        )
    }
    return Curves(tuple(shares.tolist()), **found)


N_CURVES = 4


def _curve(
    question: Question,
    emptied: tuple[Tensor, Tensor],
    whole: Tensor,
    order: Tensor,
    counts: IntArray,
    inserting: bool,
    tick: Tick,
) -> tuple[float, ...] | None:
    none, away = emptied
    begin, end = (away, question.inputs) if inserting else (question.inputs, away)
    change = whole - none
    due = float(change.abs().sum())
    values = []
    for count in counts.tolist():
        now = _each(question, _exchanged(begin, end, order[:, :count]))
        values.append(float((change.sign() * (now - none)).sum()))
        tick()
    if due < _LEAST * max(1.0, float(none.abs().sum())):
        return None
    return tuple(value / due for value in values)


def _each(question: Question, pictures: Tensor) -> Tensor:
    """``(n,)`` what each picture adds to the number."""
    with torch.inference_mode():
        found = [question.score(pictures[which], which) for which in question.batches()]
    return torch.cat(found)


def _exchanged(begin: Tensor, end: Tensor, pixels: Tensor) -> Tensor:
    """``(n, c, h, w)``: one picture with some pixels ``(n, k)`` of the other."""
    n, _, h, w = begin.shape
    taken = torch.zeros(n, h * w, dtype=torch.bool)
    taken.scatter_(1, pixels, True)
    return torch.where(taken.view(n, 1, h, w), end, begin)


def _frames(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return values.reshape(-1, *values.shape[2:])
