"""Wall thickness in one slice by the centreline method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cmr.core import FloatArray
from napari_cmr.measure.borders import (
    BoolArray,
    angle_of,
    border_radii,
    centre_mm,
    radius_at,
    ray_directions,
)

N_CHORDS = 100
METHOD = "centreline method, 100 chords a slice (Sheehan 1986)"
_STEP_MM = 0.1


@dataclass(frozen=True, eq=False)
class Chords:
    """Chords across the wall of one slice.

    Parameters
    ----------
    thickness_mm
        ``(n,)`` lengths; NaN where there is no wall, as towards the outflow tract.
    inner, outer
        ``(n, 2)`` ends, row and column millimetres.
    """

    thickness_mm: FloatArray
    inner: FloatArray
    outer: FloatArray

    @property
    def middle(self) -> FloatArray:
        """``(n, 2)`` middles of the chords."""
        return (self.inner + self.outer) / 2

    @property
    def complete(self) -> float:
        """Share of the circumference that has a wall."""
        return float(np.isfinite(self.thickness_mm).mean())


def chords(cavity: BoolArray, wall: BoolArray, pixel_spacing: tuple[float, float]) -> Chords:
    """Chords perpendicular to the line midway between the endocardium and the epicardium.

    Sheehan FH et al., Circulation 1986;74:293: 100 chords, evenly spaced along the centreline.
    Both borders are taken as star-shaped round the cavity's middle. Thickness is in the plane
    of the slice: where the wall is oblique to it, towards the apex, it is more than the
    shortest way through the wall.

    Parameters
    ----------
    cavity, wall
        ``(y, x)`` masks; the cavity is not empty.
    pixel_spacing
        Row and column step, millimetres.
    """
    centre = centre_mm(cavity, pixel_spacing)
    endo = border_radii(cavity, centre, pixel_spacing)
    epi = np.maximum(border_radii(cavity | wall, centre, pixel_spacing), endo)
    middle, normal = _centreline(centre, (endo + epi) / 2)
    reach = float((epi - endo).max()) * 2 + 2
    out = _crossing(middle, normal, centre, epi, reach, outward=True)
    back = _crossing(middle, -normal, centre, endo, reach, outward=False)
    outer, inner = middle + out[:, None] * normal, middle - back[:, None] * normal
    pixels = np.round((inner + outer) / 2 / np.array(pixel_spacing)).astype(int)
    pixels = np.clip(pixels, 0, np.array(wall.shape) - 1)
    there = wall[pixels[:, 0], pixels[:, 1]]
    return Chords(np.where(there, out + back, np.nan), inner, outer)


def _centreline(centre: FloatArray, radii: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``(n, 2)`` points evenly along a closed curve and its outward unit normals."""
    curve = centre + ray_directions() * radii[:, None]
    closed = np.concatenate([curve, curve[:1]])
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.arange(N_CHORDS) / N_CHORDS * lengths[-1]
    points = np.stack([np.interp(at, lengths, closed[:, k]) for k in (0, 1)], axis=1)
    tangent = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    outward = np.sign(((points - centre) * normal).sum(axis=1).sum()) or 1.0
    return points, normal * outward


def _crossing(
    points: FloatArray,
    direction: FloatArray,
    centre: FloatArray,
    radii: FloatArray,
    reach: float,
    *,
    outward: bool,
) -> FloatArray:
    """``(n,)`` distance from each point to a closed curve round a centre, along a direction."""
    along = np.arange(0, reach, _STEP_MM)
    offsets = points[:, None] + direction[:, None] * along[:, None] - centre
    beyond = np.linalg.norm(offsets, axis=2) - radius_at(radii, angle_of(offsets))
    beyond = beyond if outward else -beyond
    first = np.where((beyond >= 0).any(axis=1), (beyond >= 0).argmax(axis=1), len(along) - 1)
    rows = np.arange(len(points))
    after, before = beyond[rows, first], beyond[rows, np.maximum(first - 1, 0)]
    part = np.where(after > before, after / np.where(after > before, after - before, 1), 0)
    return np.asarray(np.maximum(along[first] - np.clip(part, 0, 1) * _STEP_MM, 0))
