"""Longitudinal function as numbers for a reader."""

from __future__ import annotations

from napari_cmr.core import Segmentation
from napari_cmr.core.measures import PAPILLARY_IN_CAVITY
from napari_cmr.measure.long_axis import METHOD, long_axis
from napari_cmr.measure.measurement import Measurement
from napari_cmr.measure.number import Number
from napari_cmr.measure.one_plane import AREA, AREA_LENGTH, ROUND, one_plane


def long_axis_measurement(
    segmentation: Segmentation, *, ed: int | None = None, es: int | None = None
) -> Measurement:
    """Lengths and areas at ED and ES of a labelled four-chamber cine, and what follows of them.

    Volumes and EF are by single-plane area-length, and say so.

    Parameters
    ----------
    segmentation, ed, es
        As `napari_cmr.measure.long_axis`.

    Raises
    ------
    InputError
        As `napari_cmr.measure.long_axis`.
    """
    found = long_axis(segmentation, ed=ed, es=es)
    chosen = "a reader" if ed is not None and es is not None else "largest and smallest cavity area"
    if (ed is None) != (es is None):
        chosen = "a reader (one), largest or smallest cavity area (the other)"
    phases = f"ED phase {found.ed_phase}, ES phase {found.es_phase}, counted from 0, by {chosen}"
    how = f"{METHOD}; annulus by {found.annulus_by}"
    rows = (
        ("lv_length_ed_mm", "LV length at ED", found.ed_mm, "mm", how),
        ("lv_length_es_mm", "LV length at ES", found.es_mm, "mm", how),
        (
            "long_axis_shortening_mm",
            "Long-axis shortening",
            found.shortening_mm,
            "mm",
            f"length at ED - length at ES (near MAPSE, but a change of length); {how}",
        ),
        (
            "long_axis_shortening_percent",
            "Long-axis shortening",
            found.shortening_percent,
            "%",
            f"of the length at ED (not a strain of the wall); {how}",
        ),
    )
    plane = one_plane(segmentation, found)
    more = (
        ("lv_area_ed_cm2", "LV area at ED", plane.ed_cm2, "cm²", AREA),
        ("lv_area_es_cm2", "LV area at ES", plane.es_cm2, "cm²", AREA),
        (
            "fractional_area_change_percent",
            "Fractional area change",
            plane.area_change_percent,
            "%",
            f"of the area at ED; {AREA}",
        ),
        ("single_plane_edv_ml", "EDV, single-plane area-length", plane.edv_ml, "mL", AREA_LENGTH),
        ("single_plane_esv_ml", "ESV, single-plane area-length", plane.esv_ml, "mL", AREA_LENGTH),
        (
            "single_plane_ef_percent",
            "EF, single-plane area-length",
            plane.ef_percent,
            "%",
            f"100 (EDV - ESV) / EDV; {AREA_LENGTH}",
        ),
    )
    numbers = tuple(
        Number(
            name,
            title,
            value,
            unit,
            0 if unit in ("%", "mL") else 1,
            method,
            phases,
            PAPILLARY_IN_CAVITY,
        )
        for name, title, value, unit, method in (*rows, *more)
    )
    return Measurement("4ch", numbers, (ROUND,))
