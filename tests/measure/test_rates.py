import numpy as np
import pytest

from napari_cmr import measure
from napari_cmr.measure.rates import lv_rates
from tests.measure.test_cardiac_function import lv_curve

RR = 900.0


def times(n):
    return np.arange(n) * RR / n


@pytest.mark.parametrize("n", [15, 20, 25, 40])
def test_a_sine_has_the_slope_that_its_derivative_says(n):
    # V = 100 + 40 cos(2 pi t / RR); |dV/dt| is at most 40 x 2 pi / 0.9 s = 279.25 mL/s
    volumes = 100 + 40 * np.cos(2 * np.pi * times(n) / RR)
    rates = measure.peak_rates(volumes, times(n), RR, 140.0)
    assert rates.ejection_ml_s == pytest.approx(279.25, rel=1e-3)
    assert rates.filling_ml_s == pytest.approx(279.25, rel=1e-3)
    assert rates.ejection_edv_s == pytest.approx(279.25 / 140, rel=1e-3)
    # fastest a quarter of a beat after the smallest volume
    assert rates.filling_ms_after_es == pytest.approx(225, abs=3)


def test_asymmetric_beats_are_told_apart_by_hand():
    # V = 100 + 30 cos a + 6 sin 2a, a = 2 pi t / RR; V' = (-30 sin a + 12 cos 2a) w. With
    # s = sin a: -30 s + 12 - 24 s^2, greatest where s = -0.625 (21.375), least at s = 1 (-42).
    a = 2 * np.pi * times(24) / RR
    rates = measure.peak_rates(100 + 30 * np.cos(a) + 6 * np.sin(2 * a), times(24), RR, 130.0)
    per_second = 2 * np.pi / 0.9
    assert rates.filling_ml_s == pytest.approx(21.375 * per_second, rel=1e-3)
    assert rates.ejection_ml_s == pytest.approx(42 * per_second, rel=1e-3)


def test_neither_the_first_phase_nor_uneven_times_matter():
    t = np.sort(times(30) + np.random.default_rng(1).uniform(-8, 8, 30))
    a = 2 * np.pi * t / RR
    volumes = 100 + 30 * np.cos(a) + 6 * np.sin(2 * a)
    one = measure.peak_rates(volumes, t, RR, 130.0)
    other = measure.peak_rates(np.roll(volumes, 11), np.roll(t, 11), RR, 130.0)
    assert one.ejection_ml_s == pytest.approx(other.ejection_ml_s)
    assert one.ejection_ml_s == pytest.approx(42 * 2 * np.pi / 0.9, rel=0.01)


def test_a_curve_that_does_not_cover_the_beat_has_no_rates():
    volumes = 100 + 40 * np.cos(2 * np.pi * times(25) / RR)
    assert measure.peak_rates(volumes, times(25) * 0.7, RR, 140.0) is None
    assert measure.peak_rates(volumes[:10], times(10), RR, 140.0) is None
    volumes[3] = np.nan
    assert measure.peak_rates(volumes, times(25), RR, 140.0) is None


def test_what_is_missing_for_rates_is_said():
    few = measure.function(lv_curve(200, 150, 100, rr_ms=900.0))
    rates, finding = lv_rates(few)
    assert rates is None
    assert "15 phases" in finding.message
