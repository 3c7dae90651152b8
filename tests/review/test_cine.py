"""The heart beats on the screen as fast as it did in the scanner."""

import numpy as np
import pytest

from napari_cmr.core import Geometry, Stack
from napari_cmr.review.cine import cycle_of


def stack(times=None, rr=None, phases=4, slices=2):
    geometry = Geometry.regular(slices, (8.0, 1.0, 1.0))
    return Stack(np.zeros((phases, slices, 3, 3)), geometry, times_ms=times, rr_ms=rr)


def test_each_slice_plays_at_its_own_times_and_the_last_phase_ends_with_the_cycle():
    times = np.array([[10.0, 0], [210, 100], [410, 200], [610, 300]])
    cycle = cycle_of(stack(times, rr=800.0), 0)
    assert cycle.starts_ms.tolist() == [0, 200, 400, 600]
    assert cycle.length_ms == 800
    assert cycle.beats_per_minute == 75
    assert [cycle.phase_at(ms) for ms in (0, 199, 200, 601, 799, 800, 1010)] == [
        0,
        0,
        1,
        3,
        3,
        0,
        1,
    ]
    assert cycle_of(stack(times, rr=800.0), 1).phase_at(250) == 2


def test_an_interval_shorter_than_the_phases_is_not_believed():
    times = np.array([[0.0], [100], [200], [300]])
    cycle = cycle_of(stack(times, rr=250.0, slices=1), 0)
    assert cycle.length_ms == 400
    assert "RR" not in cycle.basis


@pytest.mark.parametrize("times", [None, np.full((4, 2), np.nan), np.zeros((4, 2))])
def test_without_usable_times_the_interval_is_divided_evenly(times):
    cycle = cycle_of(stack(times, rr=1200.0), 0)
    assert cycle.starts_ms.tolist() == [0, 300, 600, 900]
    assert cycle.beats_per_minute == 50


def test_without_any_time_sixty_beats_are_played_and_said():
    cycle = cycle_of(stack(), 0)
    assert cycle.beats_per_minute == 60
    assert "60 beats a minute assumed" in cycle.basis


def test_the_nearest_phase_is_found_round_the_end_of_the_cycle():
    cycle = cycle_of(stack(rr=1000.0), 0)
    assert cycle.phase_nearest(0.95) == 0
    assert cycle.phase_nearest(0.6) == 2
    assert cycle.fraction_of(3) == 0.75
