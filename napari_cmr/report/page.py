"""The drawings of a report, made once for paper and screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_cmr.report.bullseye import bulls_eye
from napari_cmr.report.contours import CONTOURS
from napari_cmr.report.curve_drawing import curve_drawing
from napari_cmr.report.frames import Row, frame_row, shown_slices
from napari_cmr.report.parts import Content

PLOT_POINTS = 168.0
CURVE_POINTS = (215.0, 150.0)


@dataclass(frozen=True, eq=False)
class Drawings:
    """Pictures and plots of one report.

    Parameters
    ----------
    rows
        A title and a row of pictures for each phase.
    legend
        Name and colour of the contours that can be seen.
    curve, plots
        reportlab ``Drawing`` objects; no curve where there is one phase.
    """

    rows: tuple[tuple[str, Row], ...]
    legend: tuple[tuple[str, str], ...]
    curve: Any | None
    plots: tuple[Any, ...]

    @classmethod
    def of(cls, content: Content) -> Drawings:
        """Draw everything."""
        pictures = content.pictures
        phases = [picture.phase for picture in pictures]
        slices = shown_slices(content.segmentation, phases[0])
        measures = content.curve_of
        return cls(
            tuple(
                (p.title, frame_row(content.stack, content.segmentation, p, slices, phases))
                for p in pictures
            ),
            _legend(content, slices),
            None
            if measures is None
            else curve_drawing(content.segmentation, measures, *CURVE_POINTS),
            tuple(bulls_eye(plot, PLOT_POINTS) for plot in content.bulls_eyes),
        )


def _legend(content: Content, slices: list[int]) -> tuple[tuple[str, str], ...]:
    """Names and colours of the lines that can be seen."""
    named: dict[str, str] = {}
    for picture in content.pictures:
        regions = {r.name: r.colour for r in picture.regions if r.mask[slices].any()}
        scar = any(name.startswith("scar") for name in regions)
        labels = content.segmentation.labels[picture.phase, slices]
        for contour in CONTOURS if picture.contours else ():
            if np.isin(labels, contour.needs).any() and not (scar and contour.name == "infarct"):
                named[contour.name] = contour.colour
        named |= regions
    return tuple(named.items())
