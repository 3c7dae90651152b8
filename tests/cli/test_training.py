"""The verbs of a training in the background, as far as nothing need be trained."""

import json
import time

import pytest

from napari_cmr.cli.app import app
from napari_cmr.core import InputError
from napari_cmr.review import Project
from napari_cmr.review.training import TrainingJob
from napari_cmr.review.training_status import JobState, JobStatus, write_status


@pytest.fixture
def call(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        done = CliRunner().invoke(app, ["training", *arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    return run


@pytest.fixture
def project(tmp_path):
    Project.open(tmp_path / "p").close()
    return tmp_path / "p"


def test_a_project_in_which_nothing_was_done_says_so(call, project):
    assert "nothing was trained" in call("status", "--project", "p")
    with pytest.raises(InputError, match="No training of this project is running"):
        call("pause", "--project", "p")
    with pytest.raises(InputError, match="correct or accept some slices first"):
        call("start", "--project", "p")
    with pytest.raises(InputError, match="no tier 'lord'"):
        call("start", "--project", "p", "--tier", "lord")
    with pytest.raises(InputError, match="no project in nowhere"):
        call("status", "--project", "nowhere")


def test_one_that_begins_is_told_of_and_can_be_asked_to_wait_go_on_and_stop(call, project):
    job = TrainingJob(project)
    job.folder.mkdir()
    starting = JobStatus(
        JobState.STARTING, tier="head", stage="training", done=3, of=9, remaining_s=4.0,
        at=time.time(), device="a test",
    )  # fmt: skip
    write_status(job.folder, starting)
    said = call("status", "--project", "p", "--json", "s.json")
    assert "training 3 of 9" in said
    assert "about 4 s left on a test" in said
    assert json.loads((project.parent / "s.json").read_text())["state"] == "starting"
    call("pause", "--project", "p")
    assert job.pausing
    call("resume", "--project", "p")
    assert not job.pausing
    call("stop", "--project", "p")
    assert job.stopping
    with pytest.raises(InputError, match="running already"):
        call("start", "--project", "p")
