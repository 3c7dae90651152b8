"""Which end of a short-axis stack is the apex, and whether its pictures are mirrored."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_cmr.core import Segmentation, Structure

_BASE_TO_APEX_LPS = np.array([1.0, -1.0, -1.0])  # left, forwards and down, as hearts lie
_HEART = (Structure.LV, Structure.MYO, Structure.RV, Structure.INFARCT, Structure.MVO)


def base_to_apex(segmentation: Segmentation, phase: int) -> list[int]:
    """The slices in the order from base to apex.

    The patient's orientation decides; where it is unknown, the end with the larger heart is the
    base.
    """
    geometry = segmentation.geometry
    order = np.argsort(geometry.positions, kind="stable")
    if geometry.oriented:
        forward = float(geometry.normal @ _BASE_TO_APEX_LPS) > 0
    else:
        inside: npt.NDArray[np.bool_] = np.isin(segmentation.labels[phase], _HEART)
        sizes = inside.sum(axis=(1, 2))[order]
        half = len(sizes) // 2
        forward = bool(sizes[:half].sum() >= sizes[len(sizes) - half :].sum())
    return [int(z) for z in (order if forward else order[::-1])]


def mirrored(segmentation: Segmentation) -> bool:
    """Whether the pictures show the heart as seen from the base, which mirrors it.

    Radiologists look at a short axis from the apex: septum left, anterior wall on top. Rows run
    down and columns right, so the normal (columns x rows) then points away from the viewer, that
    is, towards the base. Where the patient's orientation is unknown, the usual view is assumed.
    """
    geometry = segmentation.geometry
    return geometry.oriented and float(geometry.normal @ _BASE_TO_APEX_LPS) > 0
