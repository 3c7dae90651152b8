"""Numbers that a reader acts on, each with its unit in its name."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

PAPILLARY_IN_CAVITY = "papillary muscles and trabeculae count to the cavity"


@dataclass(frozen=True)
class Measures:
    """Function of one short-axis cine.

    Volumes are None where the spacing is unknown; EF and ratios do not need it. Phases are
    zero-based indices. ``mass_g`` is at end diastole with 1.05 g/mL. A structure that was not
    segmented has None.
    """

    ed_phase: int
    es_phase: int
    phases_set_by: str
    edv_ml: float | None
    esv_ml: float | None
    sv_ml: float | None
    ef_percent: float | None
    mass_g: float | None
    rv_edv_ml: float | None
    rv_esv_ml: float | None
    rv_sv_ml: float | None
    rv_ef_percent: float | None
    heart_rate_bpm: float | None
    cardiac_output_l_min: float | None
    lv_volumes_ml: tuple[float, ...] | None
    rv_volumes_ml: tuple[float, ...] | None
    myo_volumes_ml: tuple[float, ...] | None
    phase_ms: tuple[float, ...] | None
    papillary_convention: str = PAPILLARY_IN_CAVITY
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a number that is not finite becomes None."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value
