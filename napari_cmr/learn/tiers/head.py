"""The tier of seconds: a new head on the features that the segmenter has of the pictures."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from napari_cmr.core import Cancel, InputError, Structure, check_cancel
from napari_cmr.learn.examples import LabelledRow
from napari_cmr.learn.losses import partial_segmentation_loss, staying_loss, unnamed_answers
from napari_cmr.learn.segmenter import as_channels
from napari_cmr.learn.tiers.remembering import HeadOnFeatures
from napari_cmr.nets import Model, find_heart
from napari_cmr.nets.crop import Crop
from napari_cmr.nets.neighbours import slice_distance, stride
from napari_cmr.nets.prediction import BATCH
from napari_cmr.nets.turns import turned, turns_of


class HeadConfig(BaseModel):
    """How a head is trained on features."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(default=200, ge=1)
    batch: int = Field(default=16, ge=1, description="slices a step")
    learning_rate: float = Field(default=5e-3, gt=0)
    coarse: int = Field(default=2, ge=1, description="step between the rows and columns used")
    stay: float = Field(default=1e-2, ge=0, description="how hard it is drawn to where it began")


@dataclass(frozen=True, eq=False)
class HeadExamples:
    """Features and targets of labelled slices, every view of them.

    Parameters
    ----------
    features
        ``(n, c, h, w)`` float16.
    targets
        ``(n, h, w)`` int64 channel numbers.
    before
        ``(n, h, w)`` int64: what the model says where the labels leave it open, else -1.
    said
        ``(n, h, w)`` bool: pixels of which the labels say anything.
    labelled
        ``(n, channels)`` bool: which structures the labels name.
    of_subject
        Numbers of the slices of each subject.
    """

    features: Tensor
    targets: Tensor
    before: Tensor
    said: Tensor
    labelled: Tensor
    of_subject: tuple[Tensor, ...]


def train_head(
    model: Model,
    examples: HeadExamples,
    config: HeadConfig,
    *,
    seed: int,
    on_step: Callable[[int, float, nn.Module], None] | None = None,
    cancel: Cancel | None = None,
) -> nn.Module:
    """A head that begins as the model's own and learns from examples; seconds on one core.

    Parameters
    ----------
    model
        As :func:`remembering` gives it; it stays as it is.
    on_step
        Called with (steps done, loss, the head as it is).

    Raises
    ------
    CancelledError
        If ``cancel`` returned True between two steps.
    """
    begun = _head(model)
    head = copy.deepcopy(begun).train()
    first = [p.detach().clone() for p in head.parameters()]
    optimizer = torch.optim.Adam(head.parameters(), lr=config.learning_rate)
    rng = np.random.default_rng(seed)
    for step in range(config.steps):
        check_cancel(cancel)
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * step / config.steps))
        drawn = _draw(examples, config.batch, rng)
        logits = head(examples.features[drawn].float())
        loss = partial_segmentation_loss(
            logits, examples.targets[drawn], examples.labelled[drawn], examples.said[drawn]
        )
        loss = loss + staying_loss(logits, examples.before[drawn])
        moved = sum(((p - q) ** 2).sum() for p, q in zip(head.parameters(), first, strict=True))
        loss = loss + config.stay * moved
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, float(loss.item()), head)
    return head.eval()


