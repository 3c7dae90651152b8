"""Landmarks follow from the labels until a reader places them; then the segments follow those."""

import numpy as np
import pytest

from napari_cmr import phantom
from napari_cmr.core import InputError
from napari_cmr.measure.aha import segment_model
from napari_cmr.measure.insertion import rv_insertions
from napari_cmr.measure.landmarks import SAX_LANDMARKS
from napari_cmr.measure.wall import segment_thickness_mm
from napari_cmr.review import Kind, ReviewSession, State
from napari_cmr.review.landmarks import insertions_of, landmarks_of
from napari_cmr.review.reading import replay

from .conftest import TINY

CENTRE, FIRST, SECOND = SAX_LANDMARKS


@pytest.fixture(scope="module")
def heart(tmp_path_factory):
    study = phantom.make(
        TINY.model_copy(update={"rows": 56, "columns": 60, "pixel_mm": (2.6, 2.6)})
    )
    folder = tmp_path_factory.mktemp("heart")
    phantom.write_dicom_study(study, folder)
    return study, folder


@pytest.fixture
def session(heart, project):
    study, folder = heart
    session = ReviewSession(project, "ada")
    session.open(folder)
    session.choose(session.suggest())
    session.apply_prediction(study.segmentation)
    return session


def seen(session):
    """A slice of the first phase that shows all landmarks."""
    frames = [(0, z) for z in range(session.stack.shape[1])]
    return next(f for f in frames if landmarks_of(session.reading, f) is not None)


def turned(session, frame, degrees):
    """Where the first insertion point lies, turned round the LV's middle."""
    middle, first, _ = landmarks_of(session.reading, frame).points
    angle = np.deg2rad(degrees)
    way = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return tuple(float(v) for v in middle + way @ (first - middle))


def test_found_points_give_the_septum_that_the_labels_give(session):
    phase = 0
    found = rv_insertions(session.segmentation, phase)
    frame = seen(session)
    landmarks = landmarks_of(session.reading, frame)
    assert landmarks.placed == frozenset()
    session.place_landmark(frame, FIRST, tuple(landmarks.points[1] + 1e-6))
    given = insertions_of(session.reading, phase)
    assert given.keys() == found.keys()
    assert given[frame[1]].anterior == pytest.approx(found[frame[1]].anterior, abs=0.02)
    assert given[frame[1]].septum == pytest.approx(found[frame[1]].septum, abs=0.04)


def test_a_placed_point_turns_the_segments_of_its_frame_alone(session):
    frame = seen(session)
    before = insertions_of(session.reading, 0)
    session.place_landmark(frame, FIRST, turned(session, frame, 10))
    after = insertions_of(session.reading, 0)
    moved = {z for z in before if before[z] != after[z]}
    assert moved == {frame[1]}
    change = abs(after[frame[1]].septum - before[frame[1]].septum)
    assert np.rad2deg(change) == pytest.approx(10, abs=1.5)
    assert insertions_of(session.reading, 1) == dict(rv_insertions(session.segmentation, 1))
    model = segment_model(session.segmentation, 0, after)
    assert model.insertions[frame[1]] == after[frame[1]]
    plain, _ = segment_thickness_mm(session.segmentation, 0)
    given, _ = segment_thickness_mm(session.segmentation, 0, after)
    assert plain.keys() == given.keys()
    assert plain != given


def test_placing_counts_as_a_correction_is_logged_undone_and_replayed(session, project):
    frame = seen(session)
    at = turned(session, frame, 8)
    assert session.state is State.PREDICTED
    session.place_landmark(frame, FIRST, at)
    session.place_landmark(frame, FIRST, at)  # nothing new
    assert session.state is State.CORRECTED
    history = session.reading.history
    assert history.landmarks == {(*frame, FIRST): at}
    project.flush()
    records = project.records(session.reading.key)
    assert [r.kind for r in records] == [Kind.PREDICTION, Kind.LANDMARK]
    assert replay(records, history.shape).landmarks == history.landmarks
    step = session.undo()
    assert step.body["frames"] == [list(frame)]
    assert history.landmarks == {}
    assert session.state is State.PREDICTED
    session.redo()
    assert history.landmarks == {(*frame, FIRST): at}


def test_a_later_prediction_leaves_a_placed_point_where_it_is(session, heart):
    frame = seen(session)
    at = turned(session, frame, 8)
    session.place_landmark(frame, FIRST, at)
    session.apply_prediction(heart[0].segmentation)
    assert tuple(landmarks_of(session.reading, frame).points[1]) == at


@pytest.mark.parametrize(
    ("name", "at", "told"),
    [
        (SECOND, None, "septum between these points"),
        (CENTRE, (-30.0, 2.0), "in the picture"),
        ("APEX", (3.0, 3.0), "no landmark 'APEX'"),
    ],
)
def test_what_is_no_septum_or_no_landmark_is_refused(session, name, at, told):
    frame = seen(session)
    at = at or tuple(landmarks_of(session.reading, frame).points[1] + 0.1)
    with pytest.raises(InputError, match=told):
        session.place_landmark(frame, name, at)
    assert session.reading.history.n_steps == 1


def test_a_frame_without_contours_has_no_landmarks(heart):
    session = ReviewSession(reader="ada")
    session.open(heart[1])
    session.choose(session.suggest())
    assert landmarks_of(session.reading, (0, 2)) is None
    with pytest.raises(InputError, match="draw those first"):
        session.place_landmark((0, 2), CENTRE, (3.0, 3.0))
