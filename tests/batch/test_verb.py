"""The verb, as a user runs it: the shipped model on two small hearts, and what it refuses."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_cmr import phantom
from napari_cmr.cli.batching import duration
from napari_cmr.io import read_labels
from napari_cmr.measure import dice
from napari_cmr.phantom.write import write_dicom_study

PROGRAM = Path(sys.executable).parent / "napari-cmr"


def batch(folder, *arguments):
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    command = [str(PROGRAM), "batch", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_two_hearts_from_folder_to_table(tmp_path):
    hearts = {}
    for seed, ejection in ((0, 60.0), (1, 35.0)):
        config = phantom.PhantomConfig(
            seed=seed, n_phases=3, n_slices=5, slice_step_mm=18, lv_ef_percent=ejection
        )
        hearts[f"p{seed}"] = heart = phantom.make(config)
        write_dicom_study(heart, tmp_path / "in" / f"p{seed}")
    done = batch(tmp_path, "in", "--out", "out", "--workers", "1", "--json", "s.json")
    assert done.returncode == 0, done.stderr
    assert "2 ok, 0 failed, 0 skipped" in done.stdout
    assert "2 of 2 studies" in done.stderr
    assert json.loads((tmp_path / "s.json").read_text())["ok"] == 2
    with (tmp_path / "out" / "measures.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    for name, heart in hearts.items():
        found = read_labels(tmp_path / "out" / rows[name]["labels"]).labels
        assert dice(found == 1, heart.segmentation.labels == 1) > 0.85
        assert rows[name]["model"].startswith("cine-sax-unet ")
    ef = {name: float(row["ef_percent"]) for name, row in rows.items()}
    assert ef["p0"] - ef["p1"] == pytest.approx(25, abs=8)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere", "--out", "out"), "Cannot list"),
        (("--out", "out"), "Give a folder of studies"),
        ((".", "--out", "out", "--workers", "-1"), "--workers"),
        ((".", "--out", "out", "--workers", "2", "--scheduler", "tcp://h:1"), "leave --workers"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(tmp_path, arguments, told):
    done = batch(tmp_path, *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (39.6, "40 s"),
        (90, "2 min"),
        (3599, "1 h 0 min"),
        (11_100, "3 h 5 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_time_left_is_said_as_a_person_would(seconds, text):
    assert duration(seconds) == text
