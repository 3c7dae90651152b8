"""What the DICOM writer writes, read by pydicom and judged by dicom3tools where present."""

import shutil
import subprocess

import numpy as np
import pydicom
import pytest

from napari_cmr.core import Geometry, InputError, Sequence, Stack
from napari_cmr.io import write_dicom


def make_stack(dtype=np.uint16, **more):
    t, z, y, x = 3, 2, 5, 6
    pixels = np.arange(t * z * y * x).reshape(t, z, y, x).astype(dtype)
    axes = np.tile([[0.0, 0.6, -0.8], [0.0, 0.8, 0.6]], (z, 1, 1))
    origins = np.array([[-10.0, 1.5, 2.25], [-2.0, 1.5, 2.25]])
    geometry = Geometry(origins, axes, (1.25, 1.5), 7.0)
    times = np.array([[10.0, 12.0], [40.0, 42.0], [70.0, 72.0]])
    given = {"sequence": Sequence.CINE, "times_ms": times, "rr_ms": 800.0, "subject": "s1"}
    return Stack(pixels, geometry, **(given | more))


def read(paths):
    return [pydicom.dcmread(p) for p in paths]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("phase-fastest", [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]),
        ("slice-fastest", [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]),
    ],
)
def test_instance_numbers_count_in_the_order_asked_for(tmp_path, order, expected):
    stack = make_stack()
    files = read(write_dicom(stack, tmp_path, order=order))
    assert [f.InstanceNumber for f in files] == [1, 2, 3, 4, 5, 6]
    for file, (t, z) in zip(files, expected, strict=True):
        np.testing.assert_array_equal(file.pixel_array, stack.pixels[t, z])
        assert file.TriggerTime == stack.times_ms[t, z]
        np.testing.assert_allclose(file.ImagePositionPatient, stack.geometry.origins[z])


def test_geometry_is_in_the_tags_of_the_standard(tmp_path):
    file = read(write_dicom(make_stack(), tmp_path))[0]
    # PS3.3 C.7.6.2.1.1: first the direction of a row (column index grows), then of a column.
    assert list(file.ImageOrientationPatient) == [0.0, 0.8, 0.6, 0.0, 0.6, -0.8]
    assert list(file.PixelSpacing) == [1.25, 1.5]  # row step, column step
    assert (file.SliceThickness, file.SpacingBetweenSlices) == (7.0, 8.0)
    assert (file.NominalInterval, file.CardiacNumberOfImages) == (800, 3)


def test_each_slice_is_its_own_series_when_asked(tmp_path):
    files = read(write_dicom(make_stack(), tmp_path, one_series_per_slice=True, series_number=5))
    assert [f.SeriesNumber for f in files] == [5, 5, 5, 6, 6, 6]
    assert [f.InstanceNumber for f in files] == [1, 2, 3, 1, 2, 3]
    assert len({f.SeriesInstanceUID for f in files}) == 2
    assert len({f.StudyInstanceUID for f in files}) == 1


@pytest.mark.parametrize(("how", "expected"), [("absent", [None] * 6), ("constant", [0.0] * 6)])
def test_trigger_times_are_left_out_or_lie_when_asked(tmp_path, how, expected):
    files = read(write_dicom(make_stack(), tmp_path, trigger_times=how))
    assert [f.get("TriggerTime") for f in files] == expected


def test_unknown_times_are_not_invented(tmp_path):
    for file in read(write_dicom(make_stack(times_ms=None, rr_ms=None), tmp_path)):
        assert "TriggerTime" not in file
        assert "NominalInterval" not in file


def test_other_clues_to_the_phase_can_be_switched(tmp_path):
    plain = read(write_dicom(make_stack(), tmp_path / "a", clock_times=False))[0]
    assert "AcquisitionTime" not in plain
    assert "TemporalPositionIdentifier" not in plain
    files = read(write_dicom(make_stack(), tmp_path / "b", temporal_positions=True))
    assert [f.TemporalPositionIdentifier for f in files] == [1, 2, 3, 1, 2, 3]
    assert len({f.AcquisitionTime for f in files}) == 2  # a breath-hold a slice
    assert len({f.ContentTime for f in files}) == 6