def head_examples(
    model: Model,
    rows: Sequence[LabelledRow],
    config: HeadConfig,
    *,
    seed: int,
    on_row: Callable[[int], None] | None = None,
    cancel: Cancel | None = None,
) -> HeadExamples:
    """Ask the model for features of labelled rows, as it sees them in use.

    The crops lie round the heart that the model's localiser finds, and the views are those that
    are averaged at test time, so that training and predicting share what the cache holds.

    Parameters
    ----------
    on_row
        Called with how many rows are done.

    Raises
    ------
    InputError
        If there is no row, or no structure that the model knows is named anywhere.
    """
    if not rows:
        raise InputError("There is no labelled case to train on.")
    rng = np.random.default_rng([seed, 1])
    parts: dict[str, list[_Part]] = defaultdict(list)
    for done, row in enumerate(rows, start=1):
        check_cancel(cancel)
        parts[row.subject].extend(_parts(model, row, config.coarse, rng))
        if on_row is not None:
            on_row(done)
    whole = [part for group in parts.values() for part in group]
    sizes = [sum(len(p.targets) for p in group) for group in parts.values()]
    ends = np.cumsum(sizes)
    if not any(part.labelled.any() for part in whole):
        raise InputError(
            "The labels name no structure that the model knows; nothing can be learnt from them."
        )
    return HeadExamples(
        torch.cat([p.features for p in whole]),
        torch.cat([p.targets for p in whole]),
        torch.cat([p.before for p in whole]),
        torch.cat([p.said for p in whole]),
        torch.cat([p.labelled for p in whole]),
        tuple(torch.arange(end - n, end) for n, end in zip(sizes, ends.tolist(), strict=True) if n),
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """One view of up to a batch of neighbouring slices."""

    features: Tensor
    targets: Tensor
    before: Tensor
    said: Tensor
    labelled: Tensor


def _parts(
    model: Model, row: LabelledRow, coarse: int, rng: np.random.Generator
) -> Iterator[_Part]:
    spec = model.card.networks["segmenter"]
    segmenter = model.networks["segmenter"]
    assert isinstance(segmenter, HeadOnFeatures)
    named = torch.tensor([Structure[name] in row.structures for name in spec.structures])
    heart = find_heart(row.stack, model)
    crop = Crop.of(spec.grid, heart.centre_mm, heart.pixel_mm, row.stack.shape[2:])
    step = stride(slice_distance(row.stack.geometry), spec.neighbour_mm)
    for phase, labels, said in zip(row.phases, row.labels, row.said, strict=True):
        inputs = crop.inputs(row.stack.pixels[phase], spec.neighbours, step)
        channels = as_channels(torch.from_numpy(labels), spec.structures)
        spoken = torch.from_numpy(said)
        for start in range(0, len(inputs), BATCH):  # as in predicting, for the cache's sake
            part = slice(start, start + BATCH)
            at = spoken[part].flatten(1).any(1)  # a slice of which nothing is said teaches nothing
            if not at.any():
                continue
            targets = crop.targets(channels[part][at], len(spec.structures))
            told = crop.targets(spoken[part][at].to(torch.uint8), 2) == 1
            for turn in turns_of(model.card):
                features = segmenter.trunk(turned(inputs[part], turn))[at]
                target, seen = turned(targets, turn), turned(told, turn)
                told_of = seen.flatten(1).any(1)  # a stroke may fall between the network's pixels
                features, target, seen = features[told_of], target[told_of], seen[told_of]
                with torch.inference_mode():
                    answer = segmenter.head(features).argmax(1)
                before = unnamed_answers(answer, target, named.expand(len(target), -1))
                y, x = (slice(int(rng.integers(coarse)), None, coarse) for _ in range(2))
                yield _Part(
                    features[:, :, y, x].half(),
                    target[:, y, x].clone(),
                    before[:, y, x].clone(),
                    seen[:, y, x].clone(),
                    named.expand(len(target), -1),
                )


def _draw(examples: HeadExamples, batch: int, rng: np.random.Generator) -> Tensor:
    """Numbers of slices: a subject evenly, then one of its slices and views evenly."""
    subjects = [examples.of_subject[i] for i in rng.integers(len(examples.of_subject), size=batch)]
    return torch.stack([slices[int(rng.integers(len(slices)))] for slices in subjects])


def _head(model: Model) -> nn.Module:
    segmenter = model.networks["segmenter"]
    assert isinstance(segmenter, HeadOnFeatures)
    return segmenter.head
