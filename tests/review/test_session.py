import csv
import json

import numpy as np
import pytest

from napari_cmr import io, phantom
from napari_cmr.core import CancelledError, InputError, Segmentation, check_cancel
from napari_cmr.measure.one_plane import NO_VOLUMES
from napari_cmr.review import PhasesSet, Project, ReviewSession, Segmented, StackChosen, StudyOpened

CONFIG = phantom.PhantomConfig(
    n_phases=4, n_slices=6, rows=56, columns=60, pixel_mm=(3.6, 3.6), long_axes=True
)
BOX_PIXELS = (400, 100, 225, 324)  # LV pixels of each phase, in each of the six slices


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    phantom.write_dicom_study(phantom.make(CONFIG), folder)
    return folder


@pytest.fixture
def session(folder):
    session = ReviewSession()
    session.open(folder)
    session.choose(session.suggest())
    return session


def boxes(stack, progress=None, cancel=None):
    """LV squares whose area in each phase is known, no other structure."""
    labels = np.zeros(stack.shape, np.uint8)
    for phase, pixels in enumerate(BOX_PIXELS):
        check_cancel(cancel)
        side = round(pixels**0.5)
        labels[phase, :, 10 : 10 + side, 10 : 10 + side] = 1
        if progress is not None:
            progress(phase + 1, len(BOX_PIXELS))
    return Segmentation.on(stack, labels, "boxes 1")


def known(session):
    """All that a session says of the chosen stack, as it is now."""
    found, reading = session.segmentation, session.reading
    labels = None if found is None else (found.labels.tobytes(), found.model, found.findings)
    return labels, session.measures, reading.ed, reading.es, reading.history.number, session.state


def heard(session):
    events = []
    session.changed.connect(events.append)
    session._events = events  # psygnal holds weak references only
    return events


def test_opening_lists_stacks_and_suggests_the_short_axis(folder):
    session = ReviewSession()
    events = heard(session)
    catalogue = session.open(folder)
    assert [type(e) for e in events] == [StudyOpened]
    assert len(catalogue.entries) == 4
    assert session.stack is None
    stack = session.choose(session.suggest())
    assert stack.view == "SAX"
    assert stack.shape[:2] == (4, 6)
    assert events[1] == StackChosen(stack.stack_id)


def test_prediction_gives_measures_that_a_hand_calculation_gives(session):
    events = heard(session)
    session.predict(boxes)
    assert events == [Segmented(session.stack.stack_id)]
    m = session.measures
    assert (m.ed_phase, m.es_phase) == (0, 1)
    assert m.ef_percent == pytest.approx(75.0)
    # 400 pixels of 3.6 x 3.6 mm in six slices that each stand for 8 mm
    assert m.edv_ml == pytest.approx(400 * 3.6**2 * 6 * 8 / 1000, rel=1e-4)


def test_phases_set_by_hand_change_ef_and_none_takes_them_back(session):
    session.predict(boxes)
    events = heard(session)
    session.set_phases(3, 2)
    assert events == [PhasesSet(session.stack.stack_id, 3, 2)]
    assert session.measures.ef_percent == pytest.approx(100 * (1 - 225 / 324))
    assert session.measures.phases_set_by == "reader"
    session.set_phases(None, None)
    assert session.measures.ef_percent == pytest.approx(75.0)


def test_phases_set_before_segmenting_hold_for_the_segmentation(session):
    session.set_phases(3, None)
    assert session.measures is None
    session.predict(boxes)
    assert session.measures.ed_phase == 3


@pytest.mark.parametrize(("ed", "es"), [(-1, 0), (0, 4)])
def test_a_phase_that_is_not_there_is_refused_and_nothing_changes(session, ed, es):
    session.predict(boxes)
    before, events = known(session), heard(session)
    with pytest.raises(InputError, match="phases 0 to 3"):
        session.set_phases(ed, es)
    assert known(session) == before
    assert events == []


def test_cancelling_a_prediction_leaves_the_earlier_one(session):
    session.predict(boxes)
    before, events = known(session), heard(session)
    steps = []
    with pytest.raises(CancelledError):
        session.predict(
            boxes, progress=lambda done, _: steps.append(done), cancel=lambda: len(steps) == 2
        )
    assert steps == [1, 2]
    assert known(session) == before
    assert events == []


def test_a_failing_prediction_leaves_the_session_as_it_was(session):
    def fails(stack, progress, cancel):
        raise InputError("The model is gone; install it again.")

    before = known(session)
    with pytest.raises(InputError, match="model is gone"):
        session.predict(fails)
    assert known(session) == before


def test_a_failing_open_keeps_the_open_study(session, tmp_path):
    before = (session.catalogue, session.reading)
    with pytest.raises(InputError, match="empty"):
        session.open(tmp_path)
    assert (session.catalogue, session.reading) == before


def test_another_stack_and_back_keeps_segmentation_and_phases(session):
    sax = session.stack.stack_id
    session.predict(boxes)
    session.set_phases(3, 1)
    kept = session.reading
    other = next(e.stack_id for e in session.catalogue.entries if e.stack_id != sax)
    session.choose(other)
    assert session.segmentation is None
    session.choose(sax)
    assert session.reading is kept


def test_a_prediction_belongs_to_the_stack_it_was_started_on(session):
    sax = session.stack.stack_id
    task = session.predicting(boxes)
    result = task.run(None, None)
    other = next(e.stack_id for e in session.catalogue.entries if e.stack_id != sax)
    session.choose(other)
    task.commit(result)
    assert session.stack.stack_id == other
    assert session.segmentation is None
    session.choose(sax)
    np.testing.assert_array_equal(session.segmentation.labels, result.labels)


