"""The report as one page of PDF; text and plots are vectors."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from napari_cmr.core import replacing
from napari_cmr.report.page import CURVE_POINTS, PLOT_POINTS, Drawings
from napari_cmr.report.parts import Content, with_unit
from napari_cmr.report.style import RESEARCH_USE

_MARGIN = 34.0
_MOST_RECORDS = 4
_INK, _QUIET, _RED, _RULE = "#222222", "#555555", "#b3261e", "#bbbbbb"


def write_pdf(content: Content, path: str | Path) -> None:
    """Write the report as one A4 page.

    Findings that do not fit on the page are counted there and stand in the HTML.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    with replacing(path) as partial:
        canvas = Canvas(str(partial), pagesize=A4)
        canvas.setTitle(content.title)
        canvas.setSubject(RESEARCH_USE)
        _Page(canvas, content, Drawings.of(content), *A4).draw()
        canvas.showPage()
        canvas.save()


class _Page:
    """Draws from the top down; ``_y`` is where the next thing begins, in points."""

    def __init__(
        self, canvas: Any, content: Content, drawings: Drawings, width: float, height: float
    ) -> None:
        self._canvas, self._content, self._drawings = canvas, content, drawings
        self._width = width - 2 * _MARGIN
        self._y = height - _MARGIN

    def draw(self) -> None:
        self._header()
        self._pictures()
        self._numbers()
        self._plots()
        self._text()

    def _header(self) -> None:
        self._write(self._content.title, 0, 14, bold=True, drop=14)
        self._write(RESEARCH_USE, 0, 9, bold=True, colour=_RED, right=True)
        for line in (self._content.subtitle, self._content.person):
            self._y -= self._paragraph(escape(line), 8, _QUIET, self._width, self._y - 3) + 2
        self._y -= 6

    def _pictures(self) -> None:
        from reportlab.lib.utils import ImageReader

        for i, (title, row) in enumerate(self._drawings.rows):
            self._write(title, 0, 8, bold=True, drop=9)
            if i == 0:
                self._legend()
            tall = min(row.tall * self._width, 105)
            wide = tall / row.tall
            self._y -= tall + 3
            image = ImageReader(io.BytesIO(row.png))
            left = _MARGIN + (self._width - wide) / 2
            self._canvas.drawImage(image, left, self._y, wide, tall)
            self._y -= 4

    def _legend(self) -> None:
        right = _MARGIN + self._width
        for name, colour in reversed(self._drawings.legend):
            self._canvas.setFont("Helvetica", 7)
            self._canvas.setFillColor(_INK)
            self._canvas.drawRightString(right, self._y, name)
            right -= self._canvas.stringWidth(name, "Helvetica", 7) + 3
            self._canvas.setFillColor(colour)
            self._canvas.rect(right - 9, self._y + 1, 9, 3, stroke=0, fill=1)
            right -= 17

    def _numbers(self) -> None:
        from reportlab.graphics import renderPDF

        self._y -= 4
        top, curve = self._y, self._drawings.curve
        wide = self._width - (14 + CURVE_POINTS[0] if curve is not None else 0)
        if curve is not None:
            curve_x = _MARGIN + self._width - CURVE_POINTS[0]
            renderPDF.draw(curve, self._canvas, curve_x, self._y - CURVE_POINTS[1] - 2)
        rows = [list(self._content.headings), *map(list, self._content.rows)]
        self._y -= self._table(rows, wide, heading=True) + 5
        others = [[n.title, with_unit(n)] for n in self._content.others]
        bottom = self._y - self._table(others, wide, heading=False)
        self._y = (bottom if curve is None else min(bottom, top - CURVE_POINTS[1])) - 10

    def _table(self, rows: list[list[str]], wide: float, *, heading: bool) -> float:
        """Draw a table at the left and give its height."""
        from reportlab.lib.colors import HexColor
        from reportlab.platypus import Table, TableStyle

        n = len(rows[0])
        first = wide * (0.23 if n > 2 else 0.55)
        table = Table(
            rows, colWidths=[first, *[(wide - first) / (n - 1)] * (n - 1)], rowHeights=11.5
        )
        look: list[tuple[Any, ...]] = [
            ("FONT", (0, 0), (-1, -1), "Helvetica", 7.5),
            ("TEXTCOLOR", (0, 0), (-1, -1), HexColor(_INK)),
            ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 2),
            ("TOPPADDING", (0, 0), (-1, -1), 1),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, HexColor(_RULE)),
            ("FONT", (1, 0), (1, -1), "Helvetica-Bold", 7.5),
        ]
        if heading:
            look.append(("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 7.5))
            look.append(("FONT", (3, 1), (3, -1), "Helvetica-Bold", 7.5))
        table.setStyle(TableStyle(look))
        _, tall = table.wrapOn(self._canvas, wide, 400)
        table.drawOn(self._canvas, _MARGIN, self._y - tall)
        return float(tall)

    def _plots(self) -> None:
        from reportlab.graphics import renderPDF

        plots = self._drawings.plots
        if not plots:
            return
        gap = (self._width - len(plots) * PLOT_POINTS) / (len(plots) + 1)
        self._y -= PLOT_POINTS
        for i, plot in enumerate(plots):
            left = _MARGIN + gap + i * (PLOT_POINTS + gap)
            renderPDF.draw(plot, self._canvas, left, self._y)
        self._y -= 6

    def _text(self) -> None:
        """How it was made stands at the foot; findings fill what is left above it."""
        made = "<br/>".join(
            f"<b>{h}:</b> {escape(t)}" for h, t in self._content.provenance(_MOST_RECORDS)
        )
        made += "".join(f"<br/>{escape(source)}" for source in self._content.sources)
        made += f"<br/><b>{RESEARCH_USE}</b>"
        tall = self._measured(made, 7, self._width)
        foot = _MARGIN - 10 + tall
        self._paragraph(made, 7, _INK, self._width, foot)
        self._canvas.setStrokeColor(_RULE)
        self._canvas.setLineWidth(0.5)
        self._canvas.line(_MARGIN, foot + 3, _MARGIN + self._width, foot + 3)
        self._write("Findings", 0, 8, bold=True, drop=8)
        self._y -= 2
        self._findings(self._y - foot - 6)

    def _findings(self, room: float) -> None:
        lines = [f"\N{BULLET} {escape(f)}" for f in self._content.findings] or ["none"]
        shown = len(lines)
        text = "<br/>".join(lines)
        while shown and self._measured(text, 7, self._width) > room:
            shown -= 1
            rest = f"{len(lines) - shown} more in the HTML report."
            text = "<br/>".join([*lines[:shown], rest])
        self._paragraph(text, 7, _INK, self._width, self._y)

    def _write(
        self,
        text: str,
        x: float,
        size: float,
        *,
        bold: bool = False,
        colour: str = _INK,
        drop: float = 0,
        right: bool = False,
    ) -> None:
        self._y -= drop
        self._canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
        self._canvas.setFillColor(colour)
        if right:
            self._canvas.drawRightString(_MARGIN + self._width, self._y, text)
        else:
            self._canvas.drawString(_MARGIN + x, self._y, text)

    def _made(self, markup: str, size: float, colour: str) -> Any:
        from reportlab.lib.styles import ParagraphStyle
        from reportlab.platypus import Paragraph

        look = ParagraphStyle(
            "text", fontName="Helvetica", fontSize=size, leading=size * 1.22, textColor=colour
        )
        return Paragraph(markup, look)

    def _measured(self, markup: str, size: float, wide: float) -> float:
        return float(self._made(markup, size, _INK).wrapOn(self._canvas, wide, 10_000)[1])

    def _paragraph(self, markup: str, size: float, colour: str, wide: float, top: float) -> float:
        """Draw wrapped text below ``top`` and give its height."""
        text = self._made(markup, size, colour)
        tall = float(text.wrapOn(self._canvas, wide, 10_000)[1])
        text.drawOn(self._canvas, _MARGIN, top - tall)
        return tall
