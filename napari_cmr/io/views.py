"""Which view a stack shows: geometry against the short axis first, text as a hint.

Angles are those of a plane around the long axis of the heart, seen from the apex with the
patient's front up and left to the right. The planes of 2CH, 3CH and 4CH lie 60 degrees apart
(17-segment model, Cerqueira 2002, doi:10.1161/hc0402.102975); the 4CH plane cuts the middle of
the right ventricle, which in the chest lies at about 160 degrees.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from napari_cmr.core import FloatArray, Geometry, Sequence, View
from napari_cmr.io.anatomy import TOWARDS_APEX

_FRONT = np.array([0.0, -1.0, 0.0])
_SAX_MIN_SLICES = 3
_PARALLEL_DEG = 15.0
_LONG_AXIS_DEG = 45.0
_USUAL_SAX_DEG = 35.0
_TOWARDS_RV = np.array([-1.0, 1.0])  # (left, front)
_CROSSING_DEG = 20.0
_OFF_CENTRE_MM = 30.0
_HINT_BONUS = 2.0
_CLEAR = 1.0
LONG_AXES = frozenset({View.CH2, View.CH3, View.CH4, View.RV2CH, View.RVOT, View.LAX})


@dataclass(frozen=True)
class Plane:
    """What a view guess may look at.

    Parameters
    ----------
    shape
        Rows and columns.
    hint
        The view that a description names, if it names one.
    """

    geometry: Geometry
    shape: tuple[int, int]
    sequence: Sequence
    hint: View | None

    @property
    def n_slices(self) -> int:
        """Number of slices."""
        return self.geometry.n_slices

    @property
    def middle(self) -> FloatArray:
        """``(3,)`` LPS millimetres of the middle of the stack."""
        g = self.geometry
        half = (np.array(self.shape) - 1) / 2 * np.array(g.pixel_spacing)
        centres = g.origins + np.einsum("k,zkc->zc", half, g.axes)
        return np.asarray(centres.mean(axis=0), np.float64)


@dataclass(frozen=True)
class _LongAxis:
    """Where a long-axis view usually lies, and how far off it may be.

    Degrees around the long axis; mm from the middle of the short axis to the right ventricle.
    """

    view: View
    angle: float
    offset: float
    angle_sd: float
    offset_sd: float


_USUAL = (
    _LongAxis(View.CH2, 42, 0, 15, 10),
    _LongAxis(View.CH3, 102, 0, 15, 10),
    _LongAxis(View.CH4, 162, 0, 15, 10),
    _LongAxis(View.RV2CH, 42, 38, 25, 12),
    _LongAxis(View.RVOT, 68, 24, 15, 10),
)


def guess_views(planes: Seq[Plane]) -> list[tuple[View, str]]:
    """A view for each stack of one study, and what it rests on."""
    sax = _short_axis(planes)
    if sax is None:
        return [_alone(plane) for plane in planes]
    singles = [p for p in planes if _is_single_long_axis(p, sax)]
    lines = [_Line.of(p, sax) for p in singles]
    heart = _heart_middle(lines)
    told = {id(p): _long_axis(line, heart) for p, line in zip(singles, lines, strict=True)}
    return [told.get(id(plane)) or _guess(plane, sax, planes) for plane in planes]


def _is_single_long_axis(plane: Plane, sax: Plane) -> bool:
    oriented = plane.geometry.oriented and plane.n_slices == 1
    return oriented and _angle(plane.geometry.normal, sax.geometry.normal) >= _LONG_AXIS_DEG


def _short_axis(planes: Seq[Plane]) -> Plane | None:
    """The largest parallel set of three or more slices, of cines where there are any."""
    candidates = [p for p in planes if p.n_slices >= _SAX_MIN_SLICES and p.geometry.oriented]
    cines = [p for p in candidates if p.sequence is Sequence.CINE]
    candidates = cines or candidates
    shorts = [p for p in candidates if p.hint not in LONG_AXES]
    # Only text speaks against a set that has nothing to be compared with.
    return max(shorts, key=lambda p: (p.hint is View.SAX, p.n_slices), default=None)


def _guess(plane: Plane, sax: Plane, planes: Seq[Plane]) -> tuple[View, str]:
    if not plane.geometry.oriented:
        return _alone(plane)
    angle = _angle(plane.geometry.normal, sax.geometry.normal)
    if plane is sax:
        others = any(
            _angle(p.geometry.normal, sax.geometry.normal) > _LONG_AXIS_DEG
            for p in planes
            if p.geometry.oriented
        )
        if others:
            return View.SAX, "the largest set of parallel slices of the study"
        return _alone(plane)
    if angle <= _PARALLEL_DEG:
        return View.SAX, f"parallel to the short axis (within {max(angle, 1):.0f} degrees)"
    if angle < _LONG_AXIS_DEG:
        return View.UNKNOWN, f"oblique: {angle:.0f} degrees off the short axis"
    return View.LAX, f"parallel slices {angle:.0f} degrees off the short axis, not told apart"


def _alone(plane: Plane) -> tuple[View, str]:
    """A view without other stacks to compare with."""
    if plane.hint is View.LAX or (plane.hint in LONG_AXES and plane.n_slices > 1):
        return View.LAX, "the description alone"
    if plane.hint is not None:
        return plane.hint, "the description alone"
    many = plane.n_slices >= _SAX_MIN_SLICES
    if not plane.geometry.oriented:
        if many:
            return View.SAX, "the number of slices alone; the file does not say how they lie"
        return View.UNKNOWN, "the file does not say how the slice lies"
    angle = _angle(plane.geometry.normal, TOWARDS_APEX)
    if angle <= _USUAL_SAX_DEG:
        return View.SAX, f"its direction: {angle:.0f} degrees off a usual heart's long axis"
    if many:
        return View.SAX, "the number of slices alone; there is no other stack to compare with"
    return View.UNKNOWN, "one direction alone, and no description"


@dataclass(frozen=True, eq=False)
class _Line:
    """Where a single long-axis slice cuts the short-axis plane.

    Parameters
    ----------
    angle
        Degrees, 0 to 180, around the long axis.
    across
        Unit vector across the line, (left, front), towards the right ventricle.
    offset
        Millimetres from the middle of the short axis, along ``across``.
    """

    angle: float
    across: FloatArray
    offset: float
    hint: View | None

    @classmethod
    def of(cls, plane: Plane, sax: Plane) -> _Line:
        axis = sax.geometry.normal
        axis = axis if axis @ TOWARDS_APEX >= 0 else -axis
        front = _FRONT - axis * (_FRONT @ axis)
        front /= np.linalg.norm(front)
        left = np.cross(front, axis)
        normal = plane.geometry.normal
        across = np.array([normal @ left, normal @ front])
        sign = 1.0 if across @ _TOWARDS_RV >= 0 else -1.0
        length = sign * float(np.linalg.norm(across))
        across = across / length
        angle = float(np.degrees(np.arctan2(across[1], across[0])) + 90) % 180
        offset = float((plane.middle - sax.middle) @ normal) / length
        return cls(angle, across, offset, plane.hint)

    def costs(self, heart: FloatArray) -> dict[View, float]:
        """How badly each view fits, for a heart whose middle is at (left, front) mm."""
        offset = self.offset - float(self.across @ heart)
        costs = {}
        for usual in _USUAL:
            turn = (self.angle - usual.angle + 90) % 180 - 90
            cost = (turn / usual.angle_sd) ** 2 + ((offset - usual.offset) / usual.offset_sd) ** 2
            costs[usual.view] = cost - (_HINT_BONUS if self.hint is usual.view else 0.0)
        return costs


def _heart_middle(lines: Seq[_Line]) -> FloatArray:
    """``(2,)`` where the left ventricle lies, (left, front) mm from the middle of the short axis.

    Pictures are centred on it more or less; planes through it meet in it. Of the middle and the
    points where two lines meet, the one that makes most sense of all lines.
    """
    points = [np.zeros(2)]
    for a, b in combinations(lines, 2):
        across = np.stack([a.across, b.across])
        if abs(np.linalg.det(across)) > np.sin(np.radians(_CROSSING_DEG)):
            points.append(np.linalg.solve(across, np.array([a.offset, b.offset])))

    def badness(point: FloatArray) -> float:
        off_centre = float(point @ point) / _OFF_CENTRE_MM**2
        return off_centre + sum(min(line.costs(point).values()) for line in lines)

    return min(points, key=badness)


def _long_axis(line: _Line, heart: FloatArray) -> tuple[View, str]:
    """Compare a single long-axis slice with where the views usually lie."""
    costs = line.costs(heart)
    first, second = sorted(costs, key=lambda v: costs[v])[:2]
    offset = line.offset - float(line.across @ heart)
    where = (
        f"turned {line.angle:.0f} degrees around the long axis and {abs(offset):.0f} mm "
        f"{'right' if offset >= 0 else 'left'} of it"
    )
    if line.hint is first:
        return first, f"geometry and description: {where}"
    if line.hint in costs:
        return first, f"geometry: {where}; the description says {line.hint}"
    if costs[second] - costs[first] < _CLEAR:
        return first, f"geometry, not clearly: {where}; it may be {second}"
    return first, f"geometry: {where}"


def long_axis_place(plane: Plane, sax: Plane) -> tuple[float, float]:
    """Angle (degrees, 0 to 180) around the long axis, and offset in mm towards the right heart.

    The offset is the distance in the short-axis plane from the middle of the short axis.
    """
    line = _Line.of(plane, sax)
    return line.angle, line.offset


def _angle(a: FloatArray, b: FloatArray) -> float:
    """Angle between two directions without sign, degrees."""
    return float(np.degrees(np.arccos(np.clip(abs(float(a @ b)), 0, 1))))
