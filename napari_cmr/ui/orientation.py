"""Which side of the patient each edge of the picture faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cmr.core import FloatArray, Geometry

# LPS: x grows to the Left, y to the back (Posterior), z to the Head; as DICOM's Patient
# Orientation (0020,0020) names them.
_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
# Below the sine of 22.5 degrees an edge faces its main direction only.
_WORTH_A_LETTER = 0.383


@dataclass(frozen=True)
class Edges:
    """Letters at the four edges of a picture, rows running down and columns to the right."""

    left: str
    right: str
    top: str
    bottom: str


def edges(geometry: Geometry, slice_index: int) -> Edges | None:
    """Letters for one slice; None where the source does not say how the patient lay."""
    if not geometry.oriented:
        return None
    down, right = geometry.axes[slice_index]
    return Edges(letters(-right), letters(right), letters(-down), letters(down))


def letters(direction: FloatArray) -> str:
    """One or two letters, main direction first, for an LPS direction of unit length."""
    order = np.argsort(-np.abs(direction))
    named = [_LETTERS[axis][int(direction[axis] < 0)] for axis in order]
    worth = [n for n, axis in zip(named, order, strict=True) if _worth(direction[axis])]
    return "".join(worth[:2])


def _worth(component: float) -> bool:
    return abs(component) >= _WORTH_A_LETTER
