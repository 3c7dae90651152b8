"""The studies of a folder: found one by one, put in order, and how far each is."""

import numpy as np
import pytest

from napari_cmr import io, phantom
from napari_cmr.core import CancelledError, InputError, View
from napari_cmr.io.first_look import middle_picture, person_name
from napari_cmr.review import Project, State, Verdict
from napari_cmr.review.worklist import (
    Order,
    Unreadable,
    Worklist,
    following,
    places,
    progressed,
    studies_in,
    study_key,
    uncertainty_of,
)

from .conftest import opened, square

SMALL = {"n_phases": 3, "n_slices": 3, "rows": 24, "columns": 26, "pixel_mm": (7.0, 7.0)}


def write(folder, seed, **more):
    config = phantom.PhantomConfig(seed=seed, **{**SMALL, **more})
    phantom.write_dicom_study(phantom.make(config), folder)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    for seed, name in enumerate(("carol", "alice", "bob")):
        write(folder / name, seed)
    (folder / "letters").mkdir()
    (folder / "letters" / "letter.txt").write_text("not an image")
    (folder / "list.csv").write_text("a,b")
    return folder


def listed(folder):
    worklist = Worklist()
    for _, _, found in studies_in(folder):
        if not isinstance(found, Unreadable):
            worklist.add(found)
    return worklist


def names(studies):
    return [study.place for study in studies]


def test_each_folder_is_a_study_and_what_is_none_is_told_with_its_reason(cohort):
    found = list(studies_in(cohort))
    assert [done for done, _, _ in found] == [1, 2, 3, 4]
    (unreadable,) = [f for _, _, f in found if isinstance(f, Unreadable)]
    assert unreadable.place.name == "letters"
    assert "read as a study" in unreadable.reason
    worklist = listed(cohort)
    assert names(worklist.studies) == ["alice", "bob", "carol"]
    assert [study.number for study in worklist.studies] == [1, 2, 3]
    assert worklist.studies[0].first.view is View.SAX


def test_studies_come_one_by_one_and_stop_when_told(cohort):
    asked = []
    generator = studies_in(cohort, cancel=lambda: len(asked) > 0)
    assert next(generator)[0] == 1
    asked.append(1)
    with pytest.raises(CancelledError):
        next(generator)


def test_a_folder_with_images_in_it_is_one_place_and_a_missing_one_is_told(cohort, tmp_path):
    assert places(cohort / "alice") in (
        (cohort / "alice",),
        tuple(sorted((cohort / "alice").iterdir())),
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "IM-0001").write_bytes(b"x")
    assert places(tmp_path) == (tmp_path,)


def test_a_study_whose_series_lie_in_folders_of_their_own_is_read_as_one(tmp_path):
    write(tmp_path / "all", 7, long_axes=True)
    catalogue = io.scan(tmp_path / "all")
    for number, entry in enumerate(catalogue.entries):
        place = tmp_path / "split" / f"series{number}"
        place.mkdir(parents=True)
        for phase in entry.source.places:
            for one in phase:
                one.path.rename(place / one.path.name)
    worklist = listed(tmp_path / "split")
    (study,) = worklist.studies
    views = {str(entry.view) for entry in study.catalogue.entries}
    assert views == {str(entry.view) for entry in catalogue.entries} >= {"SAX", "4CH"}
    assert study.catalogue.path == tmp_path / "split"


def test_random_order_repeats_with_its_seed_and_keeps_every_study():
    worklist = Worklist()
    for number in range(20):
        worklist.add(fake(f"subject {number}"))
    once = worklist.ordered(Order.RANDOM, seed=3)
    assert once == worklist.ordered(Order.RANDOM, seed=3)
    assert once != worklist.ordered(Order.RANDOM, seed=4)
    assert set(once) == set(worklist.studies)
    assert worklist.ordered(Order.LISTED) == worklist.studies


def fake(subject):
    from pathlib import Path

    from napari_cmr.core import Geometry, Sequence
    from napari_cmr.io.catalogue import Catalogue, Entry

    geometry = Geometry.regular(3, (8.0, 1.0, 1.0))
    entry = Entry("sax-1", View.SAX, "", Sequence.CINE, (2, 3, 4, 4), geometry, subject, 1, None)
    return Catalogue(Path("/somewhere"), (entry,), {})


