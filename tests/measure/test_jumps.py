"""A curve as hearts have it passes; one with a slice too many in a phase or two does not."""

import numpy as np
import pytest

from napari_cmr import phantom
from napari_cmr.measure import function
from napari_cmr.measure.jumps import jump_notes

N = 25
# 150 mL at ED, held for a phase, 60 mL at ES, and full again before the cycle ends
SMOOTH = np.interp(np.arange(N), [0, 1, 9, 18, 24], [150.0, 150.0, 60.0, 140.0, 150.0])


def test_a_smooth_curve_has_no_note():
    assert jump_notes(SMOOTH, 0, 9) == []


@pytest.mark.parametrize(
    ("phase", "role", "rests"),
    [(0, " (ED)", "ED, ES and EF"), (9, " (ES)", "ED, ES and EF"), (14, "", "the curve")],
)
def test_a_phase_that_stands_out_is_named_with_what_rests_on_it(phase, role, rests):
    volumes = SMOOTH.copy()
    volumes[phase] += 30
    (note,) = jump_notes(volumes, 0, 9)
    assert f"phase {phase}{role} stands out" in note
    assert f"; {rests}" in note


def test_one_phase_for_both_leaves_nothing_to_rest_on_it():
    volumes = SMOOTH.copy()
    volumes[14] += 30
    assert jump_notes(volumes, 5, 5) == []


def test_a_fall_right_after_ed_is_told_with_its_share():
    volumes = SMOOTH.copy()
    # a basal slice fades in over the last three phases and is gone in the first
    volumes[[22, 23, 24]] += [8, 16, 24]
    (note,) = jump_notes(volumes, 24, 9)
    # 24 of the 174 - 60 = 114 mL
    assert "21 % of the stroke volume" in note
    assert "ED (24)" in note


def test_few_phases_and_gaps_are_not_judged():
    assert jump_notes(np.array([150.0, 60.0, 100.0]), 0, 1) == []
    gap = SMOOTH.copy()
    gap[3] = np.nan
    assert jump_notes(gap, 0, 9) == []


def test_the_note_stands_beside_the_numbers_and_a_true_heart_has_none():
    study = phantom.make(
        phantom.PhantomConfig(n_phases=15, n_slices=6, slice_step_mm=14, rows=80, columns=80)
    )
    assert not [note for note in function(study.segmentation).notes if "LV volume" in note]
    labels = study.segmentation.labels.copy()
    labels[0, 0, 10:60, 10:60] = 1
    told = function(study.segmentation.with_labels(labels))
    assert [note for note in told.notes if "phase 0 (ED) stands out" in note]
