"""Structures found or drawn on a stack."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from napari_cmr.core.errors import GeometryError
from napari_cmr.core.finding import Finding
from napari_cmr.core.geometry import FloatArray, Geometry
from napari_cmr.core.labels import LabelArray
from napari_cmr.core.stack import Layout, Stack
from napari_cmr.core.uncertainty import Uncertainty


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Labels on the grid of a stack.

    Parameters
    ----------
    labels
        ``(t, z, y, x)`` uint8 in the canonical map ``cmr``.
    geometry, times_ms, rr_ms, height_cm, weight_kg, layout
        As of the stack.
    model
        Name and version of what made the labels; empty for an expert's own.
    findings
        What was irregular when the labels were made.
    uncertainty
        What the model says of its own labels, where it was asked.
    """

    labels: LabelArray
    geometry: Geometry
    model: str = ""
    times_ms: FloatArray | None = None
    rr_ms: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    layout: Layout = field(default_factory=Layout)
    findings: tuple[Finding, ...] = ()
    uncertainty: Uncertainty | None = None

    def __post_init__(self) -> None:
        if self.labels.ndim != 4 or self.labels.dtype != np.uint8:
            raise GeometryError("Labels are a uint8 array of (phase, slice, row, column).")
        if self.labels.shape[1] != self.geometry.n_slices:
            raise GeometryError("Labels need as many positions as slices.")

    @classmethod
    def on(cls, stack: Stack, labels: LabelArray, model: str = "") -> Segmentation:
        """Labels on a stack's own grid."""
        if labels.shape != stack.shape:
            raise GeometryError(
                f"The labels' shape {labels.shape} is not that of the images {stack.shape}."
            )
        return cls(
            labels,
            stack.geometry,
            model,
            stack.times_ms,
            stack.rr_ms,
            stack.height_cm,
            stack.weight_kg,
            stack.layout,
        )

    def with_labels(self, labels: LabelArray) -> Segmentation:
        """A copy with other labels of the same shape."""
        return replace(self, labels=labels)

    def with_findings(self, *findings: Finding) -> Segmentation:
        """A copy with more findings."""
        return replace(self, findings=self.findings + findings)
