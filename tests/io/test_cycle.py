"""The length of the cardiac cycle from headers that agree, disagree or are absent."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cmr.io.cycle import cycle_length
from tests.io.records import cine


def times(n_phases: int, step: float) -> np.ndarray:
    return np.tile(step * np.arange(n_phases)[:, None], (1, 2))


@pytest.mark.parametrize(
    ("nominal", "rate", "n_phases", "step", "expected", "basis"),
    [
        (800.0, 75.0, 20, 40.0, 800.0, "nominal interval"),
        (None, 75.0, 20, 40.0, 800.0, "heart rate"),
        (None, None, 20, 40.0, 800.0, "phases times their step"),
        (800.0, None, 20, 32.0, 800.0, "nominal interval"),  # prospective: the end is not covered
        (400.0, None, 20, 40.0, 800.0, "phases times their step"),  # the phases do not fit in
        (0.0, 0.0, 20, 40.0, 800.0, "phases times their step"),
        (9.0, None, 2, 300.0, None, ""),
    ],
)
def test_the_first_source_that_the_phases_fit_into_is_believed(
    nominal, rate, n_phases, step, expected, basis
) -> None:
    headers = cine(n_phases, 2, nominal_rr_ms=nominal, heart_rate=rate)
    rr_ms, found, _ = cycle_length(headers, times(n_phases, step))
    assert (rr_ms, found) == (expected, basis)


def test_sources_that_contradict_each_other_are_a_finding() -> None:
    headers = cine(20, 2, nominal_rr_ms=800.0, heart_rate=50.0)
    _, _, findings = cycle_length(headers, times(20, 40))
    assert [f.code for f in findings] == ["cycle-length-contradictory"]


def test_without_phase_times_a_header_alone_is_believed() -> None:
    assert cycle_length(cine(20, 2, heart_rate=None), None)[0] == 800