def test_the_next_study_follows_the_order_and_ends_at_its_end(cohort):
    studies = listed(cohort).studies
    first = following(studies, None)
    assert first is studies[0]
    assert following(studies, first.key) is studies[1]
    assert following(studies, studies[1].key, -1) is first
    assert following(studies, studies[2].key) is None


def test_states_come_from_the_log_of_the_reader_without_reading_pixels(cohort, project):
    session = opened(cohort / "bob", project)
    session.predict(square)
    session.judge(None, Verdict.ACCEPTED)
    opened(cohort / "carol", project).flag()
    project.flush()
    known = progressed(project, "ada")
    states = {s.place: known.state_of(s.first) for s in listed(cohort).studies}
    assert states == {"alice": State.NEW, "bob": State.ACCEPTED, "carol": State.FLAGGED}
    assert progressed(project, "eve").state_of(listed(cohort).studies[1].first) is State.NEW


def test_two_stacks_alike_but_for_their_pixels_are_not_taken_for_each_other(cohort, project):
    session = opened(cohort / "bob", project)
    session.predict(square)
    info = project.stacks()[0]
    from dataclasses import replace

    project.add_stack(replace(info, key="another"))
    entry = session.catalogue.entries[0]
    assert progressed(project, "ada").key_of(entry) is None


def test_the_most_uncertain_come_first_and_the_unknown_last(cohort, project):
    worklist = listed(cohort)
    values = {}
    for name, value in (("bob", 0.2), ("carol", 0.9)):
        session = opened(cohort / name, project)
        values[session.reading.key] = value
    known = progressed(project, "ada")
    order = worklist.ordered(Order.UNCERTAIN, uncertainty=values.get, known=known)
    assert names(order) == ["carol", "bob", "alice"]
    assert uncertainty_of(order[0], values.get, known) == 0.9
    assert uncertainty_of(order[2], values.get, known) is None
    assert worklist.ordered(Order.UNCERTAIN) == worklist.studies


def test_the_thumbnail_is_the_middle_slice_of_the_first_phase(cohort, tmp_path):
    entry = listed(cohort).studies[0].first
    stack = io.load(entry)
    np.testing.assert_array_equal(middle_picture(entry), stack.pixels[0, 1])
    file = tmp_path / "cine.nii.gz"
    io.write_nifti(stack, file)
    (nifti,) = io.scan(file).entries
    np.testing.assert_allclose(middle_picture(nifti), io.load(nifti).pixels[0, 1])


def test_the_name_is_the_files_own_and_files_without_one_have_none(cohort, tmp_path):
    import pydicom

    entry = listed(cohort).studies[0].first
    path = entry.source.places[0][0].path
    dataset = pydicom.dcmread(path)
    before = dataset.PatientName
    dataset.PatientName = "Doe^Jane"
    dataset.save_as(path)
    assert person_name(entry) == "Doe, Jane"
    dataset.PatientName = before
    dataset.save_as(path)
    io.write_nifti(io.load(entry), tmp_path / "cine.nii.gz")
    assert person_name(io.scan(tmp_path).entries[0]) == ""


def test_files_of_the_same_name_in_two_folders_are_two_studies(cohort, tmp_path):
    stack = io.load(listed(cohort).studies[0].first)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        io.write_nifti(stack, tmp_path / name / "image.nii.gz")
    assert len(listed(tmp_path)) == 2


def test_a_damaged_log_is_one_sentence(tmp_path, cohort):
    project = Project.open(tmp_path / "p")
    session = opened(cohort / "bob", project)
    session.predict(square)
    project.close()
    import sqlite3

    with sqlite3.connect(project.file) as database:
        database.execute("DROP TRIGGER log_is_not_rewritten")
        database.execute("UPDATE log SET body = '{' WHERE kind = 'prediction'")
    database.close()
    with pytest.raises(InputError, match="damaged"):
        progressed(Project.look_into(tmp_path / "p"), "ada")


def test_keys_of_uids_mean_the_same_in_every_folder(cohort):
    study = listed(cohort).studies[0]
    assert study_key(study.catalogue) == study.first.subject
