from dataclasses import replace

import numpy as np
import pytest

from napari_cmr import measure
from napari_cmr.core import (
    Geometry,
    GeometryError,
    InputError,
    Segmentation,
    SpacingUnknownError,
    Structure,
)
from napari_cmr.core.measures import PAPILLARY_IN_CAVITY


def frame(**pixels):
    """A 30 x 30 frame with the given number of pixels of each structure."""
    flat = np.zeros(900, np.uint8)
    start = 0
    for name, count in pixels.items():
        flat[start : start + count] = Structure[name]
        start += count
    return flat.reshape(30, 30)


def segmentation(phases, positions=(0.0, 8.0, 20.0), **more):
    z = len(positions)
    origins = np.zeros((z, 3))
    origins[:, 2] = positions
    axes = np.tile([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], (z, 1, 1))
    geometry = Geometry(origins, axes, (1.5, 2.0), thickness_mm=6.0)
    return Segmentation(np.array(phases), geometry, **more)


def lv_curve(*counts, **more):
    """One slice, 10 mm thick, with so many LV pixels of 3 mm2 in each phase."""
    result = segmentation([[frame(LV=c)] for c in counts], positions=(0.0,), **more)
    return replace(result, geometry=replace(result.geometry, thickness_mm=10.0))


# Computed by hand. Slices lie at 0, 8 and 20 mm, so the gaps are 8 and 12 mm and the slabs
#   first 8 (a full slab of its only gap), middle 8/2 + 12/2 = 10, last 12 mm.
# A pixel is 1.5 x 2.0 = 3 mm2.
ED = [
    frame(LV=100, MYO=100),
    frame(LV=200, MYO=140, INFARCT=8, MVO=2, RV=150),
    frame(LV=300, MYO=200, RV=200),
]
ES = [
    frame(LV=50, MYO=110),
    frame(LV=80, MYO=150, INFARCT=8, MVO=2, RV=100),
    frame(LV=100, MYO=210, RV=75),
]
MID = [frame(LV=90), frame(LV=180, RV=140), frame(LV=250, RV=190)]


@pytest.fixture
def by_hand():
    return segmentation([ED, MID, ES], rr_ms=800.0)


def test_a_case_with_uneven_gaps_agrees_with_its_arithmetic(by_hand):
    m = measure.function(by_hand)
    assert (m.ed_phase, m.es_phase, m.phases_set_by) == (0, 2, "volume curve")
    # (100 x 8 + 200 x 10 + 300 x 12) x 3 = 6400 x 3 = 19200 mm3
    assert m.edv_ml == pytest.approx(19.2)
    # (50 x 8 + 80 x 10 + 100 x 12) x 3 = 2400 x 3 = 7200 mm3
    assert m.esv_ml == pytest.approx(7.2)
    assert m.sv_ml == pytest.approx(12.0)  # 19.2 - 7.2
    assert m.ef_percent == pytest.approx(62.5)  # 12 / 19.2
    # wall at ED: (100 x 8 + 150 x 10 + 200 x 12) x 3 = 4700 x 3 = 14100 mm3; x 1.05 g/mL
    assert m.mass_g == pytest.approx(14.805)
    # RV: (150 x 10 + 200 x 12) x 3 = 11700 mm3, (100 x 10 + 75 x 12) x 3 = 5700 mm3
    assert m.rv_edv_ml == pytest.approx(11.7)
    assert m.rv_esv_ml == pytest.approx(5.7)
    assert m.rv_sv_ml == pytest.approx(6.0)
    assert m.rv_ef_percent == pytest.approx(100 * 6.0 / 11.7)
    assert m.heart_rate_bpm == pytest.approx(75.0)  # 60000 / 800
    assert m.cardiac_output_l_min == pytest.approx(0.9)  # 12 mL x 75 / 1000
    # (90 x 8 + 180 x 10 + 250 x 12) x 3 = 5520 x 3 = 16560 mm3
    assert m.lv_volumes_ml == pytest.approx((19.2, 16.56, 7.2))
    assert m.rv_volumes_ml == pytest.approx((11.7, 11.04, 5.7))
    assert m.papillary_convention == PAPILLARY_IN_CAVITY
    (note,) = m.notes  # 12 and 6 mL: 6 / 9 of their mean
    assert note.startswith("LV stroke volume is 12 mL and RV 6 mL, 67 % apart")


