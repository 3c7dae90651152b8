"""Peak ejection and filling rates from the volume-time curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cmr.core import Finding, FloatArray, Measures

FEWEST_PHASES = 15
_MOST_HARMONICS = 6
_COVERED = 0.85  # of the cycle; a prospectively gated cine stops before its end
_SAMPLES = 720


@dataclass(frozen=True)
class Rates:
    """Peak rates of one ventricle; rates are positive.

    Parameters
    ----------
    ejection_ml_s, filling_ml_s
        Steepest fall from ED to ES and steepest rise from ES to ED, mL a second.
    ejection_edv_s, filling_edv_s
        The same in end-diastolic volumes a second.
    filling_ms_after_es
        When filling is fastest, after the smallest volume of the smooth curve.
    harmonics
        How many harmonics of the heart beat the smooth curve has.
    """

    ejection_ml_s: float
    filling_ml_s: float
    ejection_edv_s: float
    filling_edv_s: float
    filling_ms_after_es: float
    harmonics: int

    @property
    def method(self) -> str:
        """How it was measured, for a reader."""
        return f"derivative of a periodic Fourier fit with {self.harmonics} harmonics"


def peak_rates(
    volumes_ml: FloatArray, phase_ms: FloatArray, rr_ms: float, edv_ml: float
) -> Rates | None:
    """Peak rates of a ventricle whose volume is known in all phases.

    The curve is periodic with the heart beat, so it is fitted by least squares with a constant
    and the first harmonics, one for every three phases and at most six (after Bacharach SL et
    al., J Nucl Med 1983;24:1176), and derived in closed form. More harmonics would follow the
    noise, fewer blunt the peaks.

    Parameters
    ----------
    volumes_ml, phase_ms
        ``(t,)`` volumes and their times.
    rr_ms
        Length of the heart beat.
    edv_ml
        End-diastolic volume for the normalised rates.

    Returns
    -------
    None if there are fewer than 15 phases, a gap, or less than 85 % of the beat is covered.
    """
    n = len(volumes_ml)
    if n < FEWEST_PHASES or not np.isfinite(volumes_ml).all() or rr_ms <= 0 or edv_ml <= 0:
        return None
    order = np.argsort(phase_ms)
    times, volumes = phase_ms[order], volumes_ml[order]
    if np.ptp(times) * n / (n - 1) < _COVERED * rr_ms:
        return None
    harmonics = min(_MOST_HARMONICS, n // 3)
    coefficients = np.linalg.lstsq(_basis(times / rr_ms, harmonics), volumes, rcond=None)[0]
    cycle = np.arange(_SAMPLES) / _SAMPLES
    smooth = _basis(cycle, harmonics) @ coefficients
    slope = _slope(cycle, harmonics) @ coefficients / rr_ms * 1000
    lowest = int(smooth.argmin())
    from_es = np.roll(smooth, -lowest)
    slope = np.roll(slope, -lowest)
    highest = int(from_es.argmax())
    filling = int(slope[: highest + 1].argmax())
    ejection = float(-slope[highest:].min())
    return Rates(
        ejection,
        float(slope[filling]),
        ejection / edv_ml,
        float(slope[filling]) / edv_ml,
        filling / _SAMPLES * rr_ms,
        harmonics,
    )


def lv_rates(measures: Measures) -> tuple[Rates | None, Finding | None]:
    """Peak rates of the LV, or what is missing for them."""
    missing = _missing(measures)
    if missing is None:
        rates = peak_rates(
            np.array(measures.lv_volumes_ml),
            np.array(measures.phase_ms),
            60_000 / (measures.heart_rate_bpm or np.inf),
            measures.edv_ml or 0.0,
        )
        if rates is not None:
            return rates, None
        missing = "The phases do not cover the heart beat."
    return None, Finding("no-rates", missing, "Filling and ejection rates are left out.")


def _missing(measures: Measures) -> str | None:
    volumes = measures.lv_volumes_ml
    if volumes is None or measures.edv_ml is None:
        return "Volumes in millilitres are unknown."
    if len(volumes) < FEWEST_PHASES or not np.isfinite(volumes).all():
        return f"Fewer than {FEWEST_PHASES} phases are segmented, or there are gaps."
    if measures.phase_ms is None or measures.heart_rate_bpm is None:
        return "The phases' times or the heart rate are unknown."
    return None


def _basis(cycle: FloatArray, harmonics: int) -> FloatArray:
    turns = 2 * np.pi * cycle[:, None] * np.arange(1, harmonics + 1)
    return np.concatenate([np.ones((len(cycle), 1)), np.cos(turns), np.sin(turns)], axis=1)


def _slope(cycle: FloatArray, harmonics: int) -> FloatArray:
    """Derivative of `_basis` by the fraction of the cycle."""
    k = 2 * np.pi * np.arange(1, harmonics + 1)
    turns = cycle[:, None] * k
    return np.concatenate([np.zeros((len(cycle), 1)), -k * np.sin(turns), k * np.cos(turns)], 1)
