"""One curve over the steps of a training, drawn with pyqtgraph."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QSizePolicy

HEIGHT = 110


class StepPlot(pg.PlotWidget):
    """The plot of a `napari_cmr.ui.learn_curve.StepCurve`, which takes the same."""

    def __init__(self, name: str, colour: str, *, dots: bool) -> None:
        super().__init__(background=None)
        self.setFixedHeight(HEIGHT)
        # As wide as the dock is, which it must not widen.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(x=False, y=False)
        item.setTitle(name, size="9pt")
        symbol = {"symbol": "o", "symbolSize": 6, "symbolBrush": colour, "symbolPen": None}
        self._curve = item.plot(pen=pg.mkPen(colour, width=2), **(symbol if dots else {}))
        self._recolour()

    @property
    def values(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """What is drawn: steps and values."""
        steps, values = self._curve.getData()
        return (
            tuple(float(s) for s in ([] if steps is None else steps)),
            tuple(float(v) for v in ([] if values is None else values)),
        )

    def show_points(self, points: Sequence[tuple[int, float]]) -> None:
        """Draw (step, value)."""
        self._curve.setData([p[0] for p in points], [p[1] for p in points])

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow napari's theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_curve"):
            self._recolour()

    def _recolour(self) -> None:
        item = self.getPlotItem()
        colour = self.palette().color(self.foregroundRole())
        for side in ("left", "bottom"):
            axis = item.getAxis(side)
            axis.setPen(colour)
            axis.setTextPen(colour)
        item.titleLabel.setText(item.titleLabel.text, color=colour)
