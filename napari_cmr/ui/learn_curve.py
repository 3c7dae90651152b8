"""Where a curve over the steps of a training is drawn; the plot is built with its first point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari_cmr.ui.step_plot import StepPlot


class StepCurve(QWidget):
    """Values against steps, with the name of what is drawn.

    Parameters
    ----------
    name
        What the values are, above the curve.
    colour
        Of the line.
    dots
        Whether single values are marked, as where there are few.
    """

    def __init__(
        self, name: str, colour: str, *, dots: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._name, self._colour, self._dots = name, colour, dots
        self._plot: StepPlot | None = None
        QVBoxLayout(self).setContentsMargins(0, 0, 0, 0)

    @property
    def values(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """What is drawn: steps and values."""
        return ((), ()) if self._plot is None else self._plot.values

    def show_points(self, points: Sequence[tuple[int, float]]) -> None:
        """Draw (step, value)."""
        if self._plot is None and points:
            from napari_cmr.ui.step_plot import StepPlot

            self._plot = StepPlot(self._name, self._colour, dots=self._dots)
            self.layout().addWidget(self._plot)
        if self._plot is not None:
            self._plot.show_points(points)