def test_the_order_in_which_slices_are_listed_does_not_matter(by_hand):
    shuffled = [2, 0, 1]
    other = replace(
        by_hand,
        labels=by_hand.labels[:, shuffled],
        geometry=by_hand.geometry.take(shuffled),
    )
    assert measure.function(other).edv_ml == pytest.approx(19.2)
    assert measure.function(other).mass_g == pytest.approx(14.805)


def test_volumes_ml_adds_structures_up(by_hand):
    both = measure.volumes_ml(by_hand, [Structure.LV, Structure.RV])
    assert both == pytest.approx([19.2 + 11.7, 16.56 + 11.04, 7.2 + 5.7])


def test_without_spacing_ef_is_kept_and_numbers_with_units_are_left_out(by_hand):
    m = measure.function(replace(by_hand, geometry=replace(by_hand.geometry, spacing_known=False)))
    assert m.ef_percent == pytest.approx(62.5)
    assert m.rv_ef_percent == pytest.approx(100 * 6.0 / 11.7)
    for name, value in m.as_dict().items():
        if name.endswith(("_ml", "_g", "_l_min")):
            assert value is None, name
    assert any("spacing" in note for note in m.notes)


def test_without_spacing_volumes_in_millilitres_are_refused(by_hand):
    unknown = replace(by_hand, geometry=replace(by_hand.geometry, spacing_known=False))
    with pytest.raises(SpacingUnknownError):
        measure.volumes_ml(unknown, [Structure.LV])


def test_a_single_slice_of_unknown_thickness_has_an_ef_of_areas_only():
    one = lv_curve(100, 40)
    m = measure.function(replace(one, geometry=replace(one.geometry, thickness_mm=None)))
    assert m.edv_ml is None
    assert m.ef_percent == pytest.approx(60.0)


def test_a_single_slice_counts_its_thickness():
    assert measure.function(lv_curve(100, 40)).edv_ml == pytest.approx(3.0)  # 100 x 3 x 10 mm3


def test_a_reader_sets_the_phases(by_hand):
    m = measure.function(by_hand, ed=1, es=2)
    assert (m.ed_phase, m.es_phase, m.phases_set_by) == (1, 2, "reader")
    assert m.edv_ml == pytest.approx(16.56)
    m = measure.function(by_hand, ed=1)
    assert (m.ed_phase, m.es_phase, m.phases_set_by) == (1, 2, "reader")
    m = measure.function(by_hand, es=1)
    assert (m.ed_phase, m.es_phase, m.phases_set_by) == (0, 1, "reader")


@pytest.mark.parametrize("wrong", [{"ed": 3}, {"es": -1}])
def test_a_phase_that_does_not_exist_is_refused(by_hand, wrong):
    with pytest.raises(InputError, match="from 0 to 2"):
        measure.function(by_hand, **wrong)


def test_phases_set_the_wrong_way_round_are_noted(by_hand):
    m = measure.function(by_hand, ed=2, es=0)
    assert m.sv_ml == pytest.approx(-12.0)
    assert any("larger" in note for note in m.notes)


def test_the_same_phase_set_twice_has_no_ef(by_hand):
    m = measure.function(by_hand, ed=1, es=1)
    assert (m.edv_ml, m.esv_ml, m.ef_percent) == (pytest.approx(16.56), None, None)
    assert any("same phase" in note for note in m.notes)


