"""The septum between the RV insertion points that a reader placed in a slice."""

from __future__ import annotations

import numpy as np

from napari_cmr.core import FloatArray, InputError, Segmentation
from napari_cmr.measure.borders import angle_of
from napari_cmr.measure.insertion import ARC_DEG, Insertions, heart_angles
from napari_cmr.measure.sides import mirrored

_TURN = 2 * np.pi


def septum_between(segmentation: Segmentation, points: FloatArray) -> Insertions:
    """Insertion points as angles round the LV's middle, from places in a picture.

    Parameters
    ----------
    segmentation
        Tells the millimetres and whether the pictures are mirrored.
    points
        ``(3, 2)`` row and column of the LV's middle and the two insertion points, in the order
        of `napari_cmr.measure.landmarks.SAX_LANDMARKS`: the septum runs counter-clockwise in the
        picture from the first to the second.

    Raises
    ------
    InputError
        If the septum between them would be shorter than 50 or longer than 200 degrees.
    """
    steps = np.array(segmentation.geometry.pixel_spacing)
    offsets = (np.asarray(points[1:], float) - points[0]) * steps
    flip = mirrored(segmentation)
    first, second = (float(a) for a in heart_angles(angle_of(offsets), flip=flip))
    anterior, inferior = (second, first) if flip else (first, second)
    septum = (inferior - anterior) % _TURN
    low, high = ARC_DEG
    if not low <= np.rad2deg(septum) <= high:
        raise InputError(
            f"The septum between these points would span {np.rad2deg(septum):.0f} degrees; it "
            f"spans {low:g} to {high:g}. Put each point where the RV's wall meets the LV's."
        )
    return Insertions(anterior, septum, by_hand=True)
