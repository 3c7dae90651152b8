"""How sure a model was of its labels: by pixel, by slice and for the whole stack."""

from __future__ import annotations

from collections.abc import Sequence
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
    slices
        ``(t, z)`` Dice that each slice is expected to lose, 0 to 1, in the mean over the
        structures; NaN in phases that were not segmented.
    study
        One number to order studies by: how much the answers to the flipped pictures disagree
        (1 - Dice over a phase's slices, in the mean over pairs, structures and phases); of a
        model that sees no flips the mean of ``slices``.
    """

    entropy: npt.NDArray[np.float16]
    slices: FloatArray
    study: float

    def of(self, phases: Sequence[int]) -> Uncertainty:
        """That of some phases; ``study`` stays that of all."""
        index = list(phases)
        return replace(self, entropy=self.entropy[index], slices=self.slices[index])

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, by study and by slice; a slice not looked at is None."""
        rows = [[None if np.isnan(v) else round(float(v), 4) for v in row] for row in self.slices]
        return {"study": round(self.study, 4), "slices": rows}
