"""``explain``: a map on the images' grid, its scores, and the map as DICOM."""

from __future__ import annotations

import json
import subprocess
import sys

import nibabel
import numpy as np
import pydicom
import pytest

from napari_cmr import phantom
from napari_cmr.cli.explaining import METHODS
from napari_cmr.learn import saliency
from napari_cmr.learn.saliency import asking
from napari_cmr.review import explaining
from tests.io.conformance import errors_of

SMALL = phantom.PhantomConfig(
    n_phases=2, n_slices=3, rows=48, columns=48, pixel_mm=(3.6, 3.6), long_axes=False
)


def test_ef_is_explained_on_the_images_grid_and_as_dicom(run, tmp_path):
    phantom.write_dicom_study(phantom.make(SMALL), tmp_path / "study")
    told = run(
        "explain", "study", "--target", "ef", "--method", "gradient", "--out", "why.nii.gz",
        "--no-check",
        "--dicom", "maps",
    )  # fmt: skip
    assert "LV ejection fraction" in told.stdout
    maps = nibabel.load(tmp_path / "why.nii.gz")
    assert maps.shape == (48, 48, 3, 2)
    scores = json.loads((tmp_path / "why.json").read_text())
    assert scores["sanity"] is None
    assert scores["unit"] == "%"
    assert {len(scores["pictures"]), scores["heart"]["pictures"]} <= {6, 5, 4}
    values = np.asarray(maps.dataobj)
    assert np.abs(values).max() > 0
    for phase, file in enumerate(sorted((tmp_path / "maps").glob("*.dcm"))):
        written = pydicom.dcmread(file).pixel_array
        assert np.abs(written).max() == np.float32(np.abs(values[..., phase]).max())
        assert errors_of(file) == []


@pytest.mark.parametrize(
    ("method", "words"), [("magic", "no method 'magic'"), ("head", "Attention")]
)
def test_a_method_that_cannot_answer_is_refused_before_anything_is_read(run_here, method, words):
    done = run_here(
        "explain", "nowhere", "--target", "ef", "--method", method, "--out", "x.nii", code=2
    )
    assert words in done.stderr


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--target", "disease:XX"), "knows no 'XX'; it knows NOR, DCM"),
        (("--target", "sequence:XX"), "knows no 'XX'; it knows cine"),
        (("--target", "sequence", "--model", "cine-sax-unet"), "does not tell the sequence"),
        (("--target", "weather"), "no target 'weather'"),
        (("--target", "volume:LV", "--phases", "first"), "'first' names no phases"),
    ],
)
def test_words_that_mean_nothing_are_refused_before_anything_is_read(run_here, asked, words):
    assert words in run_here("explain", "nowhere", *asked, "--out", "x.nii", code=2).stderr


@pytest.mark.parametrize("target", ["volume:LV", "sequence"])
def test_a_phase_that_is_not_there_is_refused_before_a_network_is_loaded(tmp_path, target):
    phantom.write_dicom_study(phantom.make(SMALL), tmp_path)
    code = (
        "import sys; from napari_cmr.cli import main\n"
        "try: main()\n"
        "finally: print('torch' in sys.modules)"
    )
    asked = (f"--target={target}", "--phases=99", f"--out={tmp_path / 'x.nii'}")
    said = subprocess.run(
        [sys.executable, "-c", code, "explain", tmp_path, *asked],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert "the phases 0 to 1, not all of 99" in said.stderr
    assert said.stdout.split()[-1] == "False"


def test_the_terminal_knows_the_methods_and_targets_that_there_are():
    assert set(METHODS) == set(saliency.METHODS)
    assert asking.TASKS == explaining.OF_HEAD
    assert set(asking.TARGETS) == {*explaining.OF_SEGMENTER, *explaining.OF_HEAD, "feature"}


def test_what_cannot_be_explained_is_one_sentence(run, tmp_path):
    phantom.write_dicom_study(phantom.make(SMALL), tmp_path / "study")
    said = run(
        "explain", "study", "--target", "sequence", "--method", "rollout", "--out", "x.nii", code=2
    )
    assert "transformer" in said.stderr
    said = run("explain", "study", "--target", "ef", "--out", "x.png", code=2)
    assert "NIfTI" in said.stderr
