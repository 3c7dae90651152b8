"""What there is to learn from a project, and a training's files, without training anything."""

import json
import os
import stat
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from napari_cmr.core import CancelledError, InputError, check_cancel
from napari_cmr.io.manifest import load_image, load_label, read_manifest
from napari_cmr.learn.examples import load_labelled
from napari_cmr.review import Project, Verdict
from napari_cmr.review.cases import (
    MOST_PHASES,
    forget_cases,
    keep_case,
    kept_bytes,
    what_can_be_learned,
    worth_keeping,
    write_training_cases,
)
from napari_cmr.review.lock import FolderLock
from napari_cmr.review.training import TrainingJob, expected_seconds
from napari_cmr.review.training_report import reporting
from napari_cmr.review.training_status import (
    CURVE,
    LOCK,
    PAUSE,
    STOP,
    JobState,
    JobStatus,
    read_rates,
    read_status,
    write_plan,
    write_status,
)
from tests.review.conftest import dab, square


def without_slices(row):
    return replace(row, columns=row.columns | {"labelled_slices": ""})


@pytest.fixture
def drawn(session):
    """One phase drawn on, one with an accepted slice, one with a rejected one."""
    session.apply_prediction(square(session.stack))
    dab(session, phase=1, index=2)
    dab(session, phase=1, index=3)
    session.judge([(2, 0)], Verdict.ACCEPTED)
    dab(session, phase=3, index=1)
    session.judge([(3, 0)], Verdict.REJECTED)
    return session


def test_what_was_corrected_is_counted_once_its_images_are_kept(drawn, project):
    assert what_can_be_learned(project, "ada").without_images == 1
    assert worth_keeping(drawn.reading)
    place = keep_case(project, drawn.reading)
    found = what_can_be_learned(project, "ada")
    assert (found.subjects, found.stacks, found.phases, found.slices) == (1, 1, 2, 3)
    assert found.all_slices == 2 * 5
    assert found.structures == ("LV", "MYO")
    assert found.without_images == 0
    assert what_can_be_learned(project, "grace").subjects == 0
    if os.name == "posix":
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert kept_bytes(project) == place.stat().st_size
    assert forget_cases(project) > 0
    assert what_can_be_learned(project, "ada").without_images == 1


def test_the_manifest_holds_the_readers_phases_with_pixels_and_labels_as_they_are(
    drawn, project, tmp_path
):
    with pytest.raises(InputError, match="images are kept"):
        write_training_cases(project, "ada", tmp_path / "out")
    keep_case(project, drawn.reading)
    manifest = write_training_cases(project, "ada", tmp_path / "out")
    rows = read_manifest(manifest, need_labels=True)
    assert [row.frame for row in rows] == ["1", "2"]
    labels = drawn.reading.history.labels
    for row, phase in zip(rows, (1, 2), strict=True):
        stack = load_image(row)
        assert (stack.pixels == drawn.stack.pixels).all()
        phases, truth = load_label(row, stack)
        assert list(phases) == [phase]
        assert (truth.labels[0] == labels[phase]).all()
    assert [row.columns["labelled_slices"] for row in rows] == ["2 3", "0"]
    learnt = load_labelled(rows)
    assert [np.flatnonzero(row.said.any((0, 2, 3))).tolist() for row in learnt] == [[2, 3], [0]]
    assert all(row.said.all() for row in load_labelled([without_slices(row) for row in rows]))
    write_training_cases(project, "ada", tmp_path / "out")  # again, over what was there


def test_of_many_phases_few_are_taken_those_drawn_on_first(tmp_path):
    from napari_cmr import phantom
    from tests.review.conftest import opened

    config = phantom.PhantomConfig(n_phases=12, n_slices=2, rows=30, columns=30)
    phantom.write_dicom_study(phantom.make(config), tmp_path / "study")
    project = Project.open(tmp_path / "project")
    session = opened(tmp_path / "study", project)
    session.apply_prediction(square(session.stack))
    session.judge(None, Verdict.ACCEPTED)
    dab(session, phase=7, index=0)
    keep_case(project, session.reading)
    rows = read_manifest(write_training_cases(project, "ada", tmp_path / "out"))
    phases = [int(row.frame) for row in rows]
    assert len(phases) == MOST_PHASES
    assert 7 in phases
    assert min(phases) < 3
    assert max(phases) > 8
    project.close()


def test_a_project_in_memory_cannot_keep_images(session):
    dab(session)
    with pytest.raises(InputError, match="choose a project folder"):
        keep_case(Project.in_memory(), session.reading)


def test_expected_times_follow_what_the_project_measured(drawn, project):
    keep_case(project, drawn.reading)
    material = what_can_be_learned(project, "ada")
    slow = expected_seconds(material, "lora", {"training lora": 3.0})
    quick = expected_seconds(material, "lora", {"training lora": 1.0})
    assert slow["training"] == 3 * quick["training"]
    assert list(expected_seconds(material, "auto")) == ["reading", "asking", "training"]