def test_a_single_phase_has_a_volume_and_mass_but_no_ef():
    m = measure.function(segmentation([ED], rr_ms=800.0))
    assert m.phases_set_by == "only phase"
    assert (m.ed_phase, m.es_phase) == (0, 0)
    assert m.edv_ml == pytest.approx(19.2)
    assert m.mass_g == pytest.approx(14.805)
    assert (m.esv_ml, m.sv_ml, m.ef_percent, m.rv_ef_percent) == (None,) * 4
    assert m.cardiac_output_l_min is None


def test_phases_without_labels_are_not_taken_for_a_heart_without_blood():
    m = measure.function(lv_curve(0, 100, 0, 50, 0))
    assert (m.ed_phase, m.es_phase) == (1, 3)
    assert m.ef_percent == pytest.approx(50.0)
    assert m.as_dict()["lv_volumes_ml"] == [None, 3.0, None, 1.5, None]
    assert any("3 of 5 phases" in note for note in m.notes)


def test_one_labelled_phase_among_many_counts_as_the_only_one():
    m = measure.function(lv_curve(0, 0, 100))
    assert (m.ed_phase, m.phases_set_by, m.ef_percent) == (2, "only phase", None)


def test_a_reader_who_sets_an_unlabelled_phase_is_told():
    m = measure.function(lv_curve(100, 0, 50), es=1)
    assert (m.esv_ml, m.ef_percent) == (None, None)
    assert any("not segmented" in note for note in m.notes)


def test_an_empty_segmentation_has_no_numbers_and_says_so():
    m = measure.function(lv_curve(0, 0))
    assert (m.edv_ml, m.ef_percent, m.mass_g, m.rv_edv_ml, m.lv_volumes_ml) == (None,) * 5
    assert any("Neither ventricle" in note for note in m.notes)


def test_ties_go_to_the_first_phase_with_a_note():
    m = measure.function(lv_curve(90, 100, 100, 40, 40))
    assert (m.ed_phase, m.es_phase) == (1, 3)
    assert any("1, 2" in note for note in m.notes)
    assert any("3, 4" in note for note in m.notes)


def test_a_volume_that_never_changes_is_noted():
    m = measure.function(lv_curve(50, 50, 50))
    assert m.ef_percent == 0
    assert any("cannot be told apart" in note for note in m.notes)


def test_without_an_lv_the_rv_chooses_the_phases():
    m = measure.function(segmentation([[frame(RV=40)] * 3, [frame(RV=100)] * 3]))
    assert (m.ed_phase, m.es_phase) == (1, 0)
    assert m.edv_ml is None
    assert m.rv_ef_percent == pytest.approx(60.0)
    assert any("RV" in note for note in m.notes)


def test_structures_that_were_not_segmented_have_no_numbers():
    m = measure.function(lv_curve(100, 40))
    assert (m.mass_g, m.rv_edv_ml, m.rv_ef_percent, m.rv_volumes_ml, m.myo_volumes_ml) == (
        None,
    ) * 5


def test_a_given_heart_rate_wins(by_hand):
    m = measure.function(by_hand, heart_rate_bpm=60.0)
    assert m.heart_rate_bpm == 60.0
    assert m.cardiac_output_l_min == pytest.approx(0.72)


def test_without_a_heart_rate_there_is_no_output():
    assert measure.function(lv_curve(100, 40)).cardiac_output_l_min is None


@pytest.mark.parametrize("rate", [0.0, -60.0, float("nan"), float("inf")])
def test_a_heart_rate_that_is_none_is_refused(by_hand, rate):
    with pytest.raises(InputError, match="heart rate"):
        measure.function(by_hand, heart_rate_bpm=rate)


def test_times_are_those_of_the_middle_slice():
    times = np.array([[0.0, 1.0, 2.0], [30.0, 31.0, 32.0], [60.0, 61.0, 62.0]])
    m = measure.function(segmentation([ED, MID, ES], times_ms=times))
    assert m.phase_ms == (1.0, 31.0, 61.0)


def test_slices_at_one_place_have_no_volume():
    with pytest.raises(GeometryError, match="one place"):
        measure.function(segmentation([ED], positions=(5.0, 5.0, 5.0)))
