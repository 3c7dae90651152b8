"""The drawings of a report, made once for paper and screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_cmr.report.bullseye import bulls_eye
from napari_cmr.report.content import ReportContent
from napari_cmr.report.contours import CONTOURS
from napari_cmr.report.curve_drawing import curve_drawing
from napari_cmr.report.frames import Row, frame_row, shown_slices

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
        reportlab ``Drawing`` objects.
    """

    rows: tuple[tuple[str, Row], ...]
    legend: tuple[tuple[str, str], ...]
    curve: Any
    plots: tuple[Any, ...]

    @classmethod
    def of(cls, content: ReportContent) -> Drawings:
        """Draw everything."""
        labels = content.segmentation.labels
        phases = [phase for _, phase in content.phases]
        slices = shown_slices(content.segmentation, phases[0])
        return cls(
            tuple(
                (title, frame_row(content.stack, content.segmentation, phase, slices, phases))
                for title, phase in content.phases
            ),
            tuple((c.name, c.colour) for c in CONTOURS if np.isin(labels, c.needs).any()),
            curve_drawing(content.segmentation, content.measures, *CURVE_POINTS),
            tuple(bulls_eye(plot, PLOT_POINTS) for plot in content.bulls_eyes),
        )
