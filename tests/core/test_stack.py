from dataclasses import replace

import numpy as np
import pytest

from napari_cmr.core import Geometry, InputError, Stack


def stack(**more):
    return Stack(np.zeros((4, 2, 3, 3)), Geometry.regular(2, (8, 1.5, 1.5)), **more)


def test_phases_without_times_lie_evenly_in_the_cycle_of_a_heart_rate_that_is_given():
    at_75 = stack().at_heart_rate(75)
    assert at_75.rr_ms == 800
    assert at_75.times_ms.tolist() == [[0, 0], [200, 200], [400, 400], [600, 600]]
    assert [f.code for f in at_75.findings] == ["times-by-heart-rate"]


def test_times_of_the_source_stay_and_one_phase_gets_none():
    times = np.arange(8.0).reshape(4, 2) * 100
    at_60 = stack(times_ms=times).at_heart_rate(60)
    assert (at_60.rr_ms, at_60.times_ms is times, at_60.findings) == (1000, True, ())
    one = replace(stack(), pixels=np.zeros((1, 2, 3, 3))).at_heart_rate(60)
    assert (one.rr_ms, one.times_ms, one.findings) == (1000, None, ())


def test_a_heart_rate_against_what_the_source_says_is_refused():
    with pytest.raises(InputError, match="say a heart rate of 75 beats a minute themselves"):
        stack(rr_ms=800).at_heart_rate(60)
    with pytest.raises(InputError, match="last longer than a beat at 200"):
        stack(times_ms=np.arange(8.0).reshape(4, 2) * 100).at_heart_rate(200)


@pytest.mark.parametrize("bpm", [0, -60, 14, 351, float("nan"), float("inf")])
def test_a_heart_rate_that_no_heart_has_is_refused(bpm):
    with pytest.raises(InputError, match="beats a minute cannot be"):
        stack().at_heart_rate(bpm)