def test_names_can_be_shuffled_without_changing_the_files(tmp_path):
    a = write_dicom(make_stack(), tmp_path / "a")
    b = write_dicom(make_stack(), tmp_path / "b", shuffle_names=True, seed=3)
    assert [p.name for p in a] != [p.name for p in b]
    assert sorted(p.name for p in a) == sorted(p.name for p in b)
    assert [f.InstanceNumber for f in read(b)] == [1, 2, 3, 4, 5, 6]


def test_an_edit_makes_any_oddity(tmp_path):
    def turn(dataset, t, z):
        if (t, z) == (1, 1):
            del dataset.ImagePositionPatient

    files = read(write_dicom(make_stack(), tmp_path, edit=turn))
    assert ["ImagePositionPatient" in f for f in files] == [True] * 4 + [False, True]


@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.int32])
def test_values_of_any_dtype_come_back(tmp_path, dtype, enhanced):
    pixels = make_stack().pixels.astype(dtype)
    if dtype == np.int16:
        pixels -= 50
    if dtype == np.float32:
        pixels = pixels * np.float32(0.37) - 3
    if dtype == np.int32:
        pixels = pixels * 1000
    stack = make_stack()
    stack = Stack(pixels, stack.geometry, times_ms=stack.times_ms)
    files = read(write_dicom(stack, tmp_path, enhanced=enhanced))
    if enhanced:
        shared = files[0].SharedFunctionalGroupsSequence[0]
        scale = shared.PixelValueTransformationSequence[0]
        stored = files[0].pixel_array.reshape(2, 3, 5, 6).swapaxes(0, 1)
    else:
        scale = files[0]
        stored = np.stack([f.pixel_array for f in files]).reshape(2, 3, 5, 6).swapaxes(0, 1)
    slope = float(scale.get("RescaleSlope", 1))
    values = stored * slope + float(scale.get("RescaleIntercept", 0))
    np.testing.assert_allclose(values, pixels, atol=slope)
    if dtype in (np.int16, np.uint8):
        np.testing.assert_array_equal(values, pixels)


def test_pixels_that_are_not_numbers_are_refused(tmp_path):
    pixels = np.full((1, 2, 4, 4), np.nan, np.float32)
    with pytest.raises(InputError, match="NaN"):
        write_dicom(Stack(pixels, make_stack().geometry), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unknown_spacing_is_not_written(tmp_path):
    geometry = Geometry.regular(2, (1.0, 1.0, 1.0), spacing_known=False)
    stack = Stack(make_stack().pixels, geometry)
    assert "PixelSpacing" not in read(write_dicom(stack, tmp_path))[0]


@pytest.mark.parametrize("order", ["phase-fastest", "slice-fastest"])
def test_enhanced_frames_say_where_and_when_they_are(tmp_path, order):
    stack = make_stack()
    (path,) = write_dicom(stack, tmp_path, enhanced=True, order=order)
    file = pydicom.dcmread(path)
    assert file.NumberOfFrames == 6
    for frame, pixels in zip(file.PerFrameFunctionalGroupsSequence, file.pixel_array, strict=True):
        content = frame.FrameContentSequence[0]
        _, place, temporal = content.DimensionIndexValues
        t, z = temporal - 1, place - 1
        np.testing.assert_array_equal(pixels, stack.pixels[t, z])
        position = frame.PlanePositionSequence[0].ImagePositionPatient
        np.testing.assert_allclose(position, stack.geometry.origins[z])
        delay = frame.CardiacSynchronizationSequence[0]
        assert delay.NominalCardiacTriggerDelayTime == stack.times_ms[t, z]
        assert delay.RRIntervalTimeNominal == 800.0
    labels = [d.DimensionDescriptionLabel for d in file.DimensionIndexSequence]
    assert labels == ["StackID", "InStackPositionNumber", "TemporalPositionIndex"]


def test_enhanced_without_delays_leaves_the_dimension_index(tmp_path):
    (path,) = write_dicom(make_stack(), tmp_path, enhanced=True, trigger_times="absent")
    frame = pydicom.dcmread(path).PerFrameFunctionalGroupsSequence[4]
    assert "CardiacSynchronizationSequence" not in frame
    assert frame.FrameContentSequence[0].TemporalPositionIndex == 2


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("enhanced", [False, True])
def test_an_independent_validator_finds_no_error(tmp_path, enhanced):
    path = write_dicom(make_stack(), tmp_path, enhanced=enhanced, description="cine")[0]
    said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    errors = [line for line in said.stderr.splitlines() if line.startswith("Error")]
    assert errors == []
