"""Colours as DICOM stores them: CIELab under D50, the white of ICC's connection space."""

from __future__ import annotations

import numpy as np

# sRGB to XYZ, adapted from its own white D65 to D50 by Bradford's method (ICC's sRGB v4 profile)
_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
_D50 = np.array([0.96422, 1.0, 0.82521])


def pcs_lab(colour: str) -> tuple[float, float, float]:
    """L*, a* and b* of ``#rrggbb``, as PS3.3 C.10.7.1.1 wants them.

    highdicom's own conversion keeps D65, which shifts what a viewer shows.
    """
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    ratio = _TO_XYZ @ linear / _D50
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    return float(116 * y - 16), float(500 * (x - y)), float(200 * (y - z))
