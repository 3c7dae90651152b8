"""Where a step acted is where the labels differ before and after it."""

import numpy as np
import pytest

from napari_cmr.review import Kind
from napari_cmr.review.acted import Acted
from napari_cmr.review.record import Patch, Record

SIZE = (6, 7)


def record(kind, patch=None, **body):
    return Record("stack", "reader", 1, "", kind, "", patch, body)


def test_pixels_are_found_frame_by_frame():
    before = np.zeros((2, 2, 3, 3), np.uint8)
    after = before.copy()
    after[0, 1, 1, 2] = 1
    after[1, 0, 0, 0] = 2
    acted = Acted(
        record(Kind.STROKE, Patch.of(((4, 6), (2, 4), (1, 4), (3, 6)), before, after)), SIZE
    )
    assert acted.frames == ((4, 3), (5, 2))
    assert np.argwhere(acted.mask((4, 3))).tolist() == [[2, 5]]
    assert np.argwhere(acted.mask((5, 2))).tolist() == [[1, 3]]
    for frame in ((4, 2), (5, 3), (3, 3), (6, 2)):
        assert acted.mask(frame) is None


def test_a_verdict_and_a_mark_act_on_whole_frames():
    judged = Acted(record(Kind.VERDICT, frames=[[0, 1], [2, 3]], verdict="accepted"), SIZE)
    assert judged.frames == ((0, 1), (2, 3))
    assert judged.mask((2, 3)).all()
    assert judged.mask((1, 1)) is None
    assert Acted(record(Kind.SLICES, at=[1, 2], base=2), SIZE).frames == ((1, 2),)


@pytest.mark.parametrize(("at", "pixel"), [((2.4, 3.6), [2, 4]), ((9.0, -3.0), [5, 0])])
def test_a_landmark_acts_where_it_was_put(at, pixel):
    placed = Acted(record(Kind.LANDMARK, frames=[[1, 1]], name="LV", at=list(at)), SIZE)
    assert np.argwhere(placed.mask((1, 1))).tolist() == [pixel]
