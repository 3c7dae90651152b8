"""Thickness and thickening of the wall by segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from napari_cmr.core import (
    Finding,
    FloatArray,
    LabelArray,
    Measures,
    Segmentation,
    SpacingUnknownError,
    Structure,
)
from napari_cmr.measure import aha
from napari_cmr.measure.centreline import METHOD, chords
from napari_cmr.measure.insertion import Insertions
from napari_cmr.measure.volumes import WALL

Septa: TypeAlias = Mapping[int, Mapping[int, Insertions]]
"""Phase to slice to RV insertion points."""
METHOD_THICKNESS = f"{METHOD}, mean over the segment's chords"
METHOD_THICKENING = "(ES - ED) / ED of the segment's mean thickness"


@dataclass(frozen=True, eq=False)
class WallMotion:
    """Wall thickness by AHA segment; segments that are not covered are missing.

    Parameters
    ----------
    ed_mm, es_mm
        Segment to mean thickness at end diastole and at end systole, millimetres.
    findings
        Why something is missing or less certain.
    """

    ed_mm: Mapping[int, float]
    es_mm: Mapping[int, float]
    findings: tuple[Finding, ...]

    @property
    def greatest(self) -> tuple[int, float] | None:
        """The thickest segment at end diastole and its thickness."""
        if not self.ed_mm:
            return None
        segment = max(self.ed_mm, key=lambda s: self.ed_mm[s])
        return segment, self.ed_mm[segment]

    @property
    def thickening_percent(self) -> dict[int, float]:
        """Segment to systolic wall thickening: 100 (ES - ED) / ED."""
        return {
            s: 100 * (self.es_mm[s] - ed) / ed for s, ed in self.ed_mm.items() if s in self.es_mm
        }


def wall_motion(
    segmentation: Segmentation, measures: Measures, septa: Septa | None = None
) -> WallMotion:
    """Thickness at ED and ES in the 16 segments that have a cavity.

    The cap (segment 17) lies along the slices, so its thickness is not measured.

    Parameters
    ----------
    septa
        RV insertion points of phases in which a reader placed some; else found from the labels.

    Raises
    ------
    SpacingUnknownError
        If the source gave no millimetres.
    """
    septa = septa or {}
    ed_phase, es_phase = measures.ed_phase, measures.es_phase
    ed, ed_findings = segment_thickness_mm(segmentation, ed_phase, septa.get(ed_phase))
    if ed_phase == es_phase:
        return WallMotion(ed, {}, ed_findings)
    es, es_findings = segment_thickness_mm(segmentation, es_phase, septa.get(es_phase))
    findings = dict.fromkeys((*ed_findings, *es_findings))
    return WallMotion(ed, es, tuple(findings))


def segment_thickness_mm(
    segmentation: Segmentation, phase: int, septum: Mapping[int, Insertions] | None = None
) -> tuple[dict[int, float], tuple[Finding, ...]]:
    """Mean thickness of each segment in one phase, and what stood in the way.

    Chords count by the slab that their slice stands for.

    Parameters
    ----------
    septum
        RV insertion points by slice, as a reader placed them; otherwise found from the labels.

    Raises
    ------
    SpacingUnknownError
        If the source gave no millimetres.
    """
    if not segmentation.geometry.spacing_known:
        raise SpacingUnknownError("The spacing is unknown, so the wall cannot be measured.")
    model = aha.segment_model(segmentation, phase, septum)
    if model is None:
        return {}, (aha.why_no_segments(segmentation, phase),)
    sums, weights = np.zeros(18), np.zeros(18)
    for z in model.rings:
        segments, thickness = _slice_chords(segmentation, phase, z, model)
        there = np.isfinite(thickness)
        slab = segmentation.geometry.slabs_mm[z]
        np.add.at(sums, segments[there], thickness[there] * slab)
        np.add.at(weights, segments[there], slab)
    covered = [s for s in aha.SEGMENTS[:16] if weights[s] > 0]
    return {s: float(sums[s] / weights[s]) for s in covered}, model.findings


def _slice_chords(
    segmentation: Segmentation, phase: int, z: int, model: aha.SegmentModel
) -> tuple[LabelArray, FloatArray]:
    """Segment and thickness of each chord of a slice; none in the cap."""
    labels = segmentation.labels[phase, z]
    spacing = segmentation.geometry.pixel_spacing
    cavity = labels == Structure.LV
    if model.rings[z] is aha.Ring.CAP or not cavity.any():
        return np.zeros(0, np.uint8), np.zeros(0)
    across = chords(cavity, np.isin(labels, WALL), spacing)
    return model.segments_at(z, across.middle - aha.lv_centre(labels, spacing)), across.thickness_mm
