"""How sure a model was of its labels: by pixel, by slice and for the whole stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core.geometry import FloatArray


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """What a model says of its own labels on a stack.

    Parameters
    ----------
    entropy
        ``(t, z, y, x)`` float16 entropy of each pixel's probabilities, 0 (sure) to 1 (all
        structures alike); 0 where the model did not look.
    structures
        Name of each structure -> ``(t, z)`` Dice that each slice is expected to lose of it, 0 to
        1; NaN in phases that were not segmented.
    study
        One number to order studies by: how much the answers to the flipped pictures disagree
        (1 - Dice over a phase's slices, in the mean over pairs, structures and phases); of a
        model that sees no flips the mean of ``slices``.
    """

    entropy: npt.NDArray[np.float16]
    structures: Mapping[str, FloatArray]
    study: float

    @property
    def slices(self) -> FloatArray:
        """``(t, z)`` Dice that each slice is expected to lose, in the mean over the structures."""
        return np.asarray(np.mean(list(self.structures.values()), axis=0), np.float64)

    def of(self, phases: Sequence[int]) -> Uncertainty:
        """That of some phases; ``study`` stays that of all."""
        index = list(phases)
        structures = {name: values[index] for name, values in self.structures.items()}
        return replace(self, entropy=self.entropy[index], structures=structures)

    def only_in(self, frames: npt.NDArray[np.bool_], before: Uncertainty | None) -> Uncertainty:
        """That of some frames, ``(t, z)``; the others are as they were before, or not looked at.

        ``study`` stays what it was before, where there was one.
        """
        old = self._unknown() if before is None else before
        structures = {
            name: np.where(frames, values, old.structures.get(name, np.nan))
            for name, values in self.structures.items()
        }
        entropy = np.where(frames[:, :, None, None], self.entropy, old.entropy)
        return Uncertainty(entropy, structures, old.study)

    def _unknown(self) -> Uncertainty:
        nothing = {name: np.full_like(v, np.nan) for name, v in self.structures.items()}
        return Uncertainty(np.zeros_like(self.entropy), nothing, self.study)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, by study, slice and structure; null: not looked at."""
        return {
            "study": round(self.study, 4),
            "slices": _rows(self.slices),
            "structures": {name: _rows(values) for name, values in self.structures.items()},
        }


def _rows(values: FloatArray) -> list[list[float | None]]:
    return [[None if np.isnan(v) else round(float(v), 4) for v in row] for row in values]
