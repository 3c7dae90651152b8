"""Base, apex, and slices out of the volume: what they do to the numbers, and that they stay."""

import numpy as np
import pytest

from napari_cmr.core import InputError
from napari_cmr.review import Extent, Kind, Project, SlicesMarked, replay, review_records
from napari_cmr.review.comparison import compare, pairs
from napari_cmr.review.lines import lines
from tests.review.conftest import dab, labels_of, opened, square

VOXEL_ML = 3.6 * 3.6 * 8 / 1000


def test_slices_beyond_base_and_apex_are_out_whichever_way_the_stack_runs():
    assert Extent(2, 7).left_out(10) == (0, 1, 8, 9)
    assert Extent(7, 2).left_out(10) == (0, 1, 8, 9)
    assert Extent(2, 7, frozenset({4})).left_out(10) == (0, 1, 4, 8, 9)
    assert Extent().left_out(10) == ()


def test_one_mark_alone_leaves_out_the_nearer_end():
    assert Extent(base=2).left_out(10) == (0, 1)
    assert Extent(base=7).left_out(10) == (8, 9)
    assert Extent(apex=8).left_out(10) == (9,)


def test_a_slice_is_taken_out_and_put_in_again_but_not_beyond_the_base():
    extent = Extent(base=2).turned(5, 10)
    assert extent.left_out(10) == (0, 1, 5)
    assert extent.turned(5, 10) == Extent(base=2)
    assert extent.with_apex(5) == Extent(2, 5)
    assert extent.with_apex(2) == Extent(None, 2, frozenset({5}))
    with pytest.raises(InputError, match="beyond the marked base"):
        extent.turned(1, 10)


def test_volumes_leave_marked_slices_out_and_say_so(session):
    session.predict(square)
    whole = session.measures
    assert whole.edv_ml == pytest.approx(100 * 5 * VOXEL_ML)
    heard = []
    session.changed.connect(heard.append)
    session.mark_slices(Extent(base=1, apex=3))
    assert heard == [SlicesMarked("sax-1")]
    assert session.measures.edv_ml == pytest.approx(100 * 3 * VOXEL_ML)
    assert session.measures.notes[0] == (
        "Slices 0, 4 are out of the volumes, as the reader marked them."
    )
    assert (session.segmentation.labels == 1).sum() == 4 * 5 * 100  # the contours stay
    assert not session.mark_slices(Extent(base=1, apex=3))
    assert session.reading.history.number == 2


def test_marks_are_undone_and_come_back_with_the_project(session, project, tiny_folder):
    session.predict(square)
    session.mark_slices(Extent(base=1), at=(2, 1))
    session.mark_slices(Extent(base=1, out=frozenset({4})), at=(2, 4))
    step = session.undo()
    assert (step.kind, step.body["at"]) == (Kind.SLICES, [2, 4])
    assert session.reading.history.extent == Extent(base=1)
    session.redo()
    project.close()
    again = opened(tiny_folder, Project.open(project.folder))
    assert again.reading.history.extent.left_out(5) == (0, 4)
    assert again.measures.edv_ml == pytest.approx(100 * 3 * VOXEL_ML)
    again.undo()
    again.undo()
    assert again.reading.history.extent == Extent()
    assert again.measures.edv_ml == pytest.approx(100 * 5 * VOXEL_ML)
    again.project.close()


def test_a_slice_that_is_not_there_is_refused(session):
    session.predict(square)
    with pytest.raises(InputError, match="no slice 5; the stack has slices 0 to 4"):
        session.mark_slices(Extent(base=5))
    assert session.reading.history.number == 1


def test_comparison_and_records_know_the_marks(session, project, tiny_folder):
    session.predict(square)
    session.mark_slices(Extent(base=1))
    other = opened(tiny_folder, project, reader="ben")
    other.predict(square)
    ((first, second),) = pairs(lines(project))
    volumes = [m.edv_ml for m in compare(first, second).measures]
    assert volumes == [pytest.approx(100 * 4 * VOXEL_ML), pytest.approx(100 * 5 * VOXEL_ML)]
    assert first.as_dict()["slices_out"] == [0]
    found = review_records(project, session.reading.key)
    assert "marked the slices that count" in {r.action for r in found}


def test_strokes_of_one_structure_leave_the_others(session):
    session.predict(square)
    box = ((0, 1), (0, 1), (5, 25), (5, 25))
    drawn = np.full((1, 1, 20, 20), 3, np.uint8)
    session.correct(box, drawn, only=3)
    labels = labels_of(session)[0, 0]
    assert (labels[10:20, 10:20] == 1).all()
    assert (labels == 3).sum() == 300
    assert not session.correct(box, drawn, only=2)


def test_a_tool_is_one_step_with_its_name(session, project):
    session.predict(square)
    frame = labels_of(session)[1, 2]
    frame[12:15] = 0
    assert session.reshape((1, 2), frame, "cut")
    record = project.records()[-1]
    assert (record.kind, record.body["tool"]) == (Kind.STROKE, "cut")
    np.testing.assert_array_equal(labels_of(session)[1, 2], frame)
    assert (1, 2) in session.reading.history.own_frames()
    session.undo()
    np.testing.assert_array_equal(labels_of(session), square(session.stack).labels)


def test_all_kinds_of_steps_replay_byte_for_byte(session, project):
    session.predict(square)
    dab(session)
    session.mark_slices(Extent(base=1))
    session.reshape((0, 0), np.zeros((40, 44), np.uint8), "cut")
    session.undo()
    session.undo()
    session.redo()
    again = replay(project.records(), session.stack.shape)
    np.testing.assert_array_equal(again.labels, labels_of(session))
    np.testing.assert_array_equal(again.touched, session.reading.history.touched)
    assert again.extent == session.reading.history.extent == Extent(base=1)
