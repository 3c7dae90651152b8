"""Where the right ventricle joins the left one, slice by slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy  # its parts come when first used: a dock that opens must not wait for them

from napari_cmr.core import FloatArray, InputError, LabelArray, Segmentation, Structure
from napari_cmr.measure.borders import (
    N_RAYS,
    BoolArray,
    border_radii,
    centre_mm,
    ray_angles,
    ray_directions,
)
from napari_cmr.measure.sides import mirrored
from napari_cmr.measure.volumes import WALL

_REACH_MM = 4.0  # how far beyond the epicardium the RV's cavity may begin
_BRIDGED_DEG = 12
ARC_DEG = (50.0, 200.0)
"""Least and greatest arc of a septum."""
_TURN = 2 * np.pi


@dataclass(frozen=True)
class Insertions:
    """The two RV insertion points of one slice, as angles round the LV's middle.

    Angles are radians, counter-clockwise as the heart is seen from the apex, whichever way the
    picture shows it. The septum runs counter-clockwise from the anterior point over ``septum``
    radians to the inferior point. ``by_hand`` says that a reader placed them.
    """

    anterior: float
    septum: float
    by_hand: bool = False

    @property
    def inferior(self) -> float:
        """Angle of the inferior insertion point."""
        return (self.anterior + self.septum) % _TURN

    @property
    def mid_septum(self) -> float:
        """Angle of the septum's middle."""
        return (self.anterior + self.septum / 2) % _TURN


def rv_insertions(segmentation: Segmentation, phase: int) -> Mapping[int, Insertions]:
    """Insertion points of all slices that have an LV with a wall.

    The septum is the arc of the epicardium beyond which the RV's cavity lies within 4 mm; its
    ends are the insertion points. A slice where that arc is none or not plausible (under 50 or
    over 200 degrees), as at the apex, takes those of the nearest slices, linearly between them.

    Returns
    -------
    Slice to its points; empty if no slice shows them.
    """
    labels = segmentation.labels[phase]
    walled = [z for z in range(len(labels)) if np.isin(labels[z], WALL).any()]
    spacing = segmentation.geometry.pixel_spacing
    flip = mirrored(segmentation)
    found = {z: septal_arc(labels[z], spacing, flip=flip) for z in walled}
    seen = {z: Insertions(*arc) for z, arc in found.items() if arc is not None}
    if not seen:
        return {}
    return {z: seen.get(z) or _between(seen, segmentation.geometry.positions, z) for z in walled}


def given_insertions(
    segmentation: Segmentation, anterior_deg: float, inferior_deg: float
) -> Insertions:
    """The RV insertion points as a reader gives them, where the RV is not labelled.

    Parameters
    ----------
    segmentation
        Tells whether the pictures are mirrored.
    anterior_deg, inferior_deg
        Degrees round the LV's middle in the picture, counter-clockwise from its right side.

    Raises
    ------
    InputError
        If the septum between them would be shorter than 50 or longer than 200 degrees.
    """
    if not np.isfinite([anterior_deg, inferior_deg]).all():
        raise InputError("The RV insertion points are two angles in degrees, such as 120,240.")
    flip = mirrored(segmentation)
    ends = np.deg2rad([anterior_deg, inferior_deg])
    anterior, inferior = (float(a) for a in heart_angles(ends, flip=flip))
    septum = (inferior - anterior) % _TURN
    low, high = ARC_DEG
    if not low <= np.rad2deg(septum) <= high:
        raise InputError(
            f"From the anterior to the inferior insertion point the septum would span "
            f"{np.rad2deg(septum):.0f} degrees; give the anterior angle first, then the inferior "
            f"one, {low:g} to {high:g} degrees apart."
        )
    return Insertions(anterior, septum, by_hand=True)


def heart_angles(angles: FloatArray, *, flip: bool) -> FloatArray:
    """Picture angles as seen from the apex."""
    return np.mod(np.pi - angles, _TURN) if flip else np.mod(angles, _TURN)


def septal_arc(
    labels: LabelArray, spacing: tuple[float, float], *, flip: bool = False
) -> tuple[float, float] | None:
    """Where the septum begins and how far it goes, radians; None where it is not plausible.

    Angles run counter-clockwise round the LV's middle: in the picture, or in its mirror image
    with ``flip``, see :func:`heart_angles`.
    """
    heart = np.isin(labels, (Structure.LV, *WALL))
    rv = labels == Structure.RV
    if not rv.any() or not (labels == Structure.LV).any():
        return None
    centre = centre_mm(heart, spacing)
    contact = _contact(heart, rv, centre, spacing)
    contact = _heart_order(contact) if flip else contact
    start, length = _longest_run(_bridged(contact))
    arc = length * _TURN / N_RAYS
    if not np.deg2rad(ARC_DEG[0]) <= arc <= np.deg2rad(ARC_DEG[1]):
        return None
    return float(ray_angles()[start]), float(arc)


def _contact(
    heart: BoolArray, rv: BoolArray, centre: FloatArray, spacing: tuple[float, float]
) -> BoolArray:
    """``(N_RAYS,)`` whether RV lies close beyond the epicardium."""
    epi = border_radii(heart, centre, spacing)
    beyond = np.arange(0, _REACH_MM + 1e-6, 0.5)
    radii = epi[:, None] + beyond
    points = centre + ray_directions()[:, None] * radii[..., None]
    pixels = np.round(points / np.array(spacing)).astype(int)
    inside = ((pixels >= 0) & (pixels < np.array(rv.shape))).all(axis=2)
    pixels = np.where(inside[..., None], pixels, 0)
    return np.asarray((rv[pixels[..., 0], pixels[..., 1]] & inside).any(axis=1))


def _heart_order(contact: BoolArray) -> BoolArray:
    """Turn a curve over picture angles to one over `heart_angles` of a mirrored picture."""
    return contact[(N_RAYS // 2 - np.arange(N_RAYS)) % N_RAYS]


def _bridged(contact: BoolArray) -> BoolArray:
    width = round(_BRIDGED_DEG / 360 * N_RAYS)
    padded = np.concatenate([contact] * 3)
    closed = scipy.ndimage.binary_closing(padded, np.ones(width + 1, bool))
    return np.asarray(closed[N_RAYS : 2 * N_RAYS])


def _longest_run(contact: BoolArray) -> tuple[int, int]:
    """First ray and length of the longest run on the circle."""
    if contact.all() or not contact.any():
        return 0, int(contact.sum())
    shift = int(np.argmin(contact))  # begin where there is none
    turned = np.roll(contact, -shift)
    runs, count = scipy.ndimage.label(turned)
    sizes = np.bincount(runs, minlength=count + 1)[1:]
    first = int(np.argmax(runs == 1 + int(sizes.argmax())))
    return (first + shift) % N_RAYS, int(sizes.max())


def _between(seen: Mapping[int, Insertions], positions: FloatArray, z: int) -> Insertions:
    known = sorted(seen, key=lambda k: positions[k])
    at = [float(positions[k]) for k in known]
    anterior = np.unwrap([seen[k].anterior for k in known])
    septum = [seen[k].septum for k in known]
    where = float(positions[z])
    return Insertions(
        float(np.interp(where, at, anterior) % _TURN), float(np.interp(where, at, septum))
    )
