"""All numbers of a short-axis cine in one list, the wall's segments among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from napari_cmr.measure import aha, wall
from napari_cmr.measure.clinical import Clinical
from napari_cmr.measure.measurement import Measurement
from napari_cmr.measure.number import Number


def cine_measurement(clinical: Clinical) -> Measurement:
    """The numbers of `napari_cmr.measure.clinical_numbers` with one for each segment's wall."""
    return Measurement("cine", (*clinical.numbers, *_segments(clinical)), clinical.findings)


def _segments(clinical: Clinical) -> Iterator[Number]:
    """They carry the same phases and convention as the thickest segment's number."""
    motion = clinical.wall
    if motion is None:
        return
    like = replace(clinical["greatest_wall_ed_mm"], range=None)
    for values, name, title, unit, decimals, method in (
        (motion.ed_mm, "thickness_ed_mm", "thickness at ED", "mm", 1, wall.METHOD_THICKNESS),
        (motion.es_mm, "thickness_es_mm", "thickness at ES", "mm", 1, wall.METHOD_THICKNESS),
        (
            motion.thickening_percent,
            "thickening_percent",
            "thickening",
            "%",
            0,
            wall.METHOD_THICKENING,
        ),
    ):
        for segment, value in values.items():
            yield replace(
                like,
                name=f"segment_{segment:02d}_{name}",
                title=f"{aha.TITLES[segment - 1]} ({segment}): {title}",
                value=value,
                unit=unit,
                decimals=decimals,
                method=f"{method}; {aha.METHOD}",
            )