@pytest.fixture
def folder(tmp_path):
    folder = TrainingJob(tmp_path).folder
    folder.mkdir(parents=True)
    return folder


def test_a_report_is_read_while_it_is_written(folder, tmp_path):
    job = TrainingJob(tmp_path)
    write_plan(folder, {"reading": 1.0, "training": 10.0, "judging": 5.0})
    with reporting(folder, "head") as report:
        report.runs_on("a test")
        report.stage("training", 4)
        report.step(1, 0.5)
        report.score(1, 0.25)
        status = job.status()
        assert (status.state, status.stage, status.done) == (JobState.RUNNING, "training", 1)
        assert status.device == "a test"
        assert 5.0 <= status.remaining_s < 15.0
        with (folder / CURVE).open("a") as curve:
            curve.write('["loss", 2')  # half a line
        assert job.curve().losses == ((1, 0.5),)
        assert job.curve().scores == ((1, 0.25),)
        with pytest.raises(InputError, match="running already"):
            job.start(Project.in_memory(), "ada")
        report.step(4, 0.1)
        report.end(JobState.DONE, "v0002 is active", version="v0002", parent="v0001")
    assert job.status().state is JobState.DONE
    assert set(read_rates(folder)) == {"training head"}


def test_a_flag_stops_it_and_another_lets_it_wait(folder, tmp_path):
    job = TrainingJob(tmp_path)

    def train():
        with reporting(folder, "head") as report:
            assert not report.cancelled()
            job.pause()
            assert job.pausing
            (folder / STOP).touch()  # who stops need not go on first
            check_cancel(report.cancelled)

    with pytest.raises(CancelledError):
        train()
    assert job.status().state is JobState.STOPPED
    assert "as it was" in job.status().sentence
    job.resume()
    assert not (folder / PAUSE).exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [(InputError("The labels are empty."), "The labels are empty."), (KeyError("x"), "KeyError")],
)
def test_a_failure_is_told(folder, tmp_path, error, said):
    with pytest.raises(type(error)), reporting(folder, "head"):
        raise error
    status = TrainingJob(tmp_path).status()
    assert status.state is JobState.FAILED
    assert said in status.sentence


HOLDS = """
import sys, time
from pathlib import Path
from napari_cmr.review.training_report import reporting
with reporting(Path(sys.argv[1]), "head") as report:
    report.stage("training", 9)
    print("ready", flush=True)
    time.sleep(100)
"""


def test_a_process_that_was_killed_is_found_out_and_another_may_begin(folder, tmp_path):
    job = TrainingJob(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    assert job.status().state is JobState.RUNNING
    lock = FolderLock(folder / LOCK)
    assert not lock.held
    lock.release()
    process.kill()
    process.wait()
    process.stdout.close()
    status = job.status()
    assert status.state is JobState.LOST
    assert "start it again" in status.sentence
    assert read_status(folder).state is JobState.LOST
    with reporting(folder, "head"):
        pass


def test_one_that_never_began_is_lost_after_a_while(folder, tmp_path):
    job = TrainingJob(tmp_path)
    write_status(folder, JobStatus(JobState.STARTING, at=time.time()))
    assert job.status().state is JobState.STARTING
    write_status(folder, JobStatus(JobState.STARTING, at=time.time() - 1000))
    assert job.status().state is JobState.LOST


def test_time_goes_on_while_it_starts_and_says_nothing(folder, tmp_path):
    job = TrainingJob(tmp_path)
    write_status(folder, JobStatus(JobState.STARTING, at=time.time() - 30))
    assert 30 <= job.status().elapsed_s < 60
    with reporting(folder, "head") as report:
        assert 30 <= read_status(folder).elapsed_s < 60  # not from 0 again
        write_status(folder, JobStatus(JobState.RUNNING, elapsed_s=40, at=time.time() - 50))
        assert 90 <= job.status().elapsed_s < 120
        write_status(folder, JobStatus(JobState.PAUSED, elapsed_s=40, at=time.time() - 50))
        assert job.status().elapsed_s == 40
        report.end(JobState.FAILED, "")


def test_stopped_before_it_began_it_ends_at_once(drawn, project):
    keep_case(project, drawn.reading)
    job = TrainingJob(project.folder)
    for _ in range(2):  # and may be started again
        job.start(project, "ada", tier="head")
        process = job._own[job.folder]
        job.stop()
        assert process.returncode is not None
        assert job.status().state is JobState.STOPPED
        assert "as it was" in job.status().sentence


def test_what_cannot_be_read_is_no_training(folder, tmp_path):
    job = TrainingJob(tmp_path)
    for text in ("", "{", "[]", json.dumps({"state": "flying"})):
        (folder / "status.json").write_text(text)
        assert job.status().state is JobState.NONE
    with pytest.raises(InputError, match="no tier 'lord'"):
        job.start(Project.in_memory(), "ada", tier="lord")
