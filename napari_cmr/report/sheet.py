"""One picture of all slices at end diastole and end systole with their contours."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_cmr.core import (
    FloatArray,
    GeometryError,
    Measures,
    Segmentation,
    Stack,
    replacing,
)
from napari_cmr.report import style
from napari_cmr.report.contours import CONTOURS
from napari_cmr.report.layout import (
    base_to_apex,
    columns_for,
    grey_windows,
    heart_box,
    side_letters,
)

_PANEL_INCHES = 2.3
_GAP_INCHES = 0.03
# For a sheet of five panels side by side; wider ones are looked at smaller, so text grows.
_WIDTH_INCHES = 5 * _PANEL_INCHES
_HEADER_INCHES = 1.05
_BLOCK_INCHES = 0.3  # above the rows of each phase
_LINE_INCHES = 0.2
_FOOTER_CHARACTERS = 165
_DPI = 150
_LINE = 0.9


def contour_sheet(
    stack: Stack, segmentation: Segmentation, measures: Measures, path: str | Path
) -> None:
    """Write a PNG: every slice at ED, then at ES, from base to apex, with thin contours.

    All panels show the same part of the picture at the pixels' true aspect; a slice has the
    same grey values at ED and at ES. Phases and slices count from 0.

    Parameters
    ----------
    stack, segmentation
        Images and their labels, one shape.
    measures
        Of the segmentation; they say which phases are ED and ES.
    path
        The PNG file.

    Raises
    ------
    GeometryError
        If the shapes differ.
    InputError
        If the file cannot be written.
    """
    if stack.shape != segmentation.labels.shape:
        raise GeometryError("The contour sheet needs labels of the images' own shape.")
    figure = _draw(_Sheet.of(stack, segmentation, measures))
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=_DPI, facecolor=style.BACKGROUND)


@dataclass(frozen=True)
class _Sheet:
    stack: Stack
    segmentation: Segmentation
    measures: Measures
    phases: tuple[tuple[str, int], ...]
    slices: list[int]
    box: tuple[slice, slice]
    windows: FloatArray
    n_columns: int
    n_rows: int  # of one phase
    panel: tuple[float, float]  # height and width in inches

    @classmethod
    def of(cls, stack: Stack, segmentation: Segmentation, measures: Measures) -> _Sheet:
        ed, es = measures.ed_phase, measures.es_phase
        phases = (
            (("End diastole", ed),) if ed == es else (("End diastole", ed), ("End systole", es))
        )
        indices = [phase for _, phase in phases]
        box = heart_box(segmentation, indices)
        slices = base_to_apex(segmentation, ed)
        n_columns = columns_for(len(slices))
        row_mm, column_mm = stack.geometry.pixel_spacing
        tall = (box[0].stop - box[0].start) * row_mm / ((box[1].stop - box[1].start) * column_mm)
        return cls(
            stack,
            segmentation,
            measures,
            phases,
            slices,
            box,
            grey_windows(stack, box, indices),
            n_columns,
            math.ceil(len(slices) / n_columns),
            (_PANEL_INCHES * tall, _PANEL_INCHES),
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches; narrow stacks still leave room for the numbers."""
        footer = (len(self.footer) + 1) * _LINE_INCHES + 0.15
        text = (_HEADER_INCHES + len(self.phases) * _BLOCK_INCHES + footer) * self.zoom
        return self._width, text + len(self.phases) * self.n_rows * self.panel[0]

    @property
    def zoom(self) -> float:
        """How much larger than on the smallest sheet the text is."""
        return self._width / _WIDTH_INCHES

    @property
    def footer(self) -> list[str]:
        """How the numbers were made, in lines that fit."""
        m = self.measures
        made = self.segmentation.model or "given labels"
        method = f"Contours: {made}. ED and ES: {m.phases_set_by}. "
        method += f"{m.papillary_convention.capitalize()}. Phases and slices count from 0."
        return textwrap.wrap(" ".join((method, *m.notes)), _FOOTER_CHARACTERS)

    @property
    def _width(self) -> float:
        return max(self.n_columns * self.panel[1], _WIDTH_INCHES)


def _draw(sheet: _Sheet) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=sheet.size, facecolor=style.BACKGROUND)
    _write_header(figure, sheet)
    width, height = sheet.size
    top = height - _HEADER_INCHES * sheet.zoom
    for name, phase in sheet.phases:
        title = _BLOCK_INCHES * sheet.zoom
        _write(figure, sheet, _phase_title(sheet, name, phase), top - 0.62 * title, 11)
        top -= title
        for i, z in enumerate(sheet.slices):
            row, column = divmod(i, sheet.n_columns)
            tall, wide = sheet.panel
            place = (
                column * wide / width,
                (top - (row + 1) * tall + _GAP_INCHES) / height,
                (wide - _GAP_INCHES) / width,
                (tall - _GAP_INCHES) / height,
            )
            _draw_panel(figure.add_axes(place), sheet, phase, z, first=i == 0)
        top -= sheet.n_rows * sheet.panel[0]
    _write_footer(figure, sheet)
    return figure


