import numpy as np

from napari_cmr.core import Structure
from napari_cmr.nets.cleanup import largest_pieces


def test_of_each_structure_the_largest_piece_stays():
    labels = np.zeros((3, 20, 20), np.uint8)
    labels[:, 2:8, 2:8] = Structure.LV
    labels[0, 15:18, 15:18] = Structure.LV
    labels[1, 10:14, 2:6] = Structure.RV
    cleaned = largest_pieces(labels)
    assert not (cleaned[0, 15:18, 15:18]).any()
    labels[0, 15:18, 15:18] = 0
    assert np.array_equal(cleaned, labels)


def test_pieces_that_touch_across_slices_belong_together():
    labels = np.zeros((3, 20, 20), np.uint8)
    labels[0, 2:6, 2:6] = labels[1, 5:9, 5:9] = labels[2, 9:12, 9:12] = Structure.LV
    assert np.array_equal(largest_pieces(labels), labels)


def test_nothing_stays_nothing():
    assert not largest_pieces(np.zeros((2, 4, 4), np.uint8)).any()
