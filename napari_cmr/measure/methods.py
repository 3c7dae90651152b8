"""How the numbers of a short-axis cine are made, in a reader's words."""

from __future__ import annotations

from types import MappingProxyType

from napari_cmr.core import Measures
from napari_cmr.measure.cardiac_function import MYOCARDIAL_DENSITY_G_PER_ML

VOLUME = "summed slices, each with the slab it stands for (Schulz-Menger 2020)"
MASS = f"wall volume at ED x {MYOCARDIAL_DENSITY_G_PER_ML} g/mL (Schulz-Menger 2020)"
RATIO = "100 (EDV - ESV) / EDV"
STROKE = "EDV - ESV"
OUTPUT = "SV x heart rate"
HEART_RATE = "entered, or the cine's"
TIMES = "the images' own, of the middle slice"

OF_MEASURES = MappingProxyType(
    {
        **{f"{rv}{v}_ml": VOLUME for rv in ("", "rv_") for v in ("edv", "esv")},
        **{f"{of}_volumes_ml": VOLUME for of in ("lv", "rv", "myo")},
        "sv_ml": STROKE,
        "rv_sv_ml": STROKE,
        "ef_percent": RATIO,
        "rv_ef_percent": RATIO,
        "mass_g": MASS,
        "cardiac_output_l_min": OUTPUT,
        "heart_rate_bpm": HEART_RATE,
        "phase_ms": TIMES,
    }
)
"""Method by the names of `napari_cmr.core.Measures`."""


def phases_of(measures: Measures) -> str:
    """Which phases are ED and ES, and who chose them."""
    return (
        f"ED phase {measures.ed_phase}, ES phase {measures.es_phase}, "
        f"counted from 0, by {measures.phases_set_by}"
    )
