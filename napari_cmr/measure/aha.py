"""The 17 segments of the left ventricle (American Heart Association).

Cerqueira MD et al., Circulation 2002;105:539: the long axis is divided into equal thirds; basal
and mid-cavity rings have six segments, the apical ring four, the cap beyond the cavity is
segment 17; the attachments of the right ventricle part the septum from the free wall.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from napari_cmr.core import Finding, FloatArray, LabelArray, Segmentation, Structure
from napari_cmr.measure.borders import angle_of, centre_mm
from napari_cmr.measure.centreline import chords
from napari_cmr.measure.insertion import Insertions, heart_angles, rv_insertions
from napari_cmr.measure.sides import base_to_apex, mirrored
from napari_cmr.measure.volumes import WALL

METHOD = "AHA 17 segments (Cerqueira 2002) from the RV insertion points"
SEGMENTS = tuple(range(1, 18))
TITLES = (
    "basal anterior",
    "basal anteroseptal",
    "basal inferoseptal",
    "basal inferior",
    "basal inferolateral",
    "basal anterolateral",
    "mid anterior",
    "mid anteroseptal",
    "mid inferoseptal",
    "mid inferior",
    "mid inferolateral",
    "mid anterolateral",
    "apical anterior",
    "apical septal",
    "apical inferior",
    "apical lateral",
    "apex",
)
_FULL_RIM = 0.9
_FEWEST_SLICES = 3
_TURN = 2 * np.pi
# Counter-clockwise as seen from the apex, from where each ring's count begins.
_BASAL: LabelArray = np.array([2, 3, 4, 5, 6, 1], np.uint8)
_APICAL: LabelArray = np.array([14, 15, 16, 13], np.uint8)


class Ring(StrEnum):
    """Thirds of the left ventricle, and the cap."""

    BASE = "base"
    MID = "mid"
    APEX = "apical"
    CAP = "cap"


@dataclass(frozen=True, eq=False)
class SegmentModel:
    """How one phase of a short-axis stack divides into segments.

    Parameters
    ----------
    rings
        Slice to its third; slices above the base or below the apex are missing.
    insertions
        Slice to its RV insertion points.
    flip
        Whether the pictures are mirrored (seen from the base).
    findings
        What could not be told from the masks, and where a reader placed the insertion points.
    """

    rings: dict[int, Ring]
    insertions: dict[int, Insertions]
    flip: bool
    findings: tuple[Finding, ...]

    def segments_at(self, z: int, offsets: FloatArray) -> LabelArray:
        """Segments at ``(..., 2)`` (row, column) mm offsets from the LV's middle; 0 for none."""
        ring = self.rings.get(z)
        shape = offsets.shape[:-1]
        if ring is None:
            return np.zeros(shape, np.uint8)
        if ring is Ring.CAP:
            return np.full(shape, 17, np.uint8)
        angles = heart_angles(angle_of(offsets), flip=self.flip)
        return segment_of(angles, ring, self.insertions[z])


def segment_of(angles: FloatArray, ring: Ring, points: Insertions) -> LabelArray:
    """Segments at angles round the LV's middle, counter-clockwise seen from the apex.

    The septum between the insertion points is halved, the free wall quartered. The apical ring
    is quartered with its septal quarter centred on the septum's middle.
    """
    if ring is Ring.APEX:
        quarter = np.floor(np.mod(angles - points.mid_septum + np.pi / 4, _TURN) / (np.pi / 2))
        return np.asarray(_APICAL[np.minimum(quarter, 3).astype(int)])
    past = np.mod(angles - points.anterior, _TURN)
    septal = np.floor(past / (points.septum / 2))
    free = np.floor((past - points.septum) / ((_TURN - points.septum) / 4))
    index = np.where(past < points.septum, np.clip(septal, 0, 1), 2 + np.clip(free, 0, 3))
    numbers = _BASAL[index.astype(int)]
    return np.asarray(numbers + (6 if ring is Ring.MID else 0), np.uint8)


