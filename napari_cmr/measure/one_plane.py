"""What one long-axis plane says of the LV: areas, and volumes that rest on its being round."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_cmr.core import Finding, Measures, Segmentation, Structure
from napari_cmr.measure.long_axis import LongAxis

AREA = "area of the LV cavity in the four-chamber view"
AREA_LENGTH = (
    "single-plane area-length, V = 8 A^2 / (3 pi L), four-chamber view alone (Sandler and Dodge, "
    "Am Heart J 1968;75:325)"
)
ROUND = Finding(
    "single-plane",
    "One plane stands for the whole ventricle.",
    "Area-length volumes and EF hold for a ventricle that is round about its long axis and moves "
    "evenly; take those of the short axis where there is one.",
)
NO_VOLUMES = "EDV, ESV, EF and mass of the short axis are not measured on one long-axis plane."


@dataclass(frozen=True)
class OnePlane:
    """Cavity areas at ED and ES and what follows of them; None where the spacing is unknown."""

    ed_cm2: float | None
    es_cm2: float | None
    area_change_percent: float
    edv_ml: float | None
    esv_ml: float | None
    ef_percent: float


def one_plane(segmentation: Segmentation, found: LongAxis) -> OnePlane:
    """Areas of the LV cavity, and its volumes by the area-length method.

    V = 8 A^2 / (3 pi L). Source: Sandler and Dodge, Am Heart J 1968;75:325. EF needs no
    millimetres.

    Parameters
    ----------
    segmentation
        Of the four-chamber cine, ``(t, 1, y, x)``.
    found
        Its lengths and phases, of `napari_cmr.measure.long_axis`.
    """
    row, column = segmentation.geometry.pixel_spacing
    cavity = (segmentation.labels[:, 0] == Structure.LV).sum(axis=(1, 2))
    pixels = np.array([cavity[found.ed_phase], cavity[found.es_phase]], float)
    # L^2 of ED over ES as the shortening says, since lengths in mm may be unknown.
    shorter = 1 - found.shortening_percent / 100
    ratio = float((pixels[1] / pixels[0]) ** 2 / shorter)
    volumes: tuple[float | None, float | None] = (None, None)
    areas: tuple[float | None, float | None] = (None, None)
    if found.ed_mm is not None and found.es_mm is not None:
        ed, es = pixels * row * column
        areas = (ed / 100, es / 100)
        volumes = (_area_length_ml(ed, found.ed_mm), _area_length_ml(es, found.es_mm))
    change = float(100 * (1 - pixels[1] / pixels[0]))
    return OnePlane(*areas, change, *volumes, 100 * (1 - ratio))


def without_volumes(measures: Measures) -> Measures:
    """Measures of one plane as if it were a stack: its phases, and nothing that needs slices."""
    names = ("edv_ml", "esv_ml", "sv_ml", "ef_percent", "mass_g", "cardiac_output_l_min")
    of_rv = ("rv_edv_ml", "rv_esv_ml", "rv_sv_ml", "rv_ef_percent")
    curves = ("lv_volumes_ml", "rv_volumes_ml", "myo_volumes_ml")
    by = {"volume curve": "area curve"}.get(measures.phases_set_by, measures.phases_set_by)
    nothing: dict[str, Any] = dict.fromkeys((*names, *of_rv, *curves))
    return replace(measures, **nothing, phases_set_by=by, notes=(NO_VOLUMES,))


def _area_length_ml(area_mm2: float, length_mm: float) -> float:
    return 8 * area_mm2**2 / (3 * math.pi * length_mm) / 1000
