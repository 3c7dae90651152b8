import csv

import numpy as np
import pytest

from napari_cmr import io
from napari_cmr.core import InputError
from napari_cmr.io.manifest import load_image, load_label, read_manifest
from napari_cmr.review import Project, Verdict
from napari_cmr.review.comparison import compare, pairs
from napari_cmr.review.export import export_labels
from napari_cmr.review.lines import lines
from tests.review.conftest import dab, labels_of, opened, square


def test_labels_come_back_from_the_exported_file(session, project, tmp_path):
    session.predict(square)
    dab(session)
    written = export_labels(lines(project), tmp_path / "out")
    assert written.manifest is None
    (file,) = written.labels
    np.testing.assert_array_equal(io.read_labels(file).labels, labels_of(session))


def test_the_manifest_names_the_reviewed_phases_and_loads(session, project, tmp_path):
    session.predict(square)
    dab(session, phase=1)
    session.judge([(2, z) for z in range(5)], Verdict.ACCEPTED)
    dab(session, phase=3)
    session.judge([(3, 0)], Verdict.REJECTED)
    key = session.reading.key
    written = export_labels(lines(project), tmp_path, images={key: lambda: session.stack})
    rows = read_manifest(written.manifest, need_labels=True)
    assert [row.frame for row in rows] == ["1", "2"]
    assert [row.columns["frames_reviewed"] for row in rows] == ["1/5", "5/5"]
    assert rows[0].columns["reader"] == "ada"
    assert session.stack.subject not in written.manifest.read_text()
    for row in rows:
        stack = load_image(row)
        assert stack.shape == session.stack.shape
        phases, truth = load_label(row, stack)
        assert phases == [int(row.frame)]
        np.testing.assert_array_equal(truth.labels[0], labels_of(session)[phases[0]])
    np.testing.assert_allclose(stack.pixels, session.stack.pixels)


def test_only_accepted_phases_where_that_is_asked_for(session, project, tmp_path):
    session.predict(square)
    dab(session, phase=1)
    session.judge([(2, z) for z in range(5)], Verdict.ACCEPTED)
    images = {session.reading.key: lambda: session.stack}
    written = export_labels(lines(project), tmp_path, images=images, accepted_only=True)
    with written.manifest.open() as file:
        assert [row["frame"] for row in csv.DictReader(file)] == ["2"]


def test_what_nobody_looked_at_is_not_trained_on(session, project, tmp_path):
    session.predict(square)
    with pytest.raises(InputError, match="nothing to train on"):
        export_labels(lines(project), tmp_path, images={session.reading.key: lambda: session.stack})


def test_two_readers_of_one_stack_must_be_told_apart(session, project, tiny_folder, tmp_path):
    session.predict(square)
    opened(tiny_folder, project, reader="ben").predict(square)
    with pytest.raises(InputError, match="read by ada, ben; choose one with --reader"):
        export_labels(lines(project), tmp_path)
    assert len(export_labels(lines(project, reader="ben"), tmp_path).labels) == 1


def test_two_readers_are_compared_as_a_hand_calculation_does(
    session, project, tiny_folder, tmp_path
):
    session.predict(square)
    elsewhere = Project.open(tmp_path / "ben")
    other = opened(tiny_folder, elsewhere, reader="ben")
    other.predict(square)
    dab(other, phase=1, index=2, row=10, column=10, label=0)  # 9 of 500 pixels of the phase
    ((first, second),) = pairs(lines(project), lines(elsewhere))
    result = compare(first, second)
    elsewhere.close()
    assert result.readers == ("ada", "ben")
    assert result.dice_per_phase["LV cavity"][1] == pytest.approx(2 * 491 / (500 + 491))
    assert result.dice["LV cavity"] == pytest.approx((3 + 2 * 491 / 991) / 4)
    (place,) = result.differences
    assert (place.phase, place.slice, place.pixels) == (1, 2, 9)
    assert place.area_mm2 == pytest.approx(9 * 3.6**2)
    assert result.measures[0].ef_percent == pytest.approx(0)
    assert result.measures[1].ef_percent == pytest.approx(100 * 9 / 500, abs=0.5)
