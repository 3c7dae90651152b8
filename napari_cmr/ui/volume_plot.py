"""Volumes over the cardiac cycle, drawn with pyqtgraph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cmr.core import FloatArray, Measures, Structure
from napari_cmr.core.palette import COLOURS

_LINE = "#ffe08a"


class VolumePlot(pg.PlotWidget):
    """LV and RV volume against time, or against the phase where times are unknown.

    A click or a drag of the line emits the phase nearest to it.
    """

    phase_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None)
        self.setMinimumHeight(170)
        self.setMaximumHeight(240)
        # As wide as the dock is, which it must not widen.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(x=False, y=False)
        item.setLabel("left", "mL")
        item.addLegend(offset=(-4, 4), colCount=2)
        self._curves = {
            Structure.LV: self._add_curve(Structure.LV, "LV"),
            Structure.RV: self._add_curve(Structure.RV, "RV"),
        }
        self._marks = {name: self._add_mark(name) for name in ("ED", "ES")}
        self.line = pg.InfiniteLine(angle=90, movable=True, pen=pg.mkPen(_LINE, width=2))
        self.line.setHoverPen(pg.mkPen(_LINE, width=4))
        self.line.sigPositionChanged.connect(self._line_dragged)
        item.addItem(self.line, ignoreBounds=True)
        item.scene().sigMouseClicked.connect(self._clicked)
        self._times: FloatArray = np.zeros(0)
        self._phase = 0
        self._recolour()

    def show_measures(self, measures: Measures) -> None:
        """Draw the volumes that there are."""
        self._times, unit = _time_axis(measures)
        self.getPlotItem().setLabel("bottom", unit)
        volumes = {
            Structure.LV: measures.lv_volumes_ml,
            Structure.RV: measures.rv_volumes_ml,
        }
        for structure, curve in self._curves.items():
            values = volumes[structure]
            known = values is not None
            curve.setData(self._times if known else [], values if known else [])
        for name, phase in (("ED", measures.ed_phase), ("ES", measures.es_phase)):
            twice = name == "ES" and phase == measures.ed_phase  # two names would overprint
            self._marks[name].setVisible(phase < len(self._times) and not twice)
            if phase < len(self._times):
                self._marks[name].setValue(self._times[phase])
        highest = max((max(np.nan_to_num(v)) for v in volumes.values() if v), default=1.0)
        self.getPlotItem().setYRange(0, 1.25 * highest, padding=0.02)  # room for the legend
        self.show_phase(self._phase)

    def show_phase(self, phase: int) -> None:
        """Move the line to a phase."""
        self._phase = phase
        if phase < len(self._times):
            self.line.blockSignals(True)
            self.line.setValue(self._times[phase])
            self.line.blockSignals(False)

    def point_of(self, phase: int) -> tuple[float, float]:
        """Where a phase lies along the time axis, and the middle of the volume axis."""
        low, high = self.getPlotItem().viewRange()[1]
        return float(self._times[phase]), (low + high) / 2

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow napari's theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_marks"):
            self._recolour()

    def _add_curve(self, structure: Structure, name: str) -> Any:
        colour = COLOURS[structure]
        return self.getPlotItem().plot(
            pen=pg.mkPen(colour, width=2),
            symbol="o" if structure is Structure.LV else "t",
            symbolSize=5,
            symbolBrush=colour,
            symbolPen=None,
            name=name,
        )

    def _add_mark(self, name: str) -> Any:
        mark = pg.InfiniteLine(
            angle=90,
            pen=pg.mkPen("#999999", style=Qt.PenStyle.DashLine),
            label=name,
            labelOpts={"position": 0.06, "color": "#bbbbbb"},
        )
        mark.hide()
        self.getPlotItem().addItem(mark, ignoreBounds=True)
        return mark

    def _recolour(self) -> None:
        colour = self.palette().color(self.foregroundRole())
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(colour)
            axis.setTextPen(colour)

    def _line_dragged(self) -> None:
        self._want(self.line.value())

    def _clicked(self, event: Any) -> None:
        box = self.getPlotItem().vb
        if event.button() == Qt.MouseButton.LeftButton and box.sceneBoundingRect().contains(
            event.scenePos()
        ):
            self._want(box.mapSceneToView(event.scenePos()).x())

    def _want(self, time: float) -> None:
        if len(self._times):
            self.phase_wanted.emit(int(np.argmin(np.abs(self._times - time))))


def _time_axis(measures: Measures) -> tuple[FloatArray, str]:
    times = measures.phase_ms
    if times is not None and np.all(np.diff(times) > 0):
        return np.asarray(times), "ms after the R wave"
    known = measures.lv_volumes_ml or measures.rv_volumes_ml or ()
    return np.arange(len(known), dtype=np.float64), "phase"
