"""Which borders pictures show, and how they look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cmr.core import FloatArray, LabelArray, Structure
from napari_cmr.core.palette import COLOURS
from napari_cmr.measure import WALL
from napari_cmr.report import style
from napari_cmr.report.layout import outline

_SCAR = (Structure.INFARCT, Structure.MVO)


@dataclass(frozen=True)
class Contour:
    """The border of some structures together, drawn in frames that hold one of ``needs``."""

    name: str
    colour: str
    structures: tuple[Structure, ...]
    needs: tuple[Structure, ...]

    def lines(self, labels: LabelArray) -> list[FloatArray]:
        """Border lines in one frame of labels."""
        if not np.isin(labels, self.needs).any():
            return []
        return outline(np.isin(labels, self.structures))


# Without a wall, as where only the cavity was labelled, there is no epicardium to show.
CONTOURS = (
    Contour("LV epicardium", style.EPICARDIUM, (Structure.LV, *WALL), WALL),
    Contour("LV endocardium", style.ENDOCARDIUM, (Structure.LV,), (Structure.LV,)),
    Contour("RV endocardium", style.RV, (Structure.RV,), (Structure.RV,)),
    Contour("infarct", COLOURS[Structure.INFARCT], _SCAR, _SCAR),
)
