"""Function of the ventricles from a labelled short-axis cine."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_cmr.core import (
    FloatArray,
    InputError,
    Measures,
    Segmentation,
    SpacingUnknownError,
    Structure,
)
from napari_cmr.measure.jumps import jump_notes
from napari_cmr.measure.volumes import WALL, millilitres_per_unit, relative_volumes

MYOCARDIAL_DENSITY_G_PER_ML = 1.05
"""Schulz-Menger et al., J Cardiovasc Magn Reson 2020;22:19 (SCMR post-processing)."""
ONE_PHASE = "Only one phase is segmented: its volume stands as EDV, and there is no EF."
"""A note that late enhancement, which has one phase, need not bear."""
NOTHING = "Neither ventricle is segmented: ED and ES are unknown."
STROKE_VOLUMES_DIFFER = 0.2
"""Share of their mean by which LV and RV stroke volume may differ; a choice of this project."""


def function(
    segmentation: Segmentation,
    *,
    ed: int | None = None,
    es: int | None = None,
    heart_rate_bpm: float | None = None,
) -> Measures:
    """Volumes, ejection fraction, mass and cardiac output.

    A phase in which a structure has no pixel counts as not segmented there, not as a volume of
    zero: labels often exist at end diastole and end systole only. Right-ventricular numbers
    are at the left ventricle's phases. EF = (EDV - ESV) / EDV needs no millimetres.

    Parameters
    ----------
    segmentation
        Labels of a short-axis cine, ``(t, z, y, x)``.
    ed, es
        Zero-based phases that a reader set; otherwise those of the largest and the smallest
        LV cavity (of the RV where there is no LV).
    heart_rate_bpm
        Beats a minute; otherwise from the segmentation's ``rr_ms``.

    Raises
    ------
    InputError
        If a phase does not exist, the heart rate is not a positive number, or all slices lie
        at one place.
    """
    curves = _Curves.of(segmentation)
    phases = _choose_phases(curves, ed, es)
    rate = _heart_rate(segmentation, heart_rate_bpm)
    notes = [*phases.notes, *jump_notes(curves.lv, phases.ed, phases.es)]
    if curves.scale is None:
        notes.append("The spacing is unknown: volumes, mass and cardiac output are left out.")
    lv = _Ventricle.of(curves.lv, curves.scale, phases)
    rv = _Ventricle.of(curves.rv, curves.scale, phases)
    if lv.sv_ml is not None and lv.sv_ml < 0:
        notes.append("The LV is larger at the chosen end systole than at end diastole.")
    notes += _stroke_volume_notes(lv.sv_ml, rv.sv_ml)
    wall_ml = _millilitres(curves.wall, curves.scale, phases.ed)
    return Measures(
        ed_phase=phases.ed,
        es_phase=phases.es,
        phases_set_by=phases.set_by,
        edv_ml=lv.edv_ml,
        esv_ml=lv.esv_ml,
        sv_ml=lv.sv_ml,
        ef_percent=lv.ef_percent,
        mass_g=None if wall_ml is None else wall_ml * MYOCARDIAL_DENSITY_G_PER_ML,
        rv_edv_ml=rv.edv_ml,
        rv_esv_ml=rv.esv_ml,
        rv_sv_ml=rv.sv_ml,
        rv_ef_percent=rv.ef_percent,
        heart_rate_bpm=rate,
        cardiac_output_l_min=None if lv.sv_ml is None or rate is None else lv.sv_ml * rate / 1000,
        lv_volumes_ml=_curve_ml(curves.lv, curves.scale),
        rv_volumes_ml=_curve_ml(curves.rv, curves.scale),
        myo_volumes_ml=_curve_ml(curves.wall, curves.scale),
        phase_ms=_phase_ms(segmentation),
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Curves:
    """Volumes over the phases in arbitrary units, NaN where a structure is not segmented.

    ``scale`` is the millilitres of one unit, None where the spacing is unknown.
    """

    lv: FloatArray
    rv: FloatArray
    wall: FloatArray
    scale: float | None

    @classmethod
    def of(cls, segmentation: Segmentation) -> _Curves:
        lv, rv, wall = (
            _nan_where_absent(relative_volumes(segmentation, structures))
            for structures in ((Structure.LV,), (Structure.RV,), WALL)
        )
        try:
            scale = millilitres_per_unit(segmentation.geometry)
        except SpacingUnknownError:
            return cls(lv, rv, wall, None)
        return cls(lv, rv, wall, scale)


def _nan_where_absent(volumes: FloatArray) -> FloatArray:
    return np.where(volumes > 0, volumes, np.nan)


@dataclass(frozen=True)
class _Phases:
    ed: int
    es: int
    set_by: str
    notes: tuple[str, ...] = ()


def _choose_phases(curves: _Curves, ed: int | None, es: int | None) -> _Phases:
    n = len(curves.lv)
    for name, phase in (("end-diastolic", ed), ("end-systolic", es)):
        if phase is not None and not 0 <= phase < n:
            raise InputError(
                f"There is no phase {phase} to be the {name} one; give a number from 0 to {n - 1}."
            )
    notes: list[str] = []
    curve = curves.lv
    if np.isnan(curve).all() and not np.isnan(curves.rv).all():
        curve = curves.rv
        notes.append("No LV cavity is segmented: ED and ES are those of the RV.")
    present = np.flatnonzero(np.isfinite(curve))
    if 1 < len(present) < n:
        notes.append(f"{n - len(present)} of {n} phases are not segmented and were left out.")
    if ed is not None and es is not None:
        return _Phases(ed, es, "reader", (*notes, *_reader_notes(curve, ed, es)))
    if len(present) == 0:
        notes.append(NOTHING)
        return _Phases(ed or es or 0, es or ed or 0, "nothing segmented", tuple(notes))
    found_ed = int(np.nanargmax(curve)) if ed is None else ed
    found_es = int(np.nanargmin(curve)) if es is None else es
    if ed is not None or es is not None:
        return _Phases(
            found_ed, found_es, "reader", (*notes, *_reader_notes(curve, found_ed, found_es))
        )
    if len(present) == 1:
        notes.append(ONE_PHASE)
        return _Phases(found_ed, found_ed, "only phase", tuple(notes))
    notes += _tie_notes(curve, found_ed, found_es)
    return _Phases(found_ed, found_es, "volume curve", tuple(notes))


def _tie_notes(curve: FloatArray, ed: int, es: int) -> list[str]:
    if curve[ed] == curve[es]:
        return ["The volume is the same in all phases: ED and ES cannot be told apart."]
    notes = []
    for phase, word, name in ((ed, "largest", "ED"), (es, "smallest", "ES")):
        tied = np.flatnonzero(curve == curve[phase])
        if len(tied) > 1:
            listed = ", ".join(str(p) for p in tied)
            notes.append(f"Phases {listed} share the {word} volume: {name} is the first of them.")
    return notes


def _stroke_volume_notes(lv_ml: float | None, rv_ml: float | None) -> list[str]:
    """The ventricles lie in one circuit, so without leak or shunt their stroke volumes agree."""
    if lv_ml is None or rv_ml is None or lv_ml + rv_ml <= 0:
        return []
    share = abs(lv_ml - rv_ml) / ((lv_ml + rv_ml) / 2)
    if share <= STROKE_VOLUMES_DIFFER:
        return []
    return [
        f"LV stroke volume is {lv_ml:.0f} mL and RV {rv_ml:.0f} mL, {100 * share:.0f} % apart. "
        "Without regurgitation or shunt they agree: check the contours at the base."
    ]


def _reader_notes(curve: FloatArray, ed: int, es: int) -> list[str]:
    notes = [
        f"Phase {phase}, set as {name}, is not segmented."
        for phase, name in ((ed, "ED"), (es, "ES"))
        if np.isnan(curve[phase])
    ]
    if ed == es:
        notes.append("ED and ES are set to the same phase: there is no EF.")
    return notes


@dataclass(frozen=True)
class _Ventricle:
    edv_ml: float | None
    esv_ml: float | None
    sv_ml: float | None
    ef_percent: float | None

    @classmethod
    def of(cls, curve: FloatArray, scale: float | None, phases: _Phases) -> _Ventricle:
        edv = _millilitres(curve, scale, phases.ed)
        if phases.ed == phases.es and phases.set_by != "volume curve":
            return cls(edv, None, None, None)
        esv = _millilitres(curve, scale, phases.es)
        ef = float(100 * (1 - curve[phases.es] / curve[phases.ed]))
        return cls(
            edv,
            esv,
            None if edv is None or esv is None else edv - esv,
            ef if math.isfinite(ef) else None,
        )


def _millilitres(curve: FloatArray, scale: float | None, phase: int) -> float | None:
    if scale is None or np.isnan(curve[phase]):
        return None
    return float(curve[phase] * scale)


def _curve_ml(curve: FloatArray, scale: float | None) -> tuple[float, ...] | None:
    if scale is None or np.isnan(curve).all():
        return None
    return tuple(float(v) for v in curve * scale)


def _phase_ms(segmentation: Segmentation) -> tuple[float, ...] | None:
    if segmentation.times_ms is None:
        return None
    middle = segmentation.times_ms.shape[1] // 2
    return tuple(float(v) for v in segmentation.times_ms[:, middle])


def _heart_rate(segmentation: Segmentation, given: float | None) -> float | None:
    if given is not None:
        if not (math.isfinite(given) and given > 0):
            raise InputError("The heart rate must be a positive number of beats a minute.")
        return float(given)
    return 60_000 / segmentation.rr_ms if segmentation.rr_ms else None
