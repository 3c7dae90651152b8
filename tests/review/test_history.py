import zlib

import numpy as np
import pytest

from napari_cmr.core import Finding, InputError, Segmentation
from napari_cmr.review import (
    Corrected,
    Kind,
    Patch,
    Project,
    ReviewSession,
    State,
    Touch,
    Undone,
    Verdict,
    replay,
)
from tests.review.conftest import dab, labels_of, opened, square


def test_reopening_restores_labels_state_phases_position_and_undoable_steps(
    session, project, tiny_folder
):
    session.predict(square)
    dab(session)
    dab(session, phase=3, row=20, label=3)
    session.undo()
    session.set_phases(2, 1)
    session.note_position(1, 4)
    drawn, measures = labels_of(session), session.measures
    project.close()
    again = opened(tiny_folder, Project.open(project.folder))
    np.testing.assert_array_equal(labels_of(again), drawn)
    assert again.segmentation.model == "squares 1"
    assert again.measures.as_dict() == measures.as_dict()
    assert again.state is State.CORRECTED
    assert (again.reading.ed, again.reading.es) == (2, 1)
    assert again.reading.history.position == (1, 4)
    assert again.redo().patch.box == ((3, 4), (2, 3), (20, 23), (12, 15))
    assert [again.undo().kind for _ in range(3)] == [Kind.STROKE, Kind.STROKE, Kind.PREDICTION]
    assert again.segmentation is None
    assert not labels_of(again).any()
    again.project.close()


def test_replaying_random_work_gives_the_same_labels_byte_for_byte(session, project):
    random = np.random.default_rng(3)
    expected = [labels_of(session)]
    for _ in range(60):
        choice = random.integers(8)
        if choice == 0:
            session.predict(square)
        elif choice == 1 and len(expected) > 1:
            session.undo()
            expected.pop()
            np.testing.assert_array_equal(labels_of(session), expected[-1])
            continue
        else:
            before = session.reading.history.number
            dab(session, *(int(v) for v in random.integers(0, (4, 5, 30, 30, 9, 8))[:4]))
            if session.reading.history.number == before:
                continue
        expected.append(labels_of(session))
    again = replay(project.records(session.reading.key, "ada"), session.stack.shape)
    np.testing.assert_array_equal(again.labels, labels_of(session))
    np.testing.assert_array_equal(again.touched, session.reading.history.touched)
    assert [r.number for r in again.steps] == [r.number for r in session.reading.history.steps]


def test_undo_goes_back_over_a_prediction_as_one_step_and_says_where(session):
    dab(session, phase=0, index=1, label=1)
    drawn = labels_of(session)
    session.predict(square)
    predicted = labels_of(session)
    dab(session)
    events = []
    session.changed.connect(events.append)
    assert session.undo().patch.box == ((1, 2), (2, 3), (12, 15), (12, 15))
    np.testing.assert_array_equal(labels_of(session), predicted)
    step = session.undo()
    assert step.kind is Kind.PREDICTION
    np.testing.assert_array_equal(labels_of(session), drawn)
    assert session.segmentation.model == ""
    session.redo()
    np.testing.assert_array_equal(labels_of(session), predicted)
    assert session.segmentation.model == "squares 1"
    assert [(type(e), e.again) for e in events] == [
        (Undone, False),
        (Undone, False),
        (Undone, True),
    ]


def test_hundreds_of_strokes_are_undone_one_by_one(session):
    for number in range(250):
        assert dab(
            session, phase=number % 4, index=number // 50, label=1 + number % 7, row=number % 37
        )
    for _ in range(250):
        session.undo()
    assert not labels_of(session).any()
    with pytest.raises(InputError, match="nothing to undo"):
        session.undo()


def test_a_new_stroke_ends_what_could_be_redone(session):
    dab(session)
    session.undo()
    dab(session, row=20)
    with pytest.raises(InputError, match="nothing to redo"):
        session.redo()


def test_a_stroke_that_changes_nothing_is_no_step(session):
    dab(session)
    assert not dab(session)
    assert len(session.reading.history.steps) == 1


def test_a_stroke_is_logged_as_the_box_that_changed(session, project):
    session.predict(square)
    events = []
    session.changed.connect(events.append)
    box = ((0, 1), (0, 1), (5, 25), (5, 25))
    drawn = labels_of(session)[:1, :1, 5:25, 5:25]
    drawn[0, 0, 5:7, 6:9] = 2
    session.correct(box, drawn)
    record = project.records()[-1]
    assert record.kind is Kind.STROKE
    assert record.patch.box == ((0, 1), (0, 1), (10, 12), (11, 14))
    before, after = record.patch.labels()
    assert (before.min(), before.max(), after.min(), after.max()) == (1, 1, 2, 2)
    assert (record.reader, record.model) == ("ada", "squares 1")
    assert record.at.endswith("+00:00")
    assert events == [Corrected("sax-1", record.patch.box)]


