"""Header records of made-up scanners, for tests of the sorter's logic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from napari_cmr.io.header import Header

SAX_ORIENTATION = (0.792067, 0.0, 0.610434, 0.377686, 0.785613, -0.490067)
LAX_ORIENTATION = (0.9954, 0.0, 0.0958042, 0.0787602, -0.569348, -0.818315)


def cine(
    n_phases: int,
    n_slices: int,
    *,
    step: float = 10.0,
    orientation: tuple[float, ...] = SAX_ORIENTATION,
    middle: tuple[float, float, float] = (15.0, 7.0, -60.0),
    series: Callable[[int, int], str] = lambda t, z: "1.1",
    number: Callable[[int, int], int] | None = None,
    start_s: float = 36_000.0,
    prefix: str = "1.2",
    **fields: object,
) -> list[Header]:
    """A retrospectively gated cine from base to apex, phases 40 ms apart."""
    normal = np.cross(orientation[:3], orientation[3:])
    normal = normal if normal @ np.array([1, -1, -1]) > 0 else -normal
    corner = np.array(middle) - 90 * (np.array(orientation[:3]) + np.array(orientation[3:]))
    headers = []
    for z in range(n_slices):
        for t in range(n_phases):
            at = corner + normal * step * z
            h = Header(
                uid=f"{prefix}.{z}.{t}",
                study="1",
                series=series(t, z),
                rows=181,
                columns=181,
                series_number=1,
                instance=number(t, z) if number else z * n_phases + t + 1,
                acquired_s=start_s + 10 * z,
                trigger_ms=40.0 * t,
                position=(float(at[0]), float(at[1]), float(at[2])),
                orientation=tuple(orientation),  # type: ignore[arg-type]
                pixel_spacing=(1.0, 1.0),
                thickness_mm=8.0,
                echo_ms=1.5,
                phases_claimed=n_phases,
                nominal_rr_ms=40.0 * n_phases,
            )
            headers.append(replace(h, **fields))  # type: ignore[arg-type]
    return headers


def uids(stack_frames: tuple[tuple[Header, ...], ...]) -> list[list[str]]:
    """UIDs as ``[t][z]``."""
    return [[h.uid for h in phase] for phase in stack_frames]
