"""The volume curve as vectors on white, for the page."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_cmr.core import FloatArray, Measures, Segmentation, Structure
from napari_cmr.report.curve import abscissa, ventricle_curve

_LV, _RV, _INK, _PALE, _GRID = "#c8351a", "#1f6fb4", "#222222", "#666666", "#dddddd"
_LEFT, _RIGHT, _BOTTOM, _TOP = 30.0, 8.0, 26.0, 16.0


def curve_drawing(
    segmentation: Segmentation, measures: Measures, width: float, height: float
) -> Any:
    """LV and RV volume over the beat as a reportlab ``Drawing`` of so many points.

    As `napari_cmr.report.volume_curve`: milliseconds or phases, millilitres or percent.
    """
    from reportlab.graphics.shapes import Drawing, Line, String
    from reportlab.lib.colors import HexColor

    x, x_label = abscissa(segmentation, measures)
    curves = {
        ("LV", _LV): ventricle_curve(segmentation, measures, Structure.LV, measures.lv_volumes_ml),
        ("RV", _RV): ventricle_curve(segmentation, measures, Structure.RV, measures.rv_volumes_ml),
    }
    known = (measures.lv_volumes_ml or measures.rv_volumes_ml) is not None
    frame = _Frame.of(x, list(curves.values()), width, height)
    drawing = Drawing(width, height)
    text = {"fontName": "Helvetica", "fontSize": 6.5, "fillColor": HexColor(_PALE)}
    for value in frame.y_ticks:
        at = frame.y(value)
        drawing.add(
            Line(_LEFT, at, width - _RIGHT, at, strokeColor=HexColor(_GRID), strokeWidth=0.5)
        )
        drawing.add(String(_LEFT - 3, at - 2, f"{value:g}", textAnchor="end", **text))
    for value in frame.x_ticks:
        drawing.add(String(frame.x(value), _BOTTOM - 9, f"{value:g}", textAnchor="middle", **text))
    drawing.add(String((_LEFT + width - _RIGHT) / 2, 5, x_label, textAnchor="middle", **text))
    label = "Volume (mL)" if known else "Volume (% of its own at ED)"
    bold = {"fontName": "Helvetica-Bold", "fontSize": 8, "fillColor": HexColor(_INK)}
    drawing.add(String(0, height - 9, label, **bold))
    _add_phases(drawing, frame, x, measures, height)
    names = width - _RIGHT
    for (name, colour), curve in reversed(curves.items()):
        if np.isfinite(curve).any():
            _add_curve(drawing, frame, x, curve, colour)
            bold["fillColor"] = HexColor(colour)
            drawing.add(String(names, height - 9, name, textAnchor="end", **bold))
            names -= 20
    return drawing


class _Frame:
    """Where values lie on the drawing."""

    def __init__(self, x: FloatArray, top: float, width: float, height: float) -> None:
        self._x0, self._x1 = float(x.min()), float(max(x.max(), x.min() + 1))
        self.y_ticks = _ticks(0, top)
        self.x_ticks = _ticks(self._x0, self._x1)[: None if len(x) > 1 else 1]
        self._top = max(top, self.y_ticks[-1])
        self._width, self._height = width, height

    @classmethod
    def of(cls, x: FloatArray, curves: list[FloatArray], width: float, height: float) -> _Frame:
        finite = [float(np.nanmax(c)) for c in curves if np.isfinite(c).any()]
        return cls(x, max(finite, default=1.0) * 1.05, width, height)

    def x(self, value: float) -> float:
        share = (value - self._x0) / (self._x1 - self._x0)
        return _LEFT + 4 + share * (self._width - _LEFT - _RIGHT - 8)

    def y(self, value: float) -> float:
        return _BOTTOM + value / self._top * (self._height - _BOTTOM - _TOP)


def _ticks(low: float, high: float) -> list[float]:
    """About four round values within two limits."""
    rough = (high - low) / 4
    scale = 10 ** np.floor(np.log10(rough))
    step = min((s for s in (1, 2, 2.5, 5, 10) if s * scale >= rough), default=10) * scale
    return [float(v) for v in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]


def _add_phases(
    drawing: Any, frame: _Frame, x: FloatArray, measures: Measures, height: float
) -> None:
    from reportlab.graphics.shapes import Line, String
    from reportlab.lib.colors import HexColor

    phases = {"ED": measures.ed_phase, "ES": measures.es_phase}
    if measures.ed_phase == measures.es_phase:
        del phases["ES"]
    middle = (frame.x(float(x.min())) + frame.x(float(x.max()))) / 2
    for name, phase in phases.items():
        at = frame.x(float(x[phase]))
        drawing.add(
            Line(
                at,
                _BOTTOM,
                at,
                height - _TOP,
                strokeColor=HexColor(_PALE),
                strokeWidth=0.6,
                strokeDashArray=[2, 2],
            )
        )
        left = at > middle
        drawing.add(
            String(
                at + (-2 if left else 2),
                _BOTTOM + 3,
                name,
                textAnchor="end" if left else "start",
                fontName="Helvetica",
                fontSize=7,
                fillColor=HexColor(_INK),
            )
        )


def _add_curve(drawing: Any, frame: _Frame, x: FloatArray, curve: FloatArray, colour: str) -> None:
    from reportlab.graphics.shapes import Circle, PolyLine
    from reportlab.lib.colors import HexColor

    order = [int(i) for i in np.argsort(x, kind="stable") if np.isfinite(curve[i])]
    points = [(frame.x(float(x[i])), frame.y(float(curve[i]))) for i in order]
    if len(points) > 1:
        flat = [value for point in points for value in point]
        drawing.add(PolyLine(flat, strokeColor=HexColor(colour), strokeWidth=1.2))
    for px, py in points:
        drawing.add(Circle(px, py, 1.4, fillColor=HexColor(colour), strokeColor=None))
