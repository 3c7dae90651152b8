"""The volumes of the ventricles over the cardiac cycle as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_cmr.core import FloatArray, Measures, Segmentation, Structure, replacing
from napari_cmr.measure.volumes import relative_volumes
from napari_cmr.report import style

_DPI = 150


def volume_curve(segmentation: Segmentation, measures: Measures, path: str | Path) -> None:
    """Write a PNG: LV and RV volume against time, with ED and ES marked.

    Time is in ms after the R wave where it is known, else the phase's number from 0. Without
    spacing each ventricle's volume is drawn in percent of its own at ED. A phase that is not
    segmented is left out.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    figure = _draw(segmentation, measures)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=_DPI, facecolor=style.BACKGROUND)


def _draw(segmentation: Segmentation, measures: Measures) -> Any:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 4.8), facecolor=style.BACKGROUND, layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor(style.BACKGROUND)
    curves = {
        "LV": ventricle_curve(segmentation, measures, Structure.LV, measures.lv_volumes_ml),
        "RV": ventricle_curve(segmentation, measures, Structure.RV, measures.rv_volumes_ml),
    }
    x, x_label = abscissa(segmentation, measures)
    order = np.argsort(x, kind="stable")
    for (name, curve), colour, marker in zip(
        curves.items(), (style.ENDOCARDIUM, style.RV), "os", strict=True
    ):
        if np.isfinite(curve).any():
            axes.plot(x[order], curve[order], color=colour, marker=marker, ms=4, lw=1.6, label=name)
    known = (measures.lv_volumes_ml or measures.rv_volumes_ml) is not None
    axes.set_ylabel("volume (mL)" if known else "volume (% of its own at ED)")
    axes.set_xlabel(x_label)
    axes.set_ylim(bottom=0)
    if measures.phase_ms is None:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(_title(measures), color=style.TEXT, fontsize=11, loc="left")
    _dress(axes)
    _mark(axes, x, measures)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, labelcolor=style.TEXT)
    figure.supxlabel(style.RESEARCH_USE, color=style.TEXT, fontsize=8, x=0.01, ha="left")
    return figure


def ventricle_curve(
    segmentation: Segmentation,
    measures: Measures,
    structure: Structure,
    volumes_ml: tuple[float, ...] | None,
) -> FloatArray:
    """Millilitres where the spacing is known, else percent of the volume at ED; NaN if absent."""
    if volumes_ml is not None:
        return np.array(volumes_ml)
    relative = relative_volumes(segmentation, (structure,))
    relative = np.where(relative > 0, relative, np.nan)
    return np.asarray(100 * relative / relative[measures.ed_phase])


def abscissa(segmentation: Segmentation, measures: Measures) -> tuple[FloatArray, str]:
    """``(t,)`` times or phase numbers, and what they are."""
    if measures.phase_ms is not None:
        return np.array(measures.phase_ms), "time after the R wave (ms)"
    return np.arange(segmentation.labels.shape[0], dtype=np.float64), "phase, counted from 0"


def _mark(axes: Any, x: FloatArray, measures: Measures) -> None:
    top = axes.get_xaxis_transform()
    marks = {"ED": measures.ed_phase, "ES": measures.es_phase}
    if measures.ed_phase == measures.es_phase:
        del marks["ES"]
    for name, phase in marks.items():
        axes.axvline(x[phase], color=style.QUIET, lw=1, ls=":")
        axes.text(x[phase], 0.02, f" {name}", transform=top, color=style.TEXT, fontsize=10)


def _title(m: Measures) -> str:
    lv = f"LV EF {style.number(m.ef_percent, '%', 1)}"
    if m.edv_ml is not None:
        lv += f" ({style.number(m.edv_ml, 'mL', 1)} to {style.number(m.esv_ml, 'mL', 1)})"
    if m.rv_ef_percent is None:
        return lv
    rv = f"RV EF {style.number(m.rv_ef_percent, '%', 1)}"
    if m.rv_edv_ml is not None:
        rv += f" ({style.number(m.rv_edv_ml, 'mL', 1)} to {style.number(m.rv_esv_ml, 'mL', 1)})"
    return f"{lv}      {rv}"


def _dress(axes: Any) -> None:
    axes.tick_params(colors=style.TEXT)
    axes.xaxis.label.set_color(style.TEXT)
    axes.yaxis.label.set_color(style.TEXT)
    axes.grid(color="#333333", lw=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(style.QUIET)
