"""Jumps in a volume curve that no heart makes: a slice that is labelled in a phase or two only."""

from __future__ import annotations

import numpy as np

from napari_cmr.core import FloatArray

FEWEST_PHASES = 15
"""With fewer phases a beating heart itself jumps from one to the next."""

STANDS_OUT = 0.15
"""Share of the stroke volume; a choice of this project."""


def jump_notes(volumes: FloatArray, ed: int, es: int) -> list[str]:
    """Say which phase to look at, if any.

    Between end diastole and the opening of the aortic valve the ventricle holds its volume, so
    a fall right after ED is as suspect as a phase that stands out from those beside it.

    Parameters
    ----------
    volumes
        LV volume of each phase of one cycle, in any unit; NaN where not segmented.
    ed, es
        Phases of end diastole and end systole.
    """
    n = len(volumes)
    if n < FEWEST_PHASES or ed == es or not np.isfinite(volumes).all():
        return []
    allowed = STANDS_OUT * abs(volumes[ed] - volumes[es])
    away = np.abs(volumes - (np.roll(volumes, 1) + np.roll(volumes, -1)) / 2)
    phase = int(away.argmax())
    if away[phase] > allowed:
        role = {ed: " (ED)", es: " (ES)"}.get(phase, "")
        rests = "ED, ES and EF" if role else "the curve and its rates"
        return [
            f"The LV volume of phase {phase}{role} stands out from those beside it: look at its "
            f"basal slices; {rests} may rest on them."
        ]
    fall = volumes[ed] - volumes[(ed + 1) % n]
    if fall > allowed:
        share = 100 * fall / abs(volumes[ed] - volumes[es])
        return [
            f"The LV volume falls by {share:.0f} % of the stroke volume in the one phase after "
            f"ED ({ed}): look at the basal slices of both; EDV and EF may rest on them."
        ]
    return []
