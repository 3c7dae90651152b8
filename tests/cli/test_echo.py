"""The verbs over manifests for ultrasound, from a data set's own folder to figures."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_cmr.cli.app import app
from napari_cmr.core import InputError
from napari_cmr.phantom.write_ultrasound import ultrasound_configs, write_echonet


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A manifest of three phantoms, and a model that was trained on two of them for one step."""
    folder = tmp_path_factory.mktemp("echo")
    write_echonet(ultrasound_configs(3, n_frames=2, frames_a_beat=2), folder / "set")
    manifest = folder / "set" / "m.csv"
    call("manifest", folder / "set", "--out", manifest, "--validation", 1)
    narrow = {"segmenter": {"channels": [4, 8, 12], "batch": 2}, "seed": 5}
    (folder / "narrow.json").write_text(json.dumps(narrow))
    call(
        "finetune", "--task", "echo_lv_seg", "--manifest", manifest, "--out", folder / "model",
        "--steps", 1, "--threads", 1, "--weight", 1, "--config", folder / "narrow.json",
    )  # fmt: skip
    return folder, manifest


def call(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_settings_in_json_are_what_is_trained(trained):
    card = json.loads((trained[0] / "model" / "card.json").read_text())
    assert card["networks"]["segmenter"]["channels"] == [4, 8, 12]
    assert (card["seed"], card["recipe"]["segmenter"]["batch"]) == (5, 2)
    assert card["recipe"]["segmenter"]["steps"] == 1


def test_predict_writes_one_label_image_a_row_on_the_source_s_grid(trained):
    folder, manifest = trained
    options = ("--task", "echo_lv_seg", "--model", folder / "model")
    call("predict", *options, "--manifest", manifest, "--out", folder / "out")
    with (folder / "out" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    with manifest.open() as file:
        assert [r["subject"] for r in rows] == [r["subject"] for r in csv.DictReader(file)]
    for row in rows:
        labels = nib.load(folder / "out" / row["output"])
        assert labels.shape[:2] == (112, 112)
        assert set(np.unique(np.asarray(labels.dataobj))) <= {0, 1}


def test_evaluate_tells_both_kinds_of_dice(trained):
    folder, manifest = trained
    output = call(
        "evaluate", "--task", "echo_lv_seg", "--model", folder / "model", "--manifest", manifest,
        "--split", "validation", "--json", folder / "e.json",
    )  # fmt: skip
    told = json.loads((folder / "e.json").read_text())
    assert told["task"] == "echo_lv_seg"
    assert len(told["subjects"]) == 1
    assert {"dice_LV", "dice_LV_pooled", "dice_LV_ED_pooled"} <= set(told["mean"])
    assert "dice_LV_pooled" in output
    assert "measured together" not in output


def test_evaluate_says_that_people_it_learnt_from_are_among_those_measured(trained):
    folder, manifest = trained
    model = ("--task", "echo_lv_seg", "--model", folder / "model")
    output = call("evaluate", *model, "--manifest", manifest)
    assert "Rows of train and validation are measured together" in output


def test_a_wrong_number_of_weights_and_two_encoders_are_refused(trained, tmp_path):
    _, manifest = trained
    common = ("finetune", "--task", "echo_lv_seg", "--manifest", manifest, "--out", tmp_path)
    with pytest.raises(InputError, match="as many --weight"):
        call(*common, "--weight", 1, "--weight", 2)
    with pytest.raises(InputError, match="not both"):
        call(*common, "--encoder", "unet", "--start", "x")
    with pytest.raises(InputError, match="echo_lv_seg only"):
        call("finetune", "--manifest", manifest, "--out", tmp_path, "--encoder", "unet")