def segment_model(
    segmentation: Segmentation,
    phase: int,
    septum: Insertions | Mapping[int, Insertions] | None = None,
) -> SegmentModel | None:
    """Divide the left ventricle of one phase.

    The thirds are those of the slices that show a cavity with a wall round at least
    nine tenths of it, each with the slab it stands for; slices of wall without cavity beyond them
    are the cap. They are of this phase alone, so that a segment follows the tissue as the base
    moves towards the apex.

    Parameters
    ----------
    segmentation, phase
        Labels, and which phase of them.
    septum
        The RV insertion points that a reader gave, for all slices (`given_insertions`) or by
        slice; otherwise they are found from the RV's labels, slice by slice.

    Returns
    -------
    None where there are fewer than three such slices or no RV insertion points; why is told by
    `why_no_segments`.
    """
    order = base_to_apex(segmentation, phase)
    rings = _rings(segmentation, phase, order)
    if septum is None:
        insertions = dict(rv_insertions(segmentation, phase))
    elif isinstance(septum, Insertions):
        insertions = dict.fromkeys(rings, septum)
    else:
        insertions = dict(septum)
        rings = {z: ring for z, ring in rings.items() if z in insertions or ring is Ring.CAP}
    if not rings or not insertions:
        return None
    findings = _placed(rings, insertions, phase, segmentation.labels.shape[0])
    if not segmentation.geometry.oriented:
        findings += (
            Finding(
                "sides-assumed",
                "The file does not say how the patient lies.",
                "Anterior and inferior segments hold if the pictures show the usual view.",
            ),
        )
    return SegmentModel(rings, insertions, mirrored(segmentation), findings)


def _placed(
    rings: Mapping[int, Ring], insertions: Mapping[int, Insertions], phase: int, n_phases: int
) -> tuple[Finding, ...]:
    """Segments that rest on a reader's own points say so."""
    ringed = [z for z, ring in rings.items() if ring is not Ring.CAP]
    by_hand = [z for z in sorted(ringed) if insertions[z].by_hand]
    if not by_hand:
        return ()
    if len(by_hand) == len(ringed):
        where = "all slices"
    else:
        where = f"slice{'s' if len(by_hand) > 1 else ''} {', '.join(map(str, by_hand))}"
    at = f" of phase {phase}" if n_phases > 1 else ""
    return (
        Finding(
            "insertions-by-hand",
            f"A reader placed the RV insertion points in {where}{at}.",
            "The AHA segments follow them there.",
        ),
    )


def why_no_segments(segmentation: Segmentation, phase: int) -> Finding:
    """What is missing for `segment_model`."""
    if not _rings(segmentation, phase, base_to_apex(segmentation, phase)):
        message = f"Fewer than {_FEWEST_SLICES} slices show a cavity with its wall."
    else:
        message = "The RV does not touch the LV in any slice, so the septum is unknown."
    return Finding(
        "no-segments",
        message,
        "The AHA segments are left out; where only the RV is missing, give its insertion points.",
    )


def segment_map(segmentation: Segmentation, phase: int, model: SegmentModel) -> LabelArray:
    """``(z, y, x)`` segment of every pixel of the wall, 0 elsewhere."""
    labels = segmentation.labels[phase]
    spacing = segmentation.geometry.pixel_spacing
    result = np.zeros(labels.shape, np.uint8)
    for z in model.rings:
        wall = np.isin(labels[z], WALL)
        if not wall.any():
            continue
        offsets = np.argwhere(wall) * np.array(spacing) - lv_centre(labels[z], spacing)
        result[z][wall] = model.segments_at(z, offsets)
    return result


def lv_centre(labels: LabelArray, spacing: tuple[float, float]) -> FloatArray:
    """``(2,)`` millimetres: middle of cavity and wall together, which segments are seen from."""
    return centre_mm(np.isin(labels, (Structure.LV, *WALL)), spacing)


def _rings(segmentation: Segmentation, phase: int, order: list[int]) -> dict[int, Ring]:
    labels = segmentation.labels[phase]
    spacing = segmentation.geometry.pixel_spacing
    ringed = [z for z in order if _has_rim(labels[z], spacing)]
    if len(ringed) < _FEWEST_SLICES:
        return {}
    thirds = _thirds(segmentation, ringed)
    last = order.index(ringed[-1])
    for z in order[last + 1 :]:
        if np.isin(labels[z], WALL).any():
            thirds[z] = Ring.CAP
    return thirds


def _has_rim(labels: LabelArray, spacing: tuple[float, float]) -> bool:
    cavity, wall = labels == Structure.LV, np.isin(labels, WALL)
    if not cavity.any() or not wall.any():
        return False
    return chords(cavity, wall, spacing).complete >= _FULL_RIM


def _thirds(segmentation: Segmentation, ringed: list[int]) -> dict[int, Ring]:
    """Equal thirds of the ringed slices' extent; half a gap is added at either end."""
    positions = segmentation.geometry.positions[ringed]
    along = np.abs(positions - positions[0])
    before, after = along[1] / 2, (along[-1] - along[-2]) / 2
    share = (along + before) / (along[-1] + before + after)
    rings = (Ring.BASE, Ring.MID, Ring.APEX)
    thirds = np.minimum(np.floor(share * 3 + 1e-9), 2).astype(int)
    return {z: rings[i] for z, i in zip(ringed, thirds, strict=True)}