@pytest.mark.parametrize("side", [20, 200])
def test_labels_of_a_box_are_the_same_before_and_after_they_are_packed(side):
    before = np.arange(side * side, dtype=np.uint8).reshape(1, 1, side, side) % 4
    after = before.transpose(0, 1, 3, 2)
    patch = Patch.of(((2, 3), (1, 2), (5, 5 + side), (7, 7 + side)), before, after)
    fresh = patch.labels()
    packed = patch.packed()
    read = Patch(patch.box, *packed).labels()
    for found in (fresh, patch.labels(), read):
        assert [one.tobytes() for one in found] == [before.tobytes(), after.tobytes()]
        assert not any(one.flags.writeable for one in found)
    assert packed == tuple(zlib.compress(one.tobytes(), 1) for one in (before, after))


def test_a_new_prediction_leaves_an_experts_pixels_alone(session):
    session.predict(square)
    dab(session, phase=0, index=0, row=10, column=10, label=0)  # erased
    dab(session, phase=1, index=1, row=30, column=30, label=3)  # drawn
    session.judge([(2, 2)], Verdict.ACCEPTED)

    def other(stack, progress=None, cancel=None):
        return Segmentation.on(stack, np.full(stack.shape, 2, np.uint8), "other 2")

    session.predict(other)
    labels = labels_of(session)
    assert (labels[0, 0, 10:13, 10:13] == 0).all()
    assert (labels[1, 1, 30:33, 30:33] == 3).all()
    np.testing.assert_array_equal(labels[2, 2], square(session.stack).labels[2, 2])
    assert (labels[3] == 2).all()
    assert np.count_nonzero(labels[0] != 2) == 9
    session.predict(other, over_expert=True)
    assert (labels_of(session) == 2).all()
    assert not session.reading.history.touched.any()
    session.undo()
    np.testing.assert_array_equal(labels_of(session), labels)
    assert (session.reading.history.touched == Touch.HAND).sum() == 18


def test_a_stroke_that_was_undone_protects_nothing(session):
    session.predict(square)
    dab(session)
    session.undo()
    assert not session.reading.history.protected().any()


def test_states_follow_what_was_done(session):
    assert session.state is State.NEW
    session.predict(square)
    assert session.state is State.PREDICTED
    dab(session)
    assert session.state is State.CORRECTED
    session.judge(None, Verdict.ACCEPTED)
    assert session.state is State.ACCEPTED
    session.flag()
    assert session.state is State.FLAGGED
    session.flag(False)
    dab(session, phase=0)
    assert session.state is State.CORRECTED
    assert session.reading.history.verdict((0, 2)) is Verdict.NONE
    session.undo()
    assert session.state is State.ACCEPTED
    session.undo()
    assert session.state is State.CORRECTED


def test_an_empty_answer_is_a_prediction_and_can_be_accepted(session):
    session.predict(lambda stack, *_: Segmentation.on(stack, square(stack).labels * 0, "empty 1"))
    assert session.state is State.PREDICTED
    session.judge(None, Verdict.ACCEPTED)
    assert session.state is State.ACCEPTED


def test_nothing_can_be_accepted_before_there_is_something(session):
    with pytest.raises(InputError, match="nothing to accept"):
        session.judge(None, Verdict.ACCEPTED)


def test_findings_of_the_prediction_come_back(session, project, tiny_folder):
    finding = Finding("no-heart", "No heart was found on one slice.", "It was left empty.")
    session.predict(lambda stack, *_: square(stack).with_findings(finding))
    project.close()
    again = opened(tiny_folder, Project.open(project.folder))
    assert again.segmentation.findings == (finding,)
    again.project.close()


@pytest.mark.parametrize(
    ("box", "label", "says"),
    [
        (((0, 1), (0, 1), (38, 41), (0, 3)), 1, "does not lie in the stack"),
        (((0, 1), (0, 1), (3, 3), (0, 3)), 1, "does not lie in the stack"),
        (((0, 1), (0, 1), (0, 3), (0, 3)), 9, "no structure 9"),
    ],
)
def test_an_impossible_stroke_is_refused_and_changes_nothing(session, box, label, says):
    with pytest.raises(InputError, match=says):
        session.correct(box, np.full((1, 1, 3, 3), label, np.uint8))
    assert session.reading.history.number == 0


def test_labels_cannot_be_written_to_past_the_log(session):
    session.predict(square)
    with pytest.raises(ValueError, match="read-only"):
        session.segmentation.labels[0] = 1


def test_two_readers_of_one_project_have_their_own_labels(session, project, tiny_folder):
    session.predict(square)
    dab(session)
    other = opened(tiny_folder, project, reader="ben")
    assert other.segmentation is None
    other.start_from("ada")
    np.testing.assert_array_equal(labels_of(other), labels_of(session))
    assert other.segmentation.model == "reader ada"
    dab(other, phase=0)
    assert (labels_of(other) != labels_of(session)).sum() == 9
    with pytest.raises(InputError, match="no labels of this stack by eve"):
        other.start_from("eve")


def test_opening_another_study_and_coming_back_keeps_unsaved_contours(tiny_folder):
    session = ReviewSession()
    session.open(tiny_folder)
    session.choose(session.suggest())
    session.predict(square)
    dab(session)
    drawn = labels_of(session)
    session.open(tiny_folder)
    session.choose(session.suggest())
    np.testing.assert_array_equal(labels_of(session), drawn)
    session.undo()
    np.testing.assert_array_equal(labels_of(session), square(session.stack).labels)
