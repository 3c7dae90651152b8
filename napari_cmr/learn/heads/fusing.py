"""Two heads of one person, on biomarkers and on pictures, fused into one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import log_softmax, softmax

from napari_cmr.core import FloatArray
from napari_cmr.learn.heads.logistic import (
    CrossValidated,
    Samples,
    balanced_loss,
    cross_validate,
    fit_head,
    probabilities,
)
from napari_cmr.learn.heads.reading import Sample
from napari_cmr.nets.linear_head import LinearHead

PICTURES = "pictures"
"""Role of the head on embeddings in a card."""
PICTURES_WEIGHT = "pictures_weight"
PENALTIES = (1e-1, 3e-1, 1.0, 3.0)
"""Of the head on embeddings; they are many more than the people, so larger than others'."""
WEIGHTS = (0.0, 0.1, 0.2, 0.35, 0.5)
"""What the pictures may count; nothing, where they do not help."""


@dataclass(frozen=True, eq=False)
class FusedHead:
    """A head, and perhaps a second one on embeddings, pooled log-linearly.

    The probability of a class is in proportion to ``p_head^(1 - w) * p_pictures^w``: its logit
    is the weighted mean of both heads' (C. Genest, J. Zidek, Statistical Science 1986).

    Parameters
    ----------
    head
        On `Sample.values`.
    pictures
        On `Sample.embedding`; None leaves the first head alone.
    weight
        w, what the pictures count.
    """

    head: LinearHead
    pictures: LinearHead | None = None
    weight: float = 0.0

    def probabilities(self, samples: Sequence[Sample]) -> FloatArray:
        """``(n, n_classes)``."""
        values = np.stack([one.values for one in samples])
        if self.pictures is None:
            return probabilities(self.head, values)
        first, second = _logits(self.head, values), _logits(self.pictures, _embeddings(samples))
        found = softmax((1 - self.weight) * first + self.weight * second, axis=1)
        return np.asarray(found)

    def parts(self, samples: Sequence[Sample]) -> FloatArray:
        """``(n, n_classes, n_inputs)``: what each number added to each class's logit.

        With pictures there is one more at the end, all that they added. The parts and 1 - w times
        the first head's bias sum to the logit; all are against the mean over the classes.
        """
        values = _tensor(np.stack([one.values for one in samples]))
        with torch.inference_mode():
            parts = np.asarray(self.head.contributions(values).double().numpy())
        if self.pictures is None:
            return parts
        second = _logits(self.pictures, _embeddings(samples))
        second = self.weight * (second - second.mean(1, keepdims=True))
        return np.concatenate([(1 - self.weight) * parts, second[:, :, None]], axis=2)


@dataclass(frozen=True, eq=False)
class Fusion:
    """A fused head, what was chosen for it on subjects left out, and how."""

    head: FusedHead
    chosen: CrossValidated
    recipe: dict[str, Any]


def fuse(
    samples: Samples,
    chosen: CrossValidated,
    embeddings: FloatArray,
    in_use: npt.NDArray[np.bool_],
    seed: int,
) -> Fusion:
    """Fit the head on embeddings and choose what it counts by the log loss on subjects left out.

    Parameters
    ----------
    samples, chosen
        Of the first head.
    embeddings
        ``(n, width)`` of the same rows.
    in_use
        ``(n,)`` which rows are like those that the head will meet; the weight is chosen on them.
    """
    head = fit_head(samples, chosen.penalty)
    pictures = replace(samples, values=embeddings)
    second = cross_validate(pictures, penalties=PENALTIES, seed=seed)
    if chosen.probabilities is None or second.probabilities is None:
        return Fusion(FusedHead(head), chosen, {PICTURES_WEIGHT: 0.0})
    some = samples.kept(in_use)
    both = chosen.probabilities[in_use], second.probabilities[in_use]
    losses = {w: balanced_loss(some, log_pool(*both, w)) for w in WEIGHTS}
    weight = min(losses, key=lambda w: losses[w])
    recipe = {
        PICTURES_WEIGHT: weight,
        "pictures_penalty": second.penalty,
        "left_out_loss_by_weight": {str(w): round(loss, 4) for w, loss in losses.items()},
    }
    if weight == 0:
        return Fusion(FusedHead(head), chosen, recipe)
    told = log_pool(chosen.probabilities, second.probabilities, weight)
    fused = FusedHead(head, fit_head(pictures, second.penalty), weight)
    left_out = CrossValidated(chosen.penalty, balanced_loss(samples, told), told)
    return Fusion(fused, left_out, recipe)


def log_pool(first: FloatArray, second: FloatArray, weight: float) -> FloatArray:
    """Probabilities ``(n, n_classes)`` in proportion to ``first^(1 - weight) * second^weight``."""
    logs = [np.log(np.clip(one, 1e-9, 1)) for one in (first, second)]
    return np.asarray(np.exp(log_softmax((1 - weight) * logs[0] + weight * logs[1], axis=1)))


def _embeddings(samples: Sequence[Sample]) -> FloatArray:
    found = [one.embedding for one in samples]
    return np.stack([each for each in found if each is not None])


def _logits(head: LinearHead, values: FloatArray) -> FloatArray:
    with torch.inference_mode():
        return np.asarray(head(_tensor(values)).double().numpy())


def _tensor(values: FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).float()