def _write(
    figure: Any, sheet: _Sheet, text: str, up: float, size: float, colour: str = style.TEXT
) -> None:
    """Write a line at the left, ``up`` inches above the bottom."""
    width, height = sheet.size
    figure.text(
        0.08 / width, up / height, text, color=colour, fontsize=size * sheet.zoom, va="center"
    )


def _draw_panel(axes: Any, sheet: _Sheet, phase: int, z: int, *, first: bool) -> None:
    rows, columns = sheet.box
    row_mm, column_mm = sheet.stack.geometry.pixel_spacing
    axes.set_axis_off()
    axes.imshow(
        sheet.stack.pixels[phase, z],
        cmap="gray",
        vmin=sheet.windows[z, 0],
        vmax=sheet.windows[z, 1],
        interpolation="bicubic",
        aspect=row_mm / column_mm,
    )
    labels = sheet.segmentation.labels[phase, z]
    for contour in CONTOURS:
        for line in contour.lines(labels):
            axes.plot(line[:, 1], line[:, 0], color=contour.colour, linewidth=_LINE)
    axes.set_xlim(columns.start - 0.5, columns.stop - 0.5)
    axes.set_ylim(rows.stop - 0.5, rows.start - 0.5)
    _write_in(axes, sheet, (0.03, 0.03), _slice_title(sheet, z), va="bottom", ha="left")
    letters = side_letters(sheet.stack.geometry, z) if first else None
    if letters:
        _write_in(axes, sheet, (0.03, 0.5), letters[0], va="center", ha="left")
        _write_in(axes, sheet, (0.5, 0.97), letters[1], va="top", ha="center")


def _write_in(axes: Any, sheet: _Sheet, at: tuple[float, float], text: str, **how: str) -> None:
    from matplotlib.patheffects import withStroke

    axes.text(
        *at,
        text,
        transform=axes.transAxes,
        color=style.TEXT,
        fontsize=8.5 * sheet.zoom,
        path_effects=[withStroke(linewidth=1.5, foreground="black")],
        **how,
    )


def _slice_title(sheet: _Sheet, z: int) -> str:
    if not sheet.stack.geometry.spacing_known:
        return f"slice {z}"
    along = sheet.stack.geometry.positions
    return f"slice {z}, {abs(along[z] - along[sheet.slices[0]]):.1f} mm"


def _phase_title(sheet: _Sheet, name: str, phase: int) -> str:
    times = sheet.measures.phase_ms
    at = f", {times[phase]:.0f} ms" if times is not None else ""
    return f"{name}: phase {phase}{at}"


def _write_header(figure: Any, sheet: _Sheet) -> None:
    from matplotlib.lines import Line2D

    m = sheet.measures
    t, z, _, _ = sheet.stack.shape
    title = f"{sheet.stack.subject or sheet.stack.stack_id}   {sheet.stack.view} "
    title += f"{sheet.stack.sequence}, {t} phases x {z} slices, base to apex"
    lv = (
        f"LV   EDV {style.number(m.edv_ml, 'mL', 1)}   ESV {style.number(m.esv_ml, 'mL', 1)}   "
        f"SV {style.number(m.sv_ml, 'mL', 1)}   EF {style.number(m.ef_percent, '%', 1)}   "
        f"mass {style.number(m.mass_g, 'g', 1)}"
    )
    rv = (
        f"RV   EDV {style.number(m.rv_edv_ml, 'mL', 1)}   "
        f"ESV {style.number(m.rv_esv_ml, 'mL', 1)}   "
        f"SV {style.number(m.rv_sv_ml, 'mL', 1)}   EF {style.number(m.rv_ef_percent, '%', 1)}"
    )
    top = sheet.size[1]
    _write(figure, sheet, title, top - 0.22 * sheet.zoom, 10, style.QUIET)
    _write(figure, sheet, lv, top - 0.55 * sheet.zoom, 14)
    _write(figure, sheet, rv, top - 0.86 * sheet.zoom, 12)
    handles = [
        Line2D([], [], color=contour.colour, label=contour.name)
        for contour in CONTOURS
        if np.isin(sheet.segmentation.labels, contour.needs).any()
    ]
    figure.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(1, 1),
        frameon=False,
        labelcolor=style.TEXT,
        fontsize=10 * sheet.zoom,
    )


def _write_footer(figure: Any, sheet: _Sheet) -> None:
    lines = sheet.footer
    for i, line in enumerate(lines):
        up = 0.17 + (len(lines) - i) * _LINE_INCHES
        _write(figure, sheet, line, up * sheet.zoom, 9, style.QUIET)
    _write(figure, sheet, style.RESEARCH_USE, 0.15 * sheet.zoom, 9)
