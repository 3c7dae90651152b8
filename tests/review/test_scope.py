"""Which frames are predicted, and in which order."""

import numpy as np

from napari_cmr.core import Segmentation, Uncertainty
from napari_cmr.review.scope import nearest_first, only_in

from .conftest import opened, square


def test_the_visible_phase_comes_first_and_then_its_neighbours_round_the_cycle():
    assert nearest_first(range(6), 4, 6) == (4, 5, 3, 0, 2, 1)
    assert nearest_first([1, 1, 5], 0, 6) == (1, 5)


def test_a_prediction_of_some_frames_leaves_the_others_and_their_uncertainty(tiny_folder):
    session = opened(tiny_folder)
    shape = session.stack.shape
    known = Uncertainty(np.zeros(shape, np.float16), {"LV": np.full(shape[:2], 0.1)}, 0.3)
    first = square(session.stack)
    from dataclasses import replace

    session.apply_prediction(replace(first, uncertainty=known))
    news = Uncertainty(np.ones(shape, np.float16), {"LV": np.full(shape[:2], 0.9)}, 0.8)
    found = Segmentation.on(session.stack, np.full(shape, 3, np.uint8), "new 1")
    taken = only_in(replace(found, uncertainty=news), session.reading, [(1, 2)])
    assert (taken.labels[1, 2] == 3).all()
    rest = np.ones(shape[:2], bool)
    rest[1, 2] = False
    np.testing.assert_array_equal(taken.labels[rest], first.labels[rest])
    assert taken.uncertainty.slices[1, 2] == 0.9
    assert taken.uncertainty.slices[0, 2] == 0.1
    assert taken.uncertainty.study == 0.3


def test_predicting_a_frame_headless_changes_that_frame_alone(tiny_folder):
    session = opened(tiny_folder)
    session.predict(square, frames=[(2, 1)])
    changed = np.argwhere(session.reading.history.labels.any(axis=(2, 3)))
    assert [tuple(f) for f in changed] == [(2, 1)]
