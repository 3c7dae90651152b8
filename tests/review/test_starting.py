"""Labels and contours that exist already, taken as a start."""

import numpy as np
import pytest

from napari_cmr import io
from napari_cmr.core import InputError, Segmentation
from napari_cmr.review import Kind, Project, State, Verdict, between_slices, replay
from tests.io.layouts.folders import LV, MYO, heart, outlines, write_contour, write_numbered
from tests.review.conftest import dab, labels_of, opened, square


@pytest.fixture
def given(session, tmp_path):
    """A label NIfTI of phase 1: a block on slices 1 to 3, nothing on the others."""
    labels = np.zeros(session.stack.shape, np.uint8)
    labels[1, 1:4, 5:15, 5:15] = 3
    file = tmp_path / "labels.nii.gz"
    io.write_labels(Segmentation.on(session.stack, labels), file)
    return file, labels


def test_a_label_file_gives_whole_phases_as_one_step(session, given, project):
    file, labels = given
    session.predict(square)
    predicted = labels_of(session)
    session.start_from_file(file)
    found = labels_of(session)
    np.testing.assert_array_equal(found[1], labels[1])  # empty slices of the phase, too
    np.testing.assert_array_equal(np.delete(found, 1, 0), np.delete(predicted, 1, 0))
    record = project.records()[-1]
    assert record.kind is Kind.START
    assert record.body == {"frames": [[1, z] for z in range(5)], "source": "label file"}
    assert session.undo().kind is Kind.START
    np.testing.assert_array_equal(labels_of(session), predicted)
    session.redo()
    np.testing.assert_array_equal(labels_of(session), found)
    again = replay(project.records(), session.stack.shape)
    np.testing.assert_array_equal(again.labels, found)
    np.testing.assert_array_equal(again.touched, session.reading.history.touched)


def test_what_was_given_is_a_key_and_is_left_by_predictions_and_interpolations(session, given):
    file, labels = given
    session.start_from_file(file)
    assert session.state is State.PREDICTED
    session.predict(square)
    np.testing.assert_array_equal(labels_of(session)[1], labels[1])
    assert (labels_of(session)[0] == square(session.stack).labels[0]).all()
    with pytest.raises(InputError, match="lies no other"):
        between_slices(session.reading, 1)
    assert session.reading.history.own_frames() == set()  # nobody looked at them yet


def test_an_experts_own_pixels_and_frames_stay(session, given):
    file, labels = given
    session.predict(square)
    dab(session, phase=1, index=2, row=30, column=30, label=2)
    session.judge([(1, 3)], Verdict.ACCEPTED)
    session.start_from_file(file)
    found = labels_of(session)
    assert (found[1, 2, 30:33, 30:33] == 2).all()
    assert (found[1, 2] == 3).sum() == 100
    np.testing.assert_array_equal(found[1, 3], square(session.stack).labels[1, 3])
    np.testing.assert_array_equal(found[1, 1], labels[1, 1])


def test_a_start_comes_back_with_the_project(session, given, tiny_folder, project):
    session.start_from_file(given[0])
    kept = labels_of(session)
    project.close()
    again = opened(tiny_folder, Project.open(project.folder))
    np.testing.assert_array_equal(labels_of(again), kept)
    again.undo()
    assert again.segmentation is None
    again.project.close()


def test_dicom_segmentations_are_a_start(session, tmp_path):
    catalogue = session.catalogue
    entry = next(e for e in catalogue.entries if e.stack_id == session.stack.stack_id)
    labels = square(session.stack).labels.copy()
    labels[2:] = 0
    io.write_seg(
        Segmentation.on(session.stack, labels, "squares 1"), io.source_images(entry), tmp_path
    )
    session.start_from_file(tmp_path)
    np.testing.assert_array_equal(labels_of(session), labels)


def test_sunnybrook_contours_land_on_the_pictures_they_were_drawn_on(tmp_path):
    study = heart()
    folder = tmp_path / "case"
    paths = write_numbered(study.sax, folder, "IM-0009")
    drawn = {}
    for (t, z), path in paths.items():
        found = outlines(study.segmentation.labels[t, z])
        if t in (0, 1) and LV in found:
            number = path.stem.rpartition("-")[2]
            write_contour(found[LV][0], folder / f"IM-0001-{number}-icontour-manual.txt")
            if MYO in found:
                write_contour(found[MYO][0], folder / f"IM-0001-{number}-ocontour-manual.txt")
            drawn[t, z] = np.isin(study.segmentation.labels[t, z], (LV, MYO))
    session = opened(folder)
    task = session.starting_from_file(folder)
    given = task.run(None, None)
    assert session.segmentation is None
    assert len(given.frames) == len(drawn)
    assert given.source == "sunnybrook contours"
    task.commit(given)
    labels = labels_of(session)
    pixels = session.stack.pixels
    for frame in given.frames:
        source = next(f for f in drawn if np.array_equal(study.sax.pixels[f], pixels[frame]))
        np.testing.assert_array_equal(labels[frame] > 0, drawn[source])


def test_labels_of_other_pictures_are_refused(session, given, tmp_path):
    folder = tmp_path / "case"
    study = heart()
    paths = write_numbered(study.sax, folder, "IM-0009")
    (t, z), path = next(
        (f, p) for f, p in paths.items() if LV in outlines(study.segmentation.labels[f])
    )
    found = outlines(study.segmentation.labels[t, z])
    number = path.stem.rpartition("-")[2]
    write_contour(found[LV][0], folder / f"IM-0001-{number}-icontour-manual.txt")
    with pytest.raises(InputError, match="none on a picture of this stack"):
        session.start_from_file(folder)
    empty = tmp_path / "empty-labels.nii.gz"
    io.write_labels(Segmentation.on(session.stack, given[1] * 0), empty)
    with pytest.raises(InputError, match="holds no label"):
        session.start_from_file(empty)
    assert session.segmentation is None
