import numpy as np
import pytest

from napari_cmr.core import Structure
from napari_cmr.nets.cleanup import one_heart


@pytest.fixture
def heart():
    """Wall round a cavity through three slices, with an RV beside it in two."""
    labels = np.zeros((3, 40, 40), np.uint8)
    labels[:, 8:18, 8:18] = Structure.MYO
    labels[:, 10:16, 10:16] = Structure.LV
    labels[:2, 8:16, 3:8] = Structure.RV
    return labels


def test_a_whole_heart_stays_as_it_is(heart):
    assert np.array_equal(one_heart(heart), heart)


def test_a_larger_cavity_that_no_wall_touches_goes(heart):
    strayed = heart.copy()
    strayed[:, 24:39, 24:39] = Structure.LV
    strayed[:, 24:39, 2:20] = Structure.RV
    assert np.array_equal(one_heart(strayed), heart)


def test_crumbs_of_wall_and_what_hangs_on_them_go(heart):
    strayed = heart.copy()
    strayed[0, 30:33, 30:33] = Structure.MYO
    strayed[0, 33:36, 30:33] = Structure.LV
    assert np.array_equal(one_heart(strayed), heart)


def test_pieces_that_touch_across_slices_belong_together():
    labels = np.zeros((3, 20, 20), np.uint8)
    labels[0, 2:6, 2:6] = labels[1, 5:9, 5:9] = labels[2, 9:12, 9:12] = Structure.MYO
    assert np.array_equal(one_heart(labels), labels)


def test_without_a_wall_the_largest_cavity_stays():
    labels = np.zeros((1, 20, 20), np.uint8)
    labels[0, 2:8, 2:8] = Structure.LV
    labels[0, 15:18, 15:18] = Structure.LV
    kept = one_heart(labels)
    assert kept[0, 2:8, 2:8].all()
    assert not kept[0, 15:18, 15:18].any()


def test_nothing_stays_nothing():
    assert not one_heart(np.zeros((2, 4, 4), np.uint8)).any()
