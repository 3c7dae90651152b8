"""Dice on held-out cases while a training goes on: cheap, and nothing follows on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_cmr.core import Cancel, Structure, check_cancel
from napari_cmr.learn.examples import LabelledRow
from napari_cmr.learn.segmenter import as_channels
from napari_cmr.measure import dice
from napari_cmr.nets import Model, find_heart
from napari_cmr.nets.crop import Crop
from napari_cmr.nets.neighbours import slice_distance, stride
from napari_cmr.nets.prediction import BATCH

TIMES = 5
"""How often a training of few steps is scored."""
LEAST_BETWEEN = 10
"""Steps between two scores at the least."""


@dataclass(frozen=True, eq=False)
class _Case:
    """One labelled phase: what the network sees of it, and the truth in the network's channels."""

    subject: str
    seen: tuple[Tensor, ...]
    truth: Tensor
    channels: tuple[int, ...]


class QuickScore:
    """Mean Dice on the network's own grid, of each case's plain view.

    The judgement of a version is another: on the source pixels, with flips and clean-up.

    Parameters
    ----------
    model
        A model with the localiser and the grid that are scored.
    rows
        Cases that judge; they are asked about and nothing is learnt from them.
    """

    def __init__(
        self, model: Model, rows: Sequence[LabelledRow], *, cancel: Cancel | None = None
    ) -> None:
        self._cases: list[_Case] = []
        for row in rows:
            check_cancel(cancel)
            self._cases.extend(_cases(model, row))

    def __bool__(self) -> bool:
        return bool(self._cases)

    def through(self, trunk: Callable[[Tensor], Tensor]) -> QuickScore:
        """The same score for what stands on a network that stays; that is asked here and once."""
        made = QuickScore.__new__(QuickScore)
        made._cases = [replace(c, seen=tuple(trunk(p).half() for p in c.seen)) for c in self._cases]
        return made

    def __call__(self, network: Callable[[Tensor], Tensor]) -> float:
        """Mean over subjects of the mean over what their labels name."""
        found: dict[str, list[float]] = defaultdict(list)
        for case in self._cases:
            with torch.inference_mode():
                answer = torch.cat([network(part.float()).argmax(1).cpu() for part in case.seen])
            for channel in case.channels:
                mine, true = (answer == channel).numpy(), (case.truth == channel).numpy()
                found[case.subject].append(dice(mine, true))
        return float(np.mean([np.mean(values) for values in found.values()]))


def every(steps: int) -> int:
    """Steps between two scores."""
    return max(LEAST_BETWEEN, -(-steps // TIMES))


def _cases(model: Model, row: LabelledRow) -> list[_Case]:
    spec = model.card.networks["segmenter"]
    heart = find_heart(row.stack, model)
    crop = Crop.of(spec.grid, heart.centre_mm, heart.pixel_mm, row.stack.shape[2:])
    step = stride(slice_distance(row.stack.geometry), spec.neighbour_mm)
    named = tuple(c for c, name in enumerate(spec.structures) if Structure[name] in row.structures)
    cases = []
    for phase, labels, said in zip(row.phases, row.labels, row.said, strict=True):
        told = torch.from_numpy(said.any((1, 2)))
        inputs = crop.inputs(row.stack.pixels[phase], spec.neighbours, step)[told]
        channels = as_channels(torch.from_numpy(labels)[told], spec.structures)
        truth = crop.targets(channels, len(spec.structures))
        if named:
            cases.append(_Case(row.subject, torch.split(inputs, BATCH), truth, named))
    return cases
