"""Where volumes over the cardiac cycle are drawn; the plot is built with the first of them.

pyqtgraph takes a good part of the time in which a dock should be open, and none is needed before
there are volumes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cmr.core import Measures

if TYPE_CHECKING:
    from napari_cmr.ui.volume_plot import VolumePlot


class VolumeCurve(QWidget):
    """LV and RV volume over the cycle; a click or a drag of the line emits the nearest phase."""

    phase_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._built: VolumePlot | None = None
        self._phase = 0
        QVBoxLayout(self).setContentsMargins(0, 0, 0, 0)

    @property
    def plot(self) -> VolumePlot:
        """The plot itself, built when first asked for."""
        if self._built is None:
            from napari_cmr.ui.volume_plot import VolumePlot

            self._built = VolumePlot()
            self._built.phase_wanted.connect(self.phase_wanted)
            self.layout().addWidget(self._built)
        return self._built

    def show_measures(self, measures: Measures) -> None:
        """Draw the volumes that there are."""
        self.plot.show_measures(measures)
        self.plot.show_phase(self._phase)

    def show_phase(self, phase: int) -> None:
        """Move the line to a phase."""
        self._phase = phase
        if self._built is not None:
            self._built.show_phase(phase)
