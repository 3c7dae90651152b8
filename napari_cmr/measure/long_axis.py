"""Longitudinal function from a labelled four-chamber cine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy  # its parts come when first used: a dock that opens must not wait for them

from napari_cmr.core import FloatArray, InputError, LabelArray, Segmentation, Structure
from napari_cmr.measure.borders import BoolArray
from napari_cmr.measure.volumes import WALL

METHOD = "distance from the annulus' middle to the apex of the LV cavity, four-chamber view"


@dataclass(frozen=True)
class LongAxis:
    """The LV's length at ED and ES. Millimetres are None where the spacing is unknown.

    Parameters
    ----------
    ed_mm, es_mm
        Length of the cavity from the mitral annulus' middle to the apex.
    shortening_mm
        Their difference. The apex hardly moves, so this is close to the mitral annular plane's
        excursion (MAPSE), but it is a change of length, not an excursion in space.
    shortening_percent
        Of the length at ED; long-axis shortening, not a strain of the wall.
    ed_phase, es_phase
        The phases compared.
    annulus_by
        What told the annulus.
    """

    ed_mm: float | None
    es_mm: float | None
    shortening_mm: float | None
    shortening_percent: float
    ed_phase: int
    es_phase: int
    annulus_by: str


def long_axis(
    segmentation: Segmentation, *, ed: int | None = None, es: int | None = None
) -> LongAxis:
    """Long-axis shortening of the LV from a four-chamber cine.

    The annulus is the border of the cavity with the left atrium where that is labelled, else
    the basal end of the cavity's own axis; the apex is the cavity's farthest point from it. The
    base is the end away from the wall where a wall is labelled, else the wider end. Phases are
    those of the largest and smallest cavity area unless given.

    Parameters
    ----------
    segmentation
        One slice, ``(t, 1, y, x)``.
    ed, es
        Zero-based phases.

    Raises
    ------
    InputError
        If there is more than one slice, a phase does not exist, or the LV is not in it.
    """
    labels = segmentation.labels
    if labels.shape[1] != 1:
        raise InputError("Longitudinal measures need a four-chamber cine of one slice.")
    areas = (labels[:, 0] == Structure.LV).sum(axis=(1, 2))
    if not areas.any():
        raise InputError("The LV cavity is not labelled in any phase; segment the view first.")
    ed = int(areas.argmax()) if ed is None else ed
    es = int(np.where(areas > 0, areas, areas.max() + 1).argmin()) if es is None else es
    for phase in (ed, es):
        if not 0 <= phase < len(areas) or areas[phase] == 0:
            raise InputError(f"The LV cavity is not labelled in phase {phase}; choose another.")
    spacing = segmentation.geometry.pixel_spacing
    (ed_length, by), (es_length, _) = (_length(labels[p, 0], spacing) for p in (ed, es))
    known = segmentation.geometry.spacing_known
    return LongAxis(
        ed_length if known else None,
        es_length if known else None,
        ed_length - es_length if known else None,
        100 * (ed_length - es_length) / ed_length,
        ed,
        es,
        by,
    )


def _length(labels: LabelArray, spacing: tuple[float, float]) -> tuple[float, str]:
    """Length of the cavity and what told its annulus."""
    step = np.array(spacing)
    cavity = _largest(labels == Structure.LV)
    points = np.argwhere(cavity) * step
    annulus = np.argwhere(cavity & scipy.ndimage.binary_dilation(labels == Structure.LA)) * step
    if len(annulus) >= 3:
        middle = annulus.mean(axis=0)
        by = "the border with the left atrium"
    else:
        middle = _basal_end(points, np.argwhere(np.isin(labels, WALL)) * step)
        by = "the basal end of the cavity's axis"
    # Pixels are counted by their centres; half a pixel is missing at either end.
    farthest = points[np.linalg.norm(points - middle, axis=1).argmax()]
    length = float(np.linalg.norm(farthest - middle))
    along = np.abs((farthest - middle) / max(length, 1e-9))
    return length + float(along @ step), by


def _basal_end(points: FloatArray, wall: FloatArray) -> FloatArray:
    """Where the cavity's principal axis leaves it on the side of the base."""
    centre = points.mean(axis=0)
    axis = towards_base(points, wall)
    return np.asarray(centre + axis * ((points - centre) @ axis).max())


def towards_base(points: FloatArray, wall: FloatArray) -> FloatArray:
    """``(2,)`` unit vector along a cavity's principal axis, from apex to base.

    The base is the end away from the wall where there is one, else the blunter end.

    Parameters
    ----------
    points, wall
        ``(n, 2)`` places of the cavity's and of the wall's pixels; the wall may have none.
    """
    centre = points.mean(axis=0)
    axis = np.linalg.svd(points - centre, full_matrices=False)[2][0]
    along = (points - centre) @ axis
    # The cavity is pointed towards the apex, so its tail is longer there.
    apical = ((wall - centre) @ axis).mean() if len(wall) else (along**3).mean()
    return np.asarray(axis * (-np.sign(apical) or 1.0))


def _largest(mask: BoolArray) -> BoolArray:
    pieces, count = scipy.ndimage.label(mask)
    if count <= 1:
        return mask
    return np.asarray(pieces == 1 + np.bincount(pieces.ravel())[1:].argmax())
