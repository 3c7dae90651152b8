"""``explain``: a map on the images' grid, its scores, and the map as DICOM."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pydicom
import pytest

from napari_cmr import phantom
from napari_cmr.cli.explaining import METHODS
from napari_cmr.learn import saliency
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


def test_the_terminal_knows_the_methods_that_there_are():
    assert set(METHODS) == set(saliency.METHODS)


def test_what_cannot_be_explained_is_one_sentence(run, tmp_path):
    phantom.write_dicom_study(phantom.make(SMALL), tmp_path / "study")
    said = run(
        "explain", "study", "--target", "sequence", "--method", "rollout", "--out", "x.nii", code=2
    )
    assert "transformer" in said.stderr
    said = run("explain", "study", "--target", "ef", "--out", "x.png", code=2)
    assert "NIfTI" in said.stderr
