"""Reading the real studies of ../shared/data."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from napari_cmr import io
from napari_cmr.core import InputError, Sequence, Stack, View
from napari_cmr.io.views import Plane, guess_views


@pytest.fixture(scope="module")
def siemens(shared_data) -> Path:
    return shared_data / "siemens"


@pytest.fixture(scope="module")
def swine(shared_data) -> Path:
    return shared_data / "swine"


def told(path: Path) -> list[tuple[str, tuple[int, ...], int]]:
    return [(e.stack_id, e.shape[:2], e.n_files) for e in io.scan(path).entries]


def test_the_animal_has_one_short_axis_and_one_long_axis_stack(swine) -> None:
    assert told(swine) == [("sax-1", (20, 20), 400), ("lax-1", (20, 4), 80)]
    assert told(swine / "sax") == [("sax-1", (20, 20), 400)]
    assert told(swine / "lax") == [("lax-1", (20, 4), 80)]


def test_the_persons_275_files_are_a_short_axis_and_five_long_axes(siemens) -> None:
    catalogue = io.scan(siemens)
    assert catalogue.skipped == {}
    assert sum(e.n_files for e in catalogue.entries) == 275
    assert [(e.stack_id, e.shape[:2]) for e in catalogue.entries] == [
        ("sax-1", (25, 6)),
        ("2ch-1", (25, 1)),
        ("3ch-1", (25, 1)),
        ("4ch-1", (25, 1)),
        ("rv2ch-1", (25, 1)),
        ("rvot-1", (25, 1)),
    ]
    assert all(e.view_basis for e in catalogue.entries)
    sax = catalogue.entries[0]
    assert sax.spacing_mm == pytest.approx((17.7, 1.40625, 1.40625), abs=1e-3)


def test_the_views_are_those_that_the_pictures_show(siemens) -> None:
    """Series numbers and views as an observer named them; the descriptions say otherwise."""
    shown = {14001: View.CH4, 16001: View.CH3, 17001: View.CH2, 19001: View.RV2CH}
    shown[22001] = View.RVOT
    for entry in io.scan(siemens).entries[1:]:
        path = entry.source.places[0][0].path
        assert shown[int(pydicom.dcmread(path, stop_before_pixels=True).SeriesNumber)] is entry.view


def test_the_views_are_told_without_any_description(siemens) -> None:
    entries = io.scan(siemens).entries
    planes = [Plane(e.geometry, e.shape[2:], e.sequence, None) for e in entries]
    assert [v for v, _ in guess_views(planes)] == [e.view for e in entries]


def reference(folder: Path, t: int, z_mm: float, normal: np.ndarray) -> np.ndarray:
    """A frame found by hand: the phase's rank by trigger time at a position."""
    here = []
    for path in folder.glob("*.dcm"):
        d = pydicom.dcmread(path)
        if abs(np.dot(d.ImagePositionPatient, normal) - z_mm) < 0.5:
            here.append(d)
    return sorted(here, key=lambda d: float(d.TriggerTime))[t].pixel_array


@pytest.mark.parametrize(("t", "z"), [(0, 0), (7, 13), (19, 19)])
def test_frames_of_the_animal_are_those_found_by_hand(swine, t, z) -> None:
    stack = io.open_stack(swine / "sax")
    normal = stack.geometry.normal
    z_mm = float(stack.geometry.origins[z] @ normal)
    np.testing.assert_array_equal(stack.pixels[t, z], reference(swine / "sax", t, z_mm, normal))
    assert stack.times_ms[0, 0] == 10
    assert stack.rr_ms == 631
    assert stack.weight_kg == 32


def test_slices_run_from_base_to_apex(siemens, swine) -> None:
    for folder in (siemens, swine):
        g = io.open_stack(folder).geometry
        assert (g.origins[-1] - g.origins[0]) @ np.array([1, -1, -1]) > 0


def test_renaming_and_shuffling_the_files_changes_nothing(siemens, tmp_path) -> None:
    files = sorted(siemens.glob("*.dcm"))
    random.Random(3).shuffle(files)
    for i, path in enumerate(files):
        shutil.copy(path, tmp_path / f"x{i:04d}")
    before, after = io.scan(siemens), io.scan(tmp_path)
    assert after.as_dict() == before.as_dict()
    np.testing.assert_array_equal(
        io.load(io.sax_cine(after)).pixels, io.load(io.sax_cine(before)).pixels
    )


def test_the_image_that_lacks_its_last_rows_is_said(siemens) -> None:
    findings = {e.stack_id: {f.code for f in e.findings} for e in io.scan(siemens).entries}
    assert findings.pop("rv2ch-1") == {"short-pixels"}
    assert set().union(*findings.values()) == set()


