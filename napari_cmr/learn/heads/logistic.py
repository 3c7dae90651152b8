"""Fit a light head, its penalty chosen inside the training subjects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch import Tensor

from napari_cmr.core import FloatArray
from napari_cmr.nets.linear_head import LinearHead

IntArray = npt.NDArray[np.intp]
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""With less a head that errs on nobody left out is sure of pictures unlike any it has seen."""
UNCHOSEN_PENALTY = 1e-2
FOLDS = 10
_LEAST_SPREAD = 1e-3  # survives half precision, and constants stay harmless
_ITERATIONS = 500


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows of numbers, their class, and whose they are.

    Parameters
    ----------
    values
        ``(n, d)``; NaN where a number is missing.
    classes
        ``(n,)`` indices.
    subjects
        ``(n,)`` names; all rows of a subject stay on one side of a fold.
    n_classes
        Number of classes.
    """

    values: FloatArray
    classes: IntArray
    subjects: Sequence[str]
    n_classes: int

    def kept(self, rows: npt.NDArray[np.bool_]) -> Samples:
        """Some of the rows."""
        subjects = [s for s, keep in zip(self.subjects, rows, strict=True) if keep]
        return Samples(self.values[rows], self.classes[rows], subjects, self.n_classes)


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """A penalty and what it gave on subjects left out.

    ``probabilities`` is ``(n, n_classes)``, each row by a head that never saw its subject; None
    where there are too few subjects to leave one out, and ``loss`` then is NaN.
    """

    penalty: float
    loss: float
    probabilities: FloatArray | None


def fit_head(samples: Samples, penalty: float) -> LinearHead:
    """The head that minimises the balanced log loss plus the penalty on squared weights.

    Every class weighs the same, and within it every subject, however many rows it has. Weights
    are rounded as they will be stored, so that what is measured is what is shipped.
    """
    values = np.asarray(samples.values, np.float64)
    missing = np.isnan(values)
    counts = np.maximum((~missing).sum(0), 1)
    centre = np.where(missing, 0, values).sum(0) / counts
    known = np.where(missing, centre, values)
    scale = np.maximum(known.std(0), _LEAST_SPREAD)
    standard = (known - centre) / scale
    # In the span of the rows the problem is the same and never wider than they are many.
    wide = standard.shape[1] > standard.shape[0]
    basis = _span(standard) if wide else None
    inner = standard if basis is None else standard @ basis.T
    weight, bias = _minimise(inner, samples, penalty)
    head = LinearHead(values.shape[1], samples.n_classes)
    head.load_state_dict(
        {
            "centre": _stored(centre),
            "scale": _stored(scale),
            "weight": _stored(weight if basis is None else weight @ basis),
            "bias": _stored(bias),
        }
    )
    return head.eval()


def cross_validate(
    samples: Samples, *, penalties: Sequence[float] = PENALTIES, seed: int = 0
) -> CrossValidated:
    """Choose the penalty by the log loss on subjects left out, ten folds by subject and class.

    With fewer than two subjects a class nothing can be left out; then a penalty is taken as is.
    """
    folds = subject_folds(samples, seed)
    if folds is None:
        return CrossValidated(UNCHOSEN_PENALTY, float("nan"), None)
    tried = []
    for penalty in penalties:
        found = left_out(samples, penalty, folds)
        tried.append(CrossValidated(penalty, balanced_loss(samples, found), found))
    return min(tried, key=lambda one: one.loss)


def left_out(samples: Samples, penalty: float, folds: IntArray) -> FloatArray:
    """``(n, n_classes)`` probabilities of each row by a head that was fitted without its fold."""
    found = np.zeros((len(samples.classes), samples.n_classes))
    for fold in np.unique(folds):
        held = folds == fold
        found[held] = probabilities(fit_head(samples.kept(~held), penalty), samples.values[held])
    return found


def subject_folds(samples: Samples, seed: int, n_folds: int = FOLDS) -> IntArray | None:
    """``(n,)`` fold of each row: subjects of a class spread evenly; None if one is alone."""
    subjects = np.array(samples.subjects)
    first = {s: int(samples.classes[i]) for i, s in reversed(list(enumerate(samples.subjects)))}
    if min(_subjects_a_class(samples)) < 2:
        return None
    rng = np.random.default_rng(seed)
    fold_of: dict[str, int] = {}
    for one in range(samples.n_classes):
        names = sorted(s for s, c in first.items() if c == one)
        for name in rng.permutation(names):
            fold_of[str(name)] = len(fold_of) % min(n_folds, len(first))
    return np.array([fold_of[str(s)] for s in subjects], np.intp)


def probabilities(head: LinearHead, values: FloatArray) -> FloatArray:
    """``(n, n_classes)`` of ``(n, d)`` numbers."""
    with torch.inference_mode():
        logits = head(torch.from_numpy(np.ascontiguousarray(values)).float())
    return np.asarray(logits.softmax(1).double().numpy())


def balanced_loss(samples: Samples, found: FloatArray) -> float:
    """Mean negative log probability of the true class, classes and subjects weighing alike."""
    true = np.clip(found[np.arange(len(found)), samples.classes], 1e-9, 1)
    return float(-(_weights(samples) * np.log(true)).sum())


def _span(rows: FloatArray) -> FloatArray:
    """``(r, d)`` orthonormal rows that span ``(n, d)`` ones, n being less than d."""
    values, vectors = np.linalg.eigh(rows @ rows.T)
    kept = values > values[-1] * 1e-10
    return np.asarray((vectors[:, kept] / np.sqrt(values[kept])).T @ rows)


def _minimise(inner: FloatArray, samples: Samples, penalty: float) -> tuple[FloatArray, FloatArray]:
    """Weight ``(n_classes, d)`` and bias of rows ``(n, d)``."""
    (n, d), k = inner.shape, samples.n_classes
    true, share = np.eye(k)[samples.classes], _weights(samples)

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        weight, bias = flat[:-k].reshape(k, d), flat[-k:]
        logs = log_softmax(inner @ weight.T + bias, axis=1)
        off = (np.exp(logs) - true) * share[:, None]
        value = -float(share @ logs[np.arange(n), samples.classes]) + penalty * (weight**2).sum()
        slope = off.T @ inner + 2 * penalty * weight
        return value, np.concatenate([slope.ravel(), off.sum(0)])

    found = minimize(
        loss, np.zeros(k * d + k), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}
    ).x
    return found[:-k].reshape(k, d), found[-k:]


def _weights(samples: Samples) -> FloatArray:
    """``(n,)`` shares that sum to one: classes alike, and in each its subjects alike."""
    pairs = list(zip(samples.classes.tolist(), samples.subjects, strict=True))
    rows = Counter(pairs)
    subjects = {c: sum(1 for pair in rows if pair[0] == c) for c, _ in rows}
    shares = [1 / (rows[c, s] * subjects[c] * len(subjects)) for c, s in pairs]
    return np.array(shares)


def _subjects_a_class(samples: Samples) -> list[int]:
    pairs = set(zip(samples.classes.tolist(), samples.subjects, strict=True))
    return [sum(1 for c, _ in pairs if c == one) for one in range(samples.n_classes)]


def _stored(values: FloatArray) -> Tensor:
    return torch.from_numpy(values).half().float()
