"""The bull's-eye plot of the 17 segments, as vectors for paper and screen.

Seen from the apex as Cerqueira MD et al., Circulation 2002;105:539 draw it: base outside, apex in
the middle, anterior wall on top, septum on the left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_cmr.report.parts import BullsEye

_INK, _PALE, _EMPTY = "#222222", "#666666", "#e8e8e8"
_RINGS = (
    (range(1, 7), 60.0, 60.0, 0.75, 1.0),
    (range(7, 13), 60.0, 60.0, 0.5, 0.75),
    (range(13, 17), 45.0, 90.0, 0.25, 0.5),
)


def wedges() -> Iterator[tuple[int, float, float, float, float]]:
    """Segment, first and last angle, inner and outer radius; the cap is not a wedge.

    Degrees counter-clockwise from the right; radii are shares of the plot's.
    """
    for segments, start, width, inner, outer in _RINGS:
        for i, segment in enumerate(segments):
            yield segment, start + i * width, start + (i + 1) * width, inner, outer


def bulls_eye(plot: BullsEye, size: float) -> Any:
    """Draw a plot as a reportlab ``Drawing`` of ``size`` points a side, titles included."""
    from reportlab.graphics.shapes import Circle, Drawing, String, Wedge
    from reportlab.lib.colors import HexColor

    drawing = Drawing(size, size)
    x, y, radius = size / 2, (size - 14) / 2, (size - 14) / 2 - 11
    line = {"strokeColor": HexColor("#ffffff"), "strokeWidth": 1}
    for segment, first, last, inner, outer in wedges():
        fill = HexColor(_colour(plot, segment))
        wedge = Wedge(x, y, radius * outer, first, last, radius1=radius * inner, annular=False)
        wedge.fillColor, wedge.strokeColor, wedge.strokeWidth = fill, *line.values()
        drawing.add(wedge)
        middle = np.deg2rad((first + last) / 2)
        at = radius * (inner + outer) / 2
        _add_text(drawing, plot, segment, x + at * np.cos(middle), y + at * np.sin(middle))
    drawing.add(Circle(x, y, radius / 4, fillColor=HexColor(_colour(plot, 17)), **line))
    _add_text(drawing, plot, 17, x, y)
    small = {"fontName": "Helvetica", "fontSize": 6.5, "fillColor": HexColor(_PALE)}
    for text, dx, dy, anchor in (
        ("anterior", 0.0, radius + 3, "middle"),
        ("inferior", 0.0, -radius - 8, "middle"),
    ):
        drawing.add(String(x + dx, y + dy, text, textAnchor=anchor, **small))
    for text, dx, turn in (("septal", -radius - 4, 90), ("lateral", radius + 4, -90)):
        drawing.add(_turned(text, x + dx, y, turn, small))
    drawing.add(
        String(
            x,
            size - 9,
            f"{plot.title} ({plot.unit})",
            textAnchor="middle",
            fontName="Helvetica-Bold",
            fontSize=8,
            fillColor=HexColor(_INK),
        )
    )
    _add_scale(drawing, plot, small)
    return drawing


def _add_scale(drawing: Any, plot: BullsEye, how: dict[str, Any]) -> None:
    """The palest and the deepest colour with their values, in the lower left corner."""
    from reportlab.graphics.shapes import Rect, String
    from reportlab.lib.colors import HexColor

    steps, side = 5, 6
    for i in range(steps):
        fill = HexColor(_mixed(plot, i / (steps - 1)))
        drawing.add(Rect(i * side, 9, side, 5, fillColor=fill, strokeColor=None))
    drawing.add(String(0, 2, f"{plot.low:g}", **how))
    drawing.add(String(steps * side, 2, f"{plot.high:g} {plot.unit}", textAnchor="middle", **how))


def _turned(text: str, x: float, y: float, degrees: float, how: dict[str, Any]) -> Any:
    from reportlab.graphics.shapes import Group, String

    group = Group(String(0, 0, text, textAnchor="middle", **how))
    group.translate(x, y)
    group.rotate(degrees)
    return group


def _add_text(drawing: Any, plot: BullsEye, segment: int, x: float, y: float) -> None:
    from reportlab.graphics.shapes import String
    from reportlab.lib.colors import HexColor

    value = plot.values.get(segment)
    text = "\N{EN DASH}" if value is None else f"{value:.{plot.decimals}f}"
    dark = _luminance(_colour(plot, segment)) < 0.5
    ink, pale = ("#ffffff", "#ffffff") if dark else (_INK, _INK)
    for words, font, size, colour, dy in (
        (text, "Helvetica-Bold", 7.5, ink, -5),
        (str(segment), "Helvetica", 4.5, pale, 3),
    ):
        drawing.add(
            String(
                x,
                y + dy,
                words,
                textAnchor="middle",
                fontName=font,
                fontSize=size,
                fillColor=HexColor(colour),
            )
        )


def _colour(plot: BullsEye, segment: int) -> str:
    value = plot.values.get(segment)
    if value is None:
        return _EMPTY
    return _mixed(plot, float(np.clip((value - plot.low) / (plot.high - plot.low), 0, 1)))


def _mixed(plot: BullsEye, share: float) -> str:
    low, high = (_rgb(colour) for colour in plot.colours)
    return "#{:02x}{:02x}{:02x}".format(*np.round(low + share * (high - low)).astype(int))


def _rgb(colour: str) -> Any:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float64)


def _luminance(colour: str) -> float:
    return float(_rgb(colour) @ [0.299, 0.587, 0.114] / 255)
