"""Landmarks of a labelled picture: the rule that says where an expert's mask has them.

Short axis: the LV's middle is the centre of gravity of the LV cavity with its wall; the RV
insertion points are the ends of the septal arc of :mod:`napari_cmr.measure.insertion`, on the
epicardium. The first end is where the septum begins, counter-clockwise in the picture: the
anterior point where the picture shows the heart as seen from the apex, as is usual.

Four chambers: the base is the end of the cavity's principal axis away from the wall where a wall
is labelled, else its blunter end. The two ends of the mitral annulus are the cavity's points
farthest towards the base and to either side, along the two diagonals between the axis and its
perpendicular; the apex is the cavity's point farthest from the annulus' middle. The first end
lies clockwise of the axis from apex to base: the septal one, as four chambers are usually shown.
"""

from __future__ import annotations

import numpy as np
import scipy  # its parts come when first used: a dock that opens must not wait for them

from napari_cmr.core import FloatArray, LabelArray, Structure
from napari_cmr.measure.borders import border_radii, centre_mm
from napari_cmr.measure.insertion import septal_arc
from napari_cmr.measure.long_axis import towards_base
from napari_cmr.measure.volumes import WALL

SAX_LANDMARKS = ("LV_CENTRE", "RV_INSERTION_1", "RV_INSERTION_2")
LAX_LANDMARKS = ("APEX", "MITRAL_1", "MITRAL_2")
_LEAST_PIXELS = 20


def sax_landmarks(labels: LabelArray, spacing: tuple[float, float]) -> FloatArray | None:
    """Landmarks of a short-axis slice, in the order of :data:`SAX_LANDMARKS`.

    Parameters
    ----------
    labels
        ``(y, x)`` in map ``cmr``.
    spacing
        Row and column step, in mm or any unit.

    Returns
    -------
    ``(3, 2)`` row and column in pixels, counted from the middle of the first; None where the
    slice has no LV, wall and RV, or no plausible septum.
    """
    heart = np.isin(labels, (Structure.LV, *WALL))
    if not np.isin(labels, WALL).any():
        return None
    arc = septal_arc(labels, spacing)
    if arc is None:
        return None
    centre = centre_mm(heart, spacing)
    radii = border_radii(heart, centre, spacing)
    angles = np.array([arc[0], arc[0] + arc[1]])
    reach = np.interp(angles, *_closed(radii), period=2 * np.pi)
    ends = centre + reach[:, None] * np.stack([-np.sin(angles), np.cos(angles)], axis=1)
    return np.asarray(np.concatenate([centre[None], ends]) / np.array(spacing))


def lax_landmarks(labels: LabelArray, spacing: tuple[float, float]) -> FloatArray | None:
    """Landmarks of a four-chamber picture, in the order of :data:`LAX_LANDMARKS`.

    Parameters and result are as of :func:`sax_landmarks`; None where there is hardly any cavity.
    """
    pieces, n = scipy.ndimage.label(labels == Structure.LV)
    if n == 0:
        return None
    cavity = pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax())
    if cavity.sum() < _LEAST_PIXELS:
        return None
    step = np.array(spacing)
    points = np.argwhere(cavity) * step
    axis = towards_base(points, np.argwhere(np.isin(labels, WALL)) * step)
    aside = np.array([axis[1], -axis[0]])  # clockwise in the picture, whose rows run down
    ends = [points[(points @ (axis + side)).argmax()] for side in (aside, -aside)]
    middle = np.mean(ends, axis=0)
    apex = points[np.linalg.norm(points - middle, axis=1).argmax()]
    return np.asarray(np.stack([apex, *ends]) / step)


def _closed(radii: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.arange(len(radii)) * 2 * np.pi / len(radii), radii