def test_the_contour_samples_open_with_their_faults_named(shared_data) -> None:
    catalogue = io.scan(shared_data / "sunnybrook")
    sax = io.sax_cine(catalogue)
    assert sax.shape == (2, 4, 256, 256)
    assert {"invalid-uid", "unequal-phases", "phases-missing"} <= {f.code for f in sax.findings}
    assert sum(e.n_files for e in catalogue.entries) == 10
    assert io.load(sax).pixels.max() > 0


def test_old_multi_frame_files_open_or_are_named(shared_data) -> None:
    catalogue = io.scan(shared_data / "multiframe")
    (entry,) = catalogue.entries
    assert entry.shape == (16, 1, 256, 256)
    assert entry.spacing_mm is None
    assert catalogue.skipped == {"not magnetic resonance (US)": 3}
    stack = io.load(entry)
    source = pydicom.dcmread(shared_data / "multiframe" / "MR-MONO2-8-16x-heart.dcm")
    np.testing.assert_array_equal(stack.pixels[:, 0], source.pixel_array)


def test_ultrasound_alone_is_refused_in_one_sentence(shared_data, tmp_path) -> None:
    for path in (shared_data / "multiframe").glob("*US*"):
        shutil.copy(path, tmp_path)
    with pytest.raises(InputError, match="3 not magnetic resonance"):
        io.open_stack(tmp_path)


def test_every_acdc_patient_is_a_two_phase_short_axis_of_the_size_in_its_files(
    shared_data,
) -> None:
    catalogue = io.scan(shared_data / "acdc")
    assert len(catalogue.entries) == 80
    assert all(e.view is View.SAX and e.shape[0] == 2 for e in catalogue.entries)
    assert all(e.sequence is Sequence.CINE for e in catalogue.entries)
    assert all(e.height_cm and e.weight_kg for e in catalogue.entries)
    assert catalogue.skipped["label file"] == 320


def test_the_bundled_study_has_the_pixels_of_the_original(siemens) -> None:
    ours, theirs = io.scan(io.demo_study()), io.scan(siemens)
    for a, b in zip(ours.entries, theirs.entries, strict=True):
        assert (a.stack_id, a.shape, a.phase_ms) == (b.stack_id, b.shape, b.phase_ms)
        np.testing.assert_array_equal(io.load(a).pixels, io.load(b).pixels)


@pytest.fixture(scope="module")
def converted(siemens, swine, tmp_path_factory) -> Path:
    """What dcm2niix makes of both studies."""
    if shutil.which("dcm2niix") is None:
        pytest.skip("dcm2niix is not installed (Debian: dcm2niix)")
    out = tmp_path_factory.mktemp("nifti")
    for name, folder in (("siemens", siemens), ("swine", swine)):
        (out / name).mkdir()
        # It converts ten of the eleven Siemens series and says so by its exit code.
        subprocess.run(["dcm2niix", "-z", "y", "-o", out / name, folder], capture_output=True)
    return out


@pytest.mark.parametrize("name", ["siemens", "swine"])
def test_what_dcm2niix_writes_opens_as_the_same_short_axis(converted, shared_data, name) -> None:
    ours, dicom = io.open_stack(converted / name), io.open_stack(shared_data / name)
    assert ours.view is View.SAX
    assert ours.times_ms is None
    assert ours.shape == dicom.shape
    assert ours.geometry.spacing == pytest.approx(dicom.geometry.spacing, rel=1e-3)
    _same_pixels_in_the_patient(ours, dicom)


def test_dcm2niix_long_axes_are_told_apart_as_the_originals_are(converted) -> None:
    told_by = [(e.stack_id, e.shape[:2]) for e in io.scan(converted / "siemens").entries]
    assert told_by == [
        ("sax-1", (25, 6)),
        ("2ch-1", (25, 1)),
        ("3ch-1", (25, 1)),
        ("4ch-1", (25, 1)),
        ("rvot-1", (25, 1)),
    ]


def _same_pixels_in_the_patient(a: Stack, b: Stack) -> None:
    """Each pixel of one stack is found where the patient's coordinates say in the other."""
    t, z, y, x = a.shape
    grid = np.stack(np.meshgrid(*map(np.arange, (z, y, x)), indexing="ij"), -1).reshape(-1, 3)
    grid = grid[:: max(1, len(grid) // 20_000)]
    points = grid @ a.geometry.affine[:3, :3].T + a.geometry.affine[:3, 3]
    back = np.linalg.inv(b.geometry.affine)
    there = points @ back[:3, :3].T + back[:3, 3]
    index = np.round(there).astype(int)
    assert np.abs(there - index).max() < 0.1
    for phase in (0, t // 2, t - 1):
        np.testing.assert_array_equal(
            a.pixels[phase][tuple(grid.T)], b.pixels[phase][tuple(index.T)]
        )
