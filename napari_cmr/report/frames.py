"""A row of slices of one phase with contours, as a picture for the page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_cmr.core import FloatArray, Segmentation, Stack, Structure
from napari_cmr.report import style
from napari_cmr.report.contours import CONTOURS
from napari_cmr.report.layout import base_to_apex, grey_windows, heart_box, outline, side_letters
from napari_cmr.report.parts import Picture

N_PANELS = 6
_PANEL_INCHES = 1.25
_DPI = 220


@dataclass(frozen=True)
class Row:
    """A PNG of some slices side by side.

    Parameters
    ----------
    png
        The file's bytes.
    slices
        Zero-based slices from left to right, base to apex.
    tall
        Height over width of the whole row.
    """

    png: bytes
    slices: tuple[int, ...]
    tall: float


def shown_slices(segmentation: Segmentation, phase: int) -> list[int]:
    """At most six slices from base to apex, evenly taken from those that show the LV."""
    order = base_to_apex(segmentation, phase)
    heart = [z for z in order if (segmentation.labels[phase, z] == Structure.LV).any()] or order
    picks = np.linspace(0, len(heart) - 1, min(N_PANELS, len(heart)))
    return [heart[i] for i in dict.fromkeys(np.round(picks).astype(int).tolist())]


def frame_row(
    stack: Stack,
    segmentation: Segmentation,
    picture: Picture,
    slices: list[int],
    phases: list[int],
) -> Row:
    """Draw one phase.

    Parameters
    ----------
    picture
        The phase, and what is drawn on it.
    slices
        Zero-based, from left to right.
    phases
        All phases that the page shows: part of the picture and grey values are theirs together.
    """
    from matplotlib.figure import Figure

    n, phase = len(slices), picture.phase
    box = heart_box(segmentation, phases)
    windows = grey_windows(stack, box, phases)
    row_mm, column_mm = stack.geometry.pixel_spacing
    tall = (box[0].stop - box[0].start) * row_mm / ((box[1].stop - box[1].start) * column_mm)
    figure = Figure(figsize=(_PANEL_INCHES * n, _PANEL_INCHES * tall), facecolor=style.BACKGROUND)
    for i, z in enumerate(slices):
        axes = figure.add_axes((i / n + 0.001, 0, 1 / n - 0.002, 1))
        axes.set_axis_off()
        axes.imshow(
            stack.pixels[phase, z],
            cmap="gray",
            vmin=windows[z, 0],
            vmax=windows[z, 1],
            interpolation="bicubic",
            aspect=row_mm / column_mm,
        )
        for colour, line in _lines(segmentation, picture, z):
            axes.plot(line[:, 1], line[:, 0], color=colour, linewidth=0.8)
        axes.set_xlim(box[1].start - 0.5, box[1].stop - 0.5)
        axes.set_ylim(box[0].stop - 0.5, box[0].start - 0.5)
        letters = side_letters(stack.geometry, z) if i == 0 else None
        _write(axes, (0.04, 0.04), f"{z}", "left", "bottom")
        if letters is not None:
            _write(axes, (0.03, 0.5), letters[0], "left", "center")
            _write(axes, (0.5, 0.97), letters[1], "center", "top")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor=style.BACKGROUND)
    return Row(buffer.getvalue(), tuple(slices), tall / n)


def _lines(
    segmentation: Segmentation, picture: Picture, z: int
) -> Iterator[tuple[str, FloatArray]]:
    """Colour and border lines of what is drawn on a slice; regions last, so on top."""
    named = {region.name.split(",")[0] for region in picture.regions}
    for contour in CONTOURS if picture.contours else ():
        if contour.name == "infarct" and "scar" in named:
            continue  # the region is the same scar, or another method's that it would hide
        for line in contour.lines(segmentation.labels[picture.phase, z]):
            yield contour.colour, line
    for region in picture.regions:
        for line in outline(region.mask[z]):
            yield region.colour, line


def _write(axes: Any, at: tuple[float, float], text: str, ha: str, va: str) -> None:
    from matplotlib.patheffects import withStroke

    axes.text(
        *at,
        text,
        transform=axes.transAxes,
        color=style.TEXT,
        fontsize=6.5,
        ha=ha,
        va=va,
        path_effects=[withStroke(linewidth=1.2, foreground="black")],
    )
