"""Which frames are predicted, and in which order."""

import numpy as np

from napari_cmr.core import Segmentation, Uncertainty
from napari_cmr.review.extent import Extent
from napari_cmr.review.scope import nearest_first, only_in

from .conftest import dab, opened, square


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


def test_volumes_wait_until_every_slice_of_a_phase_is_looked_at(tiny_folder, project):
    session = opened(tiny_folder, project)
    n_slices = session.stack.shape[1]
    session.predict(square, frames=[(2, 1)])
    assert session.measures.edv_ml is None
    assert session.measures.mass_g is None
    (note,) = session.measures.notes
    assert "Only some slices of phase 2" in note
    session.predict(square, frames=[(2, z) for z in range(n_slices)])
    whole = session.measures.edv_ml
    assert whole is not None
    session.predict(square, frames=[(3, 0)])
    assert session.measures.edv_ml == whole  # the other phase's are left out
    assert np.isnan(session.measures.lv_volumes_ml[3])
    assert project.flush()
    again = opened(tiny_folder, project)
    assert again.measures.notes == session.measures.notes
    session.undo()
    assert "Only some" not in " ".join(session.measures.notes)
    session.redo()
    session.predict(square)
    assert np.isfinite(session.measures.lv_volumes_ml).all()


def test_slices_that_a_reader_drew_or_took_out_need_no_prediction(tiny_folder):
    session = opened(tiny_folder)
    session.predict(square, frames=[(0, z) for z in range(3)])
    assert session.measures.edv_ml is None
    session.mark_slices(Extent(base=0, apex=3))
    assert session.measures.edv_ml is None
    dab(session, phase=0, index=3, label=1)
    assert session.measures.edv_ml is not None


def test_one_slice_after_all_of_them_leaves_the_volumes_whole(tiny_folder):
    session = opened(tiny_folder)
    session.predict(square)
    known = session.measures.edv_ml
    session.predict(square, frames=[(0, 2)])
    assert session.measures.edv_ml == known