def test_a_result_for_a_study_no_longer_open_is_refused(session, folder):
    task = session.predicting(boxes)
    result = task.run(None, None)
    session.open(folder)
    with pytest.raises(InputError, match="Another study was opened"):
        task.commit(result)
    assert session.stack is None


def test_an_unknown_stack_is_refused_with_the_names_there_are(session):
    with pytest.raises(InputError, match="sax-1"):
        session.choose("no-such")


def test_intentions_without_a_study_say_what_to_do_first():
    session = ReviewSession()
    for intention in (session.suggest, session.predict, lambda: session.set_phases(0, 1)):
        with pytest.raises(InputError, match="open"):
            intention()


def test_a_long_axis_that_no_model_covers_is_given_to_none(session):
    long_axis = next(e.stack_id for e in session.catalogue.entries if e.view == "2CH")
    session.choose(long_axis)
    with pytest.raises(InputError, match=f"No model covers {long_axis}, which is 2CH cine"):
        session.predict()


def test_one_plane_has_phases_and_areas_and_no_volume(session, tmp_path):
    four = next(e.stack_id for e in session.catalogue.entries if e.view == "4CH")
    session.choose(four)
    session.predict(boxes)
    measures = session.measures
    assert measures.edv_ml is measures.ef_percent is measures.lv_volumes_ml is None
    assert measures.notes == (NO_VOLUMES,)
    files = session.export(tmp_path)
    assert {"long_axis.json", "long_axis.csv"} < {file.name for file in files}
    told = json.loads((tmp_path / "measures.json").read_text())
    assert told["edv_ml"] is told["ef_percent"] is None
    plane = json.loads((tmp_path / "long_axis.json").read_text())
    assert plane["kind"] == "4ch"
    assert [f["code"] for f in plane["findings"]] == ["single-plane"]


def test_export_writes_labels_on_the_grid_and_the_measures(session, tmp_path):
    session.predict(boxes)
    labels, measures, table = session.export(tmp_path / "new" / "folder")
    assert sorted(p.name for p in labels.parent.iterdir()) == [
        "labels.nii.gz",
        "measures.csv",
        "measures.json",
    ]
    assert json.loads(measures.read_text())["ef_percent"] == pytest.approx(75.0)
    with table.open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert (rows["ef_percent"]["value"], rows["ef_percent"]["unit"]) == ("75.0", "%")
    assert "ED phase 0, ES phase 1" in rows["ef_percent"]["phases"]
    back = io.read_labels(labels)
    assert [int((phase == 1).sum()) // 6 for phase in back.labels] == list(BOX_PIXELS)


def test_an_export_that_fails_leaves_the_earlier_files_together(session, tmp_path, monkeypatch):
    session.predict(boxes)
    before = {file.name: file.read_bytes() for file in session.export(tmp_path)}
    session.set_phases(2, 1)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_cmr.measure.write_csv", full_disk)
    with pytest.raises(InputError, match="No space left"):
        session.export(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_export_before_segmenting_is_refused(session, tmp_path):
    with pytest.raises(InputError, match="segment the stack first"):
        session.export(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_spacing_given_by_hand_turns_ef_only_into_volumes(tmp_path):
    study = phantom.make(CONFIG.model_copy(update={"long_axes": False}))
    file = tmp_path / "lost.nii.gz"
    io.write_nifti(study.sax, file)
    strip_spacing(file)
    session = ReviewSession()
    session.open(file)
    stack = session.choose(session.suggest())
    assert not stack.geometry.spacing_known
    session.predict(boxes)
    assert session.measures.edv_ml is None
    assert session.measures.ef_percent == pytest.approx(75.0)
    session.choose(stack.stack_id, spacing=(10.0, 2.0, 1.5))
    assert session.segmentation is None
    session.predict(boxes)
    assert session.measures.edv_ml == pytest.approx(400 * 2.0 * 1.5 * 6 * 10 / 1000)


def test_a_project_has_the_spacing_that_was_given_by_hand(tmp_path):
    study = phantom.make(CONFIG.model_copy(update={"long_axes": False}))
    file = tmp_path / "lost.nii.gz"
    io.write_nifti(study.sax, file)
    strip_spacing(file)
    project = Project.open(tmp_path / "project")
    session = ReviewSession(project, "ada")
    session.open(file)
    stack = session.choose(session.suggest())
    given = (10.0, 2.0, 1.5)
    session.predict(boxes)
    session.choose(stack.stack_id, spacing=given)
    assert session.segmentation is None  # it was found at no known scale
    session.undo()
    assert session.segmentation.model == "boxes 1"
    session.redo()
    session.correct(((0, 1), (0, 1), (5, 7), (5, 7)), np.ones((1, 1, 2, 2), np.uint8))
    project.close()
    again = ReviewSession(Project.open(tmp_path / "project"), "ada")
    (info,) = again.project.stacks()
    assert info.geometry.spacing == given
    again.open(file)
    again.choose(stack.stack_id)  # no spacing given this time: what is known stays known
    assert again.project.stacks()[0].geometry.spacing == given
    again.choose(stack.stack_id, spacing=given)
    assert np.count_nonzero(again.segmentation.labels) == 4  # the reader's own pixels stay
    again.project.close()


def strip_spacing(file):
    import nibabel as nib

    image = nib.load(file)
    bare = nib.Nifti1Image(np.asarray(image.dataobj), np.eye(4))
    nib.save(bare, file)
