"""The main job on real studies, as a user would start it."""

import json
import shutil
import subprocess

import nibabel as nib
import numpy as np
import pytest

from napari_cmr.io import load, sax_cine, scan
from tests.cli.conftest import run_in


@pytest.fixture(scope="module")
def demonstrated(shared_data, tmp_path_factory):
    """Where the demo wrote what it found in a study; it runs once for all tests."""
    written = {}

    def call(study):
        if study not in written:
            folder = tmp_path_factory.mktemp("demo")
            run_in(folder, "demo", shared_data / study, "--headless", "--out", "out")
            written[study] = folder / "out"
        return written[study]

    return call


def numbers(folder):
    return json.loads((folder / "measures.json").read_text())


def check(folder, phases, slices):
    assert (folder / "contours.png").stat().st_size > 10_000
    assert (folder / "volume_curve.png").stat().st_size > 10_000
    labels = nib.load(folder / "labels.nii.gz")
    assert labels.shape[2:] == (slices, phases)
    told = numbers(folder)
    assert told["edv_ml"] > told["esv_ml"] > 0
    assert told["sv_ml"] == pytest.approx(told["edv_ml"] - told["esv_ml"], abs=0.01)
    assert len(told["lv_volumes_ml"]) == phases
    return told


def test_a_person_whose_slices_are_series_of_their_own(demonstrated):
    told = check(demonstrated("siemens"), phases=25, slices=6)
    # two series of short-axis RR intervals lie between 776 and 863 ms
    assert 60_000 / 863 - 1 <= told["heart_rate_bpm"] <= 60_000 / 776 + 1


def test_an_animal_with_its_long_axes(demonstrated):
    check(demonstrated("swine"), phases=20, slices=20)


def test_an_animals_short_axis_alone_is_the_one_that_the_demo_takes_of_the_whole(shared_data):
    alone, chosen = (
        load(sax_cine(scan(shared_data / part), None)) for part in ("swine/sax", "swine")
    )
    assert alone.shape == (20, 20, 256, 256)
    assert np.array_equal(alone.pixels, chosen.pixels)
    assert np.array_equal(alone.times_ms, chosen.times_ms)
    assert np.array_equal(alone.geometry.origins, chosen.geometry.origins)
    assert alone.geometry.pixel_spacing == chosen.geometry.pixel_spacing


def test_what_dcm2niix_makes_of_a_study_gives_the_same_numbers(demonstrated, shared_data, tmp_path):
    if shutil.which("dcm2niix") is None:
        pytest.skip("dcm2niix is not installed")
    (tmp_path / "nifti").mkdir()
    subprocess.run(
        ["dcm2niix", "-z", "y", "-o", tmp_path / "nifti", shared_data / "siemens"],
        check=False,  # it says 8 where it leaves a damaged series out, and writes the others
        capture_output=True,
    )
    run_in(tmp_path, "demo", tmp_path / "nifti", "--headless", "--out", "nifti-out")
    ours = check(tmp_path / "nifti-out", phases=25, slices=6)
    theirs = numbers(demonstrated("siemens"))
    for name in ("edv_ml", "esv_ml", "mass_g"):
        assert ours[name] == pytest.approx(theirs[name], rel=0.02)
    assert ours["phase_ms"] is None
