"""What headers say wrongly and files lack: it costs no more than itself, and it is said."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest

from napari_cmr import io
from napari_cmr.core import InputError, NothingToReadError
from napari_cmr.io import write_dicom
from tests.io.stacks import cine

SHAPE = (6, 4, 24, 20)


def codes(entry: io.Entry) -> set[str]:
    return {f.code for f in entry.findings}


def test_an_end_slice_of_truncated_files_is_said_to_be_gone_from_the_volumes(tmp_path) -> None:
    files = write_dicom(cine(SHAPE), tmp_path)
    for path in files[-6:]:
        path.write_bytes(path.read_bytes()[:-600])
    catalogue = io.scan(tmp_path)
    assert catalogue.skipped == {"truncated": 6}
    (entry,) = catalogue.entries
    assert entry.shape[:2] == (6, 3)
    (said,) = [str(f) for f in entry.findings if f.code == "lost-slice"]
    assert "1 slice(s) after the last slice are missing" in said
    assert "volumes and mass lack" in said


def test_a_slice_that_lacks_a_phase_stays_where_that_is_asked_for(tmp_path) -> None:
    files = write_dicom(cine(SHAPE), tmp_path)
    files[3 * 6 + 2].unlink()
    (entry,) = io.scan(tmp_path, resample_time=True).entries
    assert entry.shape == SHAPE
    assert "resampled-in-time" in codes(entry)
    expected = cine(SHAPE).pixels
    read = io.load(entry).pixels
    whole = [t for t in range(6) if t != 2]
    np.testing.assert_array_equal(read[whole], expected[whole])
    np.testing.assert_array_equal(read[2, :3], expected[2, :3])
    assert any(np.array_equal(read[2, 3], expected[t, 3]) for t in (1, 3))
    with pytest.raises(InputError, match="leave --resample-time out"):
        io.source_images(entry)


@pytest.mark.parametrize(
    "orientation",
    [[0] * 6, [1, 0, 0, 1, 0, 0], [1, 0, 0, 0.7, 0.7, 0], [2, 0, 0, 0, 2, 0]],
)
def test_a_direction_that_no_image_has_costs_its_own_image_only(tmp_path, orientation) -> None:
    def wrong(dataset: pydicom.Dataset, t: int, z: int) -> None:
        if (t, z) == (0, 3):
            dataset.ImageOrientationPatient = orientation
            del dataset.SliceLocation

    write_dicom(cine(SHAPE), tmp_path, edit=wrong)
    catalogue = io.scan(tmp_path)
    assert catalogue.skipped == {"no slice position": 1}
    assert [f.code for f in catalogue.findings] == ["geometry-missing"]
    assert [e.shape[:2] for e in catalogue.entries] == [(6, 3), (5, 1)]


@pytest.mark.parametrize("spacing", [[0, 0], [-1, -1], [1000, 1000], [0.001, 0.001]])
@pytest.mark.parametrize("enhanced", [False, True])
def test_a_pixel_spacing_of_no_person_counts_as_lost(tmp_path, spacing, enhanced) -> None:
    def wrong(dataset: pydicom.Dataset, t: int, z: int) -> None:
        place = dataset
        if enhanced:
            (shared,) = dataset.SharedFunctionalGroupsSequence
            (place,) = shared.PixelMeasuresSequence
        place.PixelSpacing = spacing

    write_dicom(cine(SHAPE), tmp_path, enhanced=enhanced, edit=wrong)
    (entry,) = io.scan(tmp_path).entries
    assert entry.spacing_mm is None
    assert "spacing-unknown" in codes(entry)


def test_a_palette_of_colours_is_no_brightness(tmp_path) -> None:
    def coloured(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.PhotometricInterpretation = "PALETTE COLOR"

    write_dicom(cine((1, 1, 24, 20)), tmp_path, edit=coloured)
    with pytest.raises(NothingToReadError, match="1 colour picture"):
        io.scan(tmp_path)


def test_pixels_scaled_by_zero_are_taken_as_they_are_stored_and_this_is_said(tmp_path) -> None:
    def flat(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 0, 0

    write_dicom(cine(SHAPE), tmp_path, edit=flat)
    read = io.open_stack(tmp_path)
    np.testing.assert_array_equal(read.pixels, cine(SHAPE).pixels)
    assert "slope-zero" in {f.code for f in read.findings}


def test_a_name_longer_than_any_is_no_place(tmp_path) -> None:
    with pytest.raises(NothingToReadError, match="no file or folder"):
        io.scan(tmp_path / ("x" * 5000))


@pytest.fixture
def closed(monkeypatch):
    """Make folders of that name closed to their reader, which root's own rights would not."""
    real = os.scandir

    def scandir(path=".", *arguments):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments)

    monkeypatch.setattr(os, "scandir", scandir)


def test_folders_that_are_closed_or_links_are_counted(tmp_path, closed) -> None:
    write_dicom(cine(SHAPE), tmp_path / "study")
    (tmp_path / "study" / "closed").mkdir()
    (tmp_path / "study" / "link").symlink_to(tmp_path, target_is_directory=True)
    catalogue = io.scan(tmp_path / "study")
    assert catalogue.skipped == {
        "folder that may not be opened": 1,
        "link to a folder, not followed": 1,
    }
    assert [e.shape for e in catalogue.entries] == [SHAPE]


def test_a_closed_folder_is_not_called_empty(tmp_path, closed) -> None:
    (tmp_path / "closed").mkdir()
    with pytest.raises(NothingToReadError, match=r"Cannot list .*closed \(Permission denied\)"):
        io.scan(tmp_path / "closed")
    with pytest.raises(NothingToReadError, match="1 folder that may not be opened"):
        io.scan(tmp_path)
