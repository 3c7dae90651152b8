"""Whether what a model says of its own errors is right: ranks and reliability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from napari_cmr.core import FloatArray
from napari_cmr.nets import Metric

BOOTSTRAPS = 2000


@dataclass(frozen=True)
class Reliability:
    """What was said against what was true, in bins of what was said.

    Parameters
    ----------
    said, true
        Mean in each bin that is not empty.
    counts
        How many are in it.
    """

    said: tuple[float, ...]
    true: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def error(self) -> float:
        """Mean distance of said and true over all that was said (ECE).

        Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015.
        """
        weights = np.array(self.counts) / sum(self.counts)
        return float((weights * np.abs(np.array(self.said) - np.array(self.true))).sum())


def reliability(
    said: npt.NDArray[np.floating], true: npt.NDArray[np.generic], bins: int = 15
) -> Reliability:
    """Bin what was said in 0 to 1 evenly, and average what was true in each bin.

    Parameters
    ----------
    said
        Confidences, or any number in 0 to 1 that foretells ``true``; any shape.
    true
        Of the same shape: whether it was right, or the number.

    Raises
    ------
    ValueError
        If the shapes differ or there is nothing.
    """
    one, other = np.asarray(said, np.float64).ravel(), np.asarray(true, np.float64).ravel()
    if one.shape != other.shape or one.size == 0:
        raise ValueError(f"{one.size} numbers were said of {other.size}")
    where = np.clip((one * bins).astype(int), 0, bins - 1)
    counts = np.bincount(where, minlength=bins)
    kept = counts > 0
    means = [np.bincount(where, v, minlength=bins)[kept] / counts[kept] for v in (one, other)]
    return Reliability(
        tuple(means[0].tolist()), tuple(means[1].tolist()), tuple(counts[kept].tolist())
    )


def rank_correlation(
    said: Sequence[float], true: Sequence[float], subjects: Sequence[str], *, seed: int = 0
) -> Metric:
    """Spearman's correlation with its 95 % interval, whole subjects drawn again and again.

    Slices of a person are alike, so that slices drawn one by one would make the interval too
    narrow. ``n`` is the number of subjects; the value is None where a side does not vary.
    """
    one, other = np.asarray(said, np.float64), np.asarray(true, np.float64)
    names = np.asarray(subjects)
    rows = [np.flatnonzero(names == name) for name in dict.fromkeys(subjects)]
    value = _spearman(one, other)
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(BOOTSTRAPS):
        index = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        found = _spearman(one[index], other[index])
        if found is not None:
            drawn.append(found)
    if value is None or not drawn:
        return Metric(value=None, low=None, high=None, n=len(rows))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Metric(value=value, low=float(low), high=float(high), n=len(rows))


def _spearman(one: FloatArray, other: FloatArray) -> float | None:
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
