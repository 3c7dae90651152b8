"""Longitudinal function as numbers for a reader."""

from __future__ import annotations

from napari_cmr.core import Segmentation
from napari_cmr.core.measures import PAPILLARY_IN_CAVITY
from napari_cmr.measure.long_axis import METHOD, long_axis
from napari_cmr.measure.measurement import Measurement
from napari_cmr.measure.number import Number


def long_axis_measurement(
    segmentation: Segmentation, *, ed: int | None = None, es: int | None = None
) -> Measurement:
    """Length at ED and ES and long-axis shortening of a labelled four-chamber cine.

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
    numbers = tuple(
        Number(
            name, title, value, unit, 0 if unit == "%" else 1, method, phases, PAPILLARY_IN_CAVITY
        )
        for name, title, value, unit, method in rows
    )
    return Measurement("4ch", numbers)
