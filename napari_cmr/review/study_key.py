"""How a project knows a stack again without a word of text about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_cmr.core import FloatArray, Geometry, Layout, Segmentation, Sequence, Stack, View
from napari_cmr.core.labels import LabelArray

_DIGITS = 20


def stack_key(stack: Stack) -> str:
    """A name made of a stack's shape and pixels, as 32-bit floats.

    It does not depend on where the files lie or what they are called, so two readers who have
    the same images in different folders, or a de-identified copy of them, mean the same stack.
    """
    pixels = np.ascontiguousarray(stack.pixels, np.dtype("<f4"))
    digest = hashlib.sha256(repr(stack.shape).encode())
    digest.update(pixels.data)
    return digest.hexdigest()[:_DIGITS]


def subject_key(salt: str, subject: str) -> str:
    """What a project calls a subject: a salted hash."""
    return hashlib.sha256(f"{salt}\n{subject}".encode()).hexdigest()[:_DIGITS]


@dataclass(frozen=True, eq=False)
class StackInfo:
    """What a project keeps of a stack: numbers, never text of the images.

    Parameters
    ----------
    key
        Of `stack_key`.
    subject
        Salted hash of the subject; the same for all stacks of one subject within a project.
    shape
        (t, z, y, x).
    geometry, layout, times_ms, rr_ms
        As of the stack, so that labels can be written onto its grid without the images.
    """

    key: str
    subject: str
    view: View
    sequence: Sequence
    shape: tuple[int, int, int, int]
    geometry: Geometry
    layout: Layout
    times_ms: FloatArray | None = None
    rr_ms: float | None = None

    @classmethod
    def of(cls, stack: Stack, key: str, salt: str) -> StackInfo:
        """What is kept of a stack."""
        subject = subject_key(salt, stack.subject)
        times = stack.times_ms
        return cls(
            key,
            subject,
            stack.view,
            stack.sequence,
            stack.shape,
            stack.geometry,
            stack.layout,
            times if times is not None and np.isfinite(times).all() else None,
            stack.rr_ms,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StackInfo) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash(self.key)

    def segmentation(self, labels: LabelArray, model: str = "") -> Segmentation:
        """Labels on the grid of the stack."""
        return Segmentation(
            labels, self.geometry, model, self.times_ms, self.rr_ms, layout=self.layout
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        geometry, layout = self.geometry, self.layout
        return {
            "key": self.key,
            "subject": self.subject,
            "view": self.view.value,
            "sequence": self.sequence.value,
            "shape": list(self.shape),
            "origins": geometry.origins.tolist(),
            "axes": geometry.axes.tolist(),
            "pixel_spacing": list(geometry.pixel_spacing),
            "thickness_mm": geometry.thickness_mm,
            "spacing_known": geometry.spacing_known,
            "oriented": geometry.oriented,
            "grid": None if geometry.grid is None else list(geometry.grid),
            "transposed": layout.transposed,
            "flip_rows": layout.flip_rows,
            "flip_columns": layout.flip_columns,
            "affine": _listed(layout.affine),
            "times_ms": _listed(self.times_ms),
            "rr_ms": self.rr_ms,
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> StackInfo:
        """The reverse of `as_dict`."""
        grid = plain["grid"]
        row, column = plain["pixel_spacing"]
        geometry = Geometry(
            np.array(plain["origins"], np.float64),
            np.array(plain["axes"], np.float64),
            (row, column),
            plain["thickness_mm"],
            plain["spacing_known"],
            plain["oriented"],
            None if grid is None else (grid[0], grid[1]),
        )
        layout = Layout(
            plain["transposed"],
            plain["flip_rows"],
            plain["flip_columns"],
            _array(plain["affine"]),
        )
        t, z, y, x = plain["shape"]
        return cls(
            plain["key"],
            plain["subject"],
            View(plain["view"]),
            Sequence(plain["sequence"]),
            (t, z, y, x),
            geometry,
            layout,
            _array(plain["times_ms"]),
            plain["rr_ms"],
        )


def _listed(array: FloatArray | None) -> list[Any] | None:
    return None if array is None else array.tolist()


def _array(listed: list[Any] | None) -> FloatArray | None:
    return None if listed is None else np.array(listed, np.float64)
