"""Numbers of ED and ES that tell cardiac diseases apart, from anybody's segmentation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from napari_cmr.core import FloatArray, InputError, Measures, Segmentation
from napari_cmr.measure import body_surface_area_m2, function, wall_motion
from napari_cmr.measure.volumes import WALL

BIOMARKERS: dict[str, str] = {
    "lv_edv_per_m2": "LV EDV, mL/m²",
    "lv_esv_per_m2": "LV ESV, mL/m²",
    "lv_ef": "LV EF, %",
    "rv_edv_per_m2": "RV EDV, mL/m²",
    "rv_esv_per_m2": "RV ESV, mL/m²",
    "rv_ef": "RV EF, %",
    "mass_per_m2": "LV mass, g/m²",
    "mass_per_edv": "LV mass / EDV, g/mL",
    "rv_lv_edv": "RV EDV / LV EDV",
    "rv_lv_esv": "RV ESV / LV ESV",
    "wall_ed_greatest": "thickest segment at ED, mm",
    "wall_ed_mean": "mean wall thickness at ED, mm",
    "wall_ed_spread": "spread of wall thickness over segments at ED, relative",
    "wall_es_greatest": "thickest segment at ES, mm",
    "wall_es_mean": "mean wall thickness at ES, mm",
    "wall_es_spread": "spread of wall thickness over segments at ES, relative",
    "thickening_mean": "mean wall thickening, %",
    "thickening_spread": "spread of wall thickening over segments, points",
    "thickening_least": "least wall thickening of three segments, %",
}
"""Name of each biomarker -> what it is, with its unit."""

_POSITIVE = {name for name in BIOMARKERS if not name.startswith("thickening") and "ef" not in name}


def told(name: str, value: float) -> str:
    """A biomarker as a reader writes it: ``LV EF 59.8 %``."""
    what, _, unit = BIOMARKERS[name].rpartition(", ")
    number = f"{value:.3g}"
    if not what:  # a ratio
        return f"{unit} {number}"
    return f"{what} {number}" if unit == "relative" else f"{what} {number} {unit}"


def biomarkers(
    segmentation: Segmentation, *, ed: int | None = None, es: int | None = None
) -> dict[str, float]:
    """Biomarkers of one short-axis cine; one that cannot be measured is NaN.

    Parameters
    ----------
    segmentation
        Labels of LV, myocardium and RV by an expert or a model, ``(t, z, y, x)``; height and
        weight as far as known.
    ed, es
        Phases of end diastole and end systole; otherwise of the largest and smallest LV.

    Returns
    -------
    dict
        In the order of `BIOMARKERS`. Thickness is that of the AHA segments by the centreline
        method; where RV or base do not allow segments it is NaN. Body surface is Mosteller's.

    Raises
    ------
    InputError
        If the segmentation has no LV at two phases.
    """
    measures = function(segmentation, ed=ed, es=es)
    if measures.ef_percent is None:
        raise InputError(
            "Disease is told from end diastole and end systole; here the LV is not segmented at "
            "both. Give a cine, or one image of each with ED and ES in the column frame."
        )
    found = {**volume_numbers(segmentation, measures), **_walls(segmentation, measures)}
    return {name: found.get(name, math.nan) for name in BIOMARKERS}


def as_features(found: Sequence[dict[str, float]]) -> FloatArray:
    """``(n, len(BIOMARKERS))``: logarithms of what is positive, since sizes differ by factors."""
    rows = [[_log(v) if name in _POSITIVE else v for name, v in one.items()] for one in found]
    return np.array(rows, np.float64).reshape(len(found), len(BIOMARKERS))


def _log(value: float) -> float:
    return math.log(value) if value > 0 else math.nan


def volume_numbers(segmentation: Segmentation, measures: Measures) -> dict[str, float]:
    """Those of `BIOMARKERS` that follow from volumes, mass and body size."""
    values = {
        name: math.nan if value is None else value
        for name, value in {
            "edv": measures.edv_ml,
            "esv": measures.esv_ml,
            "rv_edv": measures.rv_edv_ml,
            "rv_esv": measures.rv_esv_ml,
            "rv_ef": measures.rv_ef_percent,
            "mass": measures.mass_g,
        }.items()
    }
    height, weight = segmentation.height_cm, segmentation.weight_kg
    bsa = math.nan
    if height and weight:
        bsa = body_surface_area_m2(height, weight)
    assert measures.ef_percent is not None
    return {
        "lv_edv_per_m2": values["edv"] / bsa,
        "lv_esv_per_m2": values["esv"] / bsa,
        "lv_ef": measures.ef_percent,
        "rv_edv_per_m2": values["rv_edv"] / bsa,
        "rv_esv_per_m2": values["rv_esv"] / bsa,
        "rv_ef": values["rv_ef"],
        "mass_per_m2": values["mass"] / bsa,
        "mass_per_edv": values["mass"] / values["edv"],
        "rv_lv_edv": values["rv_edv"] / values["edv"],
        "rv_lv_esv": values["rv_esv"] / values["esv"],
    }


def _walls(segmentation: Segmentation, measures: Measures) -> dict[str, float]:
    if not segmentation.geometry.spacing_known or not np.isin(segmentation.labels, WALL).any():
        return {}
    motion = wall_motion(segmentation, measures)
    found: dict[str, float] = {}
    for phase, thickness in (("ed", motion.ed_mm), ("es", motion.es_mm)):
        mm = np.array(list(thickness.values()))
        if mm.size:
            found[f"wall_{phase}_greatest"] = float(mm.max())
            found[f"wall_{phase}_mean"] = float(mm.mean())
            found[f"wall_{phase}_spread"] = float(mm.std() / mm.mean())
    thickening = np.sort(list(motion.thickening_percent.values()))
    if thickening.size:
        found["thickening_mean"] = float(thickening.mean())
        found["thickening_spread"] = float(thickening.std())
        found["thickening_least"] = float(thickening[:3].mean())
    return found
