import numpy as np
import pytest

from napari_cmr.core import LABEL_MAPS, InputError, Structure, label_map


def test_acdc_numbers_rv_1_myocardium_2_lv_3():
    found = label_map("acdc").to_cmr(np.array([0, 1, 2, 3]))
    assert list(found) == [0, Structure.RV, Structure.MYO, Structure.LV]


def test_emidec_numbers_infarct_3_and_no_reflow_4():
    found = label_map("emidec").to_cmr(np.array([3, 4]))
    assert list(found) == [Structure.INFARCT, Structure.MVO]


@pytest.mark.parametrize("name", list(LABEL_MAPS))
def test_every_map_comes_back_as_it_went(name):
    values = np.array(sorted(LABEL_MAPS[name].values), np.uint16).reshape(1, -1)
    back = label_map(name).from_cmr(label_map(name).to_cmr(values))
    # Of two values of one structure the first is lost: MyoPS's oedema is wall.
    expected = np.where(values == 1220, 200, values) if name == "myops" else values
    assert np.array_equal(back, expected)


def test_a_value_that_the_map_does_not_name_is_refused_with_the_value():
    with pytest.raises(InputError, match=r"value\(s\) 9, .*'acdc'"):
        label_map("acdc").to_cmr(np.array([0, 9]))


def test_a_picture_in_place_of_labels_is_refused_in_a_short_sentence():
    with pytest.raises(InputError, match=r"\.\.\., which the label map 'cmr'") as refused:
        label_map("cmr").to_cmr(np.arange(3000))
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("bad", [0.5, np.nan, -1.0])
def test_values_that_are_no_label_are_refused(bad):
    with pytest.raises(InputError):
        label_map("cmr").to_cmr(np.array([0.0, bad]))


def test_a_structure_that_the_map_cannot_say_is_refused():
    with pytest.raises(InputError, match="left atrium"):
        label_map("acdc").from_cmr(np.array([Structure.LA], np.uint8))


def test_an_unknown_map_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="acdc"):
        label_map("nonsense")
