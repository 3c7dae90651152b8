"""The terminal's verbs over a project, as a user calls them."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_cmr import io
from napari_cmr.cli.app import app
from napari_cmr.core import InputError
from napari_cmr.io.manifest import read_manifest
from napari_cmr.review import Project
from tests.review.conftest import dab, labels_of, opened, square


def call(*words):
    result = CliRunner().invoke(app, ["project", *map(str, words)])
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def drawn(session, project):
    """A project in which ada corrected a prediction; the window is still open."""
    session.predict(square)
    dab(session)
    assert project.flush()
    return project.folder


def test_list_log_and_replay_say_what_was_done(drawn, session, tmp_path):
    assert "SAX cine by ada: corrected, 2 changes" in call("list", drawn)
    told = call("log", drawn, "--json", tmp_path / "log.json")
    assert "ada #2 stroke at [[1, 2], [2, 3], [12, 15], [12, 15]] on squares 1" in told
    changes = json.loads((tmp_path / "log.json").read_text())
    assert [change["kind"] for change in changes] == ["prediction", "stroke"]
    call("replay", drawn, "--json", tmp_path / "replay.json")
    (line,) = json.loads((tmp_path / "replay.json").read_text())
    assert line["stack"] == session.reading.key
    assert line["state"] == "corrected"
    assert line["labels_sha256"] in call("replay", drawn)


def test_export_writes_labels_and_a_manifest_for_the_images_it_is_given(
    drawn, session, tiny_folder, tmp_path
):
    call("export", drawn, "--out", tmp_path / "out", "--images", tiny_folder)
    (row,) = read_manifest(tmp_path / "out" / "manifest.csv", need_labels=True)
    assert row.frame == "1"
    np.testing.assert_array_equal(io.read_labels(row.label).labels, labels_of(session))
    with pytest.raises(InputError, match="choose another folder"):
        call("export", drawn, "--out", tmp_path / "out")
    dab(session, phase=3)
    call("export", drawn, "--out", tmp_path / "out", "--images", tiny_folder, "--overwrite")
    rows = read_manifest(tmp_path / "out" / "manifest.csv", need_labels=True)
    assert [row.frame for row in rows] == ["1", "3"]


def test_two_readers_of_a_project_are_compared(drawn, project, tiny_folder, tmp_path):
    with pytest.raises(InputError, match="No stack was read by two readers"):
        call("compare", drawn)
    opened(tiny_folder, project, "ben").predict(square)
    assert project.flush()
    told = call("compare", drawn, "--json", tmp_path / "compared.json")
    assert "phase 1, slice 2: 9 pixels" in told
    (result,) = json.loads((tmp_path / "compared.json").read_text())
    assert result["readers"] == ["ada", "ben"]
    assert result["dice"]["LV myocardium"] == 0.75  # three phases have none, one has 0 of 9


def test_what_is_not_there_is_one_sentence(drawn, tmp_path):
    with pytest.raises(InputError, match="no project in"):
        call("list", tmp_path / "nowhere")
    with pytest.raises(InputError, match="0 stacks of the project begin with 'zz'"):
        call("list", drawn, "--stack", "zz")
    with pytest.raises(InputError, match="Nothing was done yet by eve"):
        call("log", drawn, "--reader", "eve")
    Project.open(tmp_path / "new").close()
    with pytest.raises(InputError, match="Nothing was done yet"):
        call("list", tmp_path / "new")
