"""DICOM folders from disk to stack: every numbering, every storage, and what is broken."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from napari_cmr import io
from napari_cmr.core import (
    CancelledError,
    InputError,
    NothingToReadError,
    Sequence,
    View,
)
from napari_cmr.io import write_dicom
from tests.io.stacks import cine


@pytest.mark.parametrize("order", ["phase-fastest", "slice-fastest"])
@pytest.mark.parametrize("one_series_per_slice", [False, True])
@pytest.mark.parametrize("enhanced", [False, True])
def test_a_written_cine_reads_back_equal(tmp_path, order, one_series_per_slice, enhanced) -> None:
    wrote = cine()
    files = write_dicom(
        wrote,
        tmp_path,
        order=order,
        one_series_per_slice=one_series_per_slice,
        enhanced=enhanced,
        shuffle_names=True,
    )
    catalogue = io.scan(tmp_path)
    (entry,) = catalogue.entries
    read = io.load(entry)
    assert (entry.n_files, catalogue.skipped) == (len(files), {})
    assert (read.view, read.sequence) == (View.SAX, Sequence.CINE)
    assert read.pixels.dtype == np.uint16
    np.testing.assert_array_equal(read.pixels, wrote.pixels)
    np.testing.assert_allclose(read.times_ms, wrote.times_ms, atol=1e-6)
    np.testing.assert_allclose(read.geometry.origins, wrote.geometry.origins, atol=1e-6)
    np.testing.assert_allclose(read.geometry.axes, wrote.geometry.axes, atol=1e-6)
    assert read.geometry.spacing == pytest.approx((9, 1.5, 1.25))
    assert read.rr_ms == pytest.approx(800)
    assert (read.height_cm, read.weight_kg) == (172, 70)


def test_every_written_image_has_a_uid_of_its_own(tmp_path) -> None:
    files = write_dicom(cine((12, 12, 4, 4)), tmp_path)
    assert len({pydicom.dcmread(f).SOPInstanceUID for f in files}) == 144


@pytest.mark.parametrize("order", ["phase-fastest", "slice-fastest"])
@pytest.mark.parametrize("trigger", ["absent", "constant"])
def test_without_true_trigger_times_the_next_key_orders_the_phases(
    tmp_path, order, trigger
) -> None:
    wrote = cine()

    def without_triggers(dataset: pydicom.Dataset, t: int, z: int) -> None:
        if trigger == "absent":
            del dataset.TriggerTime
        else:
            dataset.TriggerTime = 7

    write_dicom(wrote, tmp_path, order=order, temporal_positions=True, edit=without_triggers)
    read = io.open_stack(tmp_path)
    np.testing.assert_array_equal(read.pixels, wrote.pixels)
    assert read.times_ms is None
    assert any(f.code == "phase-key-refused" for f in read.findings) == (trigger == "constant")


def test_the_catalogue_is_the_contract_of_the_terminal(tmp_path) -> None:
    write_dicom(cine(), tmp_path)
    (tmp_path / "notes.txt").write_text("nothing")
    told = json.loads(json.dumps(io.scan(tmp_path).as_dict()))
    assert told["skipped"] == {"not an image": 1}
    (stack,) = told["stacks"]
    assert stack["view_basis"]
    del stack["view_basis"]
    assert stack == {
        "id": "sax-1",
        "view": "SAX",
        "sequence": "cine",
        "shape": [6, 4, 24, 20],
        "spacing_mm": [9.0, 1.5, 1.25],
        "phase_ms": [round(t * (800 / 6 + 2), 3) for t in range(6)],
        "files": 24,
        "findings": [],
    }


def recode(files: list[Path], syntax: str) -> None:
    for path in files:
        dataset = pydicom.dcmread(path)
        if syntax in (RLELossless, JPEG2000Lossless, JPEGLSLossless):
            dataset.compress(syntax, generate_instance_uid=False)
        else:
            dataset.file_meta.TransferSyntaxUID = syntax
            if syntax == ExplicitVRBigEndian:
                dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
                dataset["PixelData"].VR = "OW"
                dataset = _big_endian(dataset)
        dataset.save_as(path, enforce_file_format=True, overwrite=True)


def _big_endian(dataset: pydicom.Dataset) -> pydicom.Dataset:
    copy = pydicom.Dataset()
    for element in dataset:
        copy.add(element)
    copy.file_meta = dataset.file_meta
    return copy


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
    ],
)
@pytest.mark.parametrize("enhanced", [False, True])
def test_every_transfer_syntax_gives_the_same_pixels(tmp_path, syntax, enhanced) -> None:
    wrote = cine((4, 3, 64, 48))
    recode(write_dicom(wrote, tmp_path, enhanced=enhanced), syntax)
    read = io.open_stack(tmp_path)
    np.testing.assert_array_equal(read.pixels, wrote.pixels)
    np.testing.assert_allclose(read.times_ms, wrote.times_ms, atol=1e-6)


def test_a_file_without_the_standard_prefix_is_read(tmp_path) -> None:
    wrote = cine()
    for path in write_dicom(wrote, tmp_path):
        path.write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(io.open_stack(tmp_path).pixels, wrote.pixels)


def test_signed_pixels_stay_signed(tmp_path) -> None:
    wrote = replace(cine(), pixels=cine().pixels.astype(np.int16) - 2000)
    write_dicom(wrote, tmp_path)
    read = io.open_stack(tmp_path)
    assert read.pixels.dtype == np.int16
    np.testing.assert_array_equal(read.pixels, wrote.pixels)


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"),
    [(1, -1024, np.int32), (0.5, 3, np.float32), (2, 0, np.int32)],
)
def test_slope_and_intercept_are_applied_in_the_smallest_honest_type(
    tmp_path, slope, intercept, dtype
) -> None:
    wrote = cine()

    def rescale(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept

    write_dicom(wrote, tmp_path, edit=rescale)
    read = io.open_stack(tmp_path)
    assert read.pixels.dtype == dtype
    np.testing.assert_allclose(read.pixels, wrote.pixels * float(slope) + intercept)


def test_twelve_stored_bits_keep_16_bits_under_a_whole_intercept(tmp_path) -> None:
    def twelve_bits(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.BitsStored, dataset.HighBit = 12, 11
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024

    write_dicom(cine(), tmp_path, edit=twelve_bits)
    read = io.open_stack(tmp_path)
    assert read.pixels.dtype == np.int16
    np.testing.assert_array_equal(read.pixels, cine().pixels.astype(int) - 1024)


def test_an_overlay_in_the_unused_bits_is_no_brightness(tmp_path) -> None:
    def overlay(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.BitsStored, dataset.HighBit = 12, 11
        stored = np.frombuffer(dataset.PixelData, "<u2") | 0x8000
        dataset.PixelData = stored.tobytes()

    write_dicom(cine(), tmp_path, edit=overlay)
    np.testing.assert_array_equal(io.open_stack(tmp_path).pixels, cine().pixels)


def test_monochrome1_is_turned_so_that_bright_is_bright(tmp_path) -> None:
    def invert(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"
        dataset.BitsStored, dataset.HighBit = 12, 11

    write_dicom(cine(), tmp_path, edit=invert)
    np.testing.assert_array_equal(io.open_stack(tmp_path).pixels, 4095 - cine().pixels)


def test_broken_files_are_left_out_and_counted_by_reason(tmp_path) -> None:
    files = write_dicom(cine((6, 5, 24, 20)), tmp_path)
    last = files[-6:]  # the last slice
    last[0].write_bytes(last[0].read_bytes()[:-100])
    last[1].write_bytes(last[1].read_bytes()[:400])
    last[2].write_bytes(b"")
    last[3].write_bytes(b"not DICOM at all" * 20)
    last[4].unlink()
    last[5].unlink()
    catalogue = io.scan(tmp_path)
    assert catalogue.skipped == {"empty file": 1, "not an image": 1, "truncated": 2}
    assert [e.shape for e in catalogue.entries] == [(6, 4, 24, 20)]


def test_truncated_compressed_pixels_are_left_out(tmp_path) -> None:
    files = write_dicom(cine((3, 4, 24, 20)), tmp_path)
    recode(files, RLELossless)
    for path in files[-3:]:
        path.write_bytes(path.read_bytes()[:-60])
    catalogue = io.scan(tmp_path)
    assert catalogue.skipped == {"truncated": 3}
    assert [e.shape[:2] for e in catalogue.entries] == [(3, 3)]


@pytest.mark.parametrize("cut", [1, 200, 5000])
def test_a_header_longer_than_the_first_bytes_read_is_read_whole(tmp_path, cut) -> None:
    def long_header(dataset: pydicom.Dataset, t: int, z: int) -> None:
        block = dataset.private_block(0x0029, "MADE UP", create=True)
        block.add_new(0x10, "OB", bytes(65536 - cut))

    write_dicom(cine((2, 3, 24, 20)), tmp_path, edit=long_header)
    np.testing.assert_array_equal(io.open_stack(tmp_path).pixels, cine((2, 3, 24, 20)).pixels)


def test_a_missing_file_or_folder_is_named(tmp_path) -> None:
    with pytest.raises(NothingToReadError, match="no file or folder"):
        io.scan(tmp_path / "nowhere")


def test_an_empty_folder_is_named(tmp_path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(NothingToReadError, match="is empty"):
        io.scan(tmp_path)


def test_a_folder_of_junk_says_what_it_held(tmp_path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"")
    (tmp_path / "b.txt").write_text("b")
    with pytest.raises(NothingToReadError, match="1 empty file, 1 not an image"):
        io.scan(tmp_path)
    (tmp_path / "manifest.csv").write_text("subject,image\n")
    with pytest.raises(NothingToReadError, match=r"its manifest\.csv is for predict"):
        io.scan(tmp_path)


def test_images_that_lie_nowhere_are_refused_in_one_sentence(tmp_path) -> None:
    def nowhere(dataset: pydicom.Dataset, t: int, z: int) -> None:
        del dataset.ImagePositionPatient
        del dataset.SliceLocation

    write_dicom(cine(), tmp_path, edit=nowhere)
    with pytest.raises(InputError, match="24 no slice position"):
        io.open_stack(tmp_path)


def test_a_folder_without_a_cine_lists_what_it_holds(tmp_path) -> None:
    write_dicom(cine((1, 4, 24, 20)), tmp_path, description="LGE PSIR sax")
    with pytest.raises(InputError, match=r"no short-axis cine; it holds sax-lge-1"):
        io.open_stack(tmp_path)
    assert io.open_stack(tmp_path, stack_id="sax-lge-1").sequence is Sequence.LGE


def test_an_unknown_stack_id_lists_the_known_ones(tmp_path) -> None:
    write_dicom(cine(), tmp_path)
    with pytest.raises(InputError, match=r"no stack 'sax-9'; it holds sax-1"):
        io.open_stack(tmp_path, stack_id="sax-9")


def test_two_studies_in_one_folder_are_not_guessed_between(tmp_path) -> None:
    write_dicom(cine(), tmp_path / "a", seed=1)
    write_dicom(cine(), tmp_path / "b", seed=2)
    with pytest.raises(InputError, match="several studies"):
        io.open_stack(tmp_path)
    assert io.open_stack(tmp_path / "b").shape == (6, 4, 24, 20)


def test_one_file_is_scanned_like_a_folder(tmp_path) -> None:
    (file,) = write_dicom(cine(), tmp_path, enhanced=True)
    assert io.scan(file).entries[0].shape == (6, 4, 24, 20)


@pytest.mark.parametrize(
    ("description", "image_type", "name"),
    [
        ("localizer", None, "localiser-1"),
        ("", ["ORIGINAL", "PRIMARY", "M", "MOSAIC"], "mosaic-1"),
        ("first pass perfusion", None, "perfusion-1"),
        ("aortic flow", None, "flow-1"),
        ("", ["ORIGINAL", "PRIMARY", "P", "ND"], "phase-images-1"),
    ],
)
def test_what_is_no_cine_is_named_and_left_alone(tmp_path, description, image_type, name) -> None:
    def typed(dataset: pydicom.Dataset, t: int, z: int) -> None:
        if image_type:
            dataset.ImageType = image_type

    write_dicom(cine(), tmp_path / "a")
    write_dicom(cine(), tmp_path / "b", description=description, edit=typed, series_number=20)
    catalogue = io.scan(tmp_path)
    assert [e.stack_id for e in catalogue.entries] == ["sax-1", name]
    other = catalogue.entries[1]
    assert other.sequence is Sequence.OTHER
    assert [f.code for f in other.findings] == ["left-alone"]
    assert io.sax_cine(catalogue).stack_id == "sax-1"


def test_a_given_spacing_wins_and_is_said(tmp_path) -> None:
    write_dicom(cine(), tmp_path)
    read = io.open_stack(tmp_path, spacing=(8.0, 2.0, 2.0))
    assert read.geometry.spacing == pytest.approx((8, 2, 2))
    assert [f.code for f in read.findings] == ["spacing-given"]


def test_missing_pixel_spacing_leaves_volumes_open_until_it_is_given(tmp_path) -> None:
    def lost(dataset: pydicom.Dataset, t: int, z: int) -> None:
        del dataset.PixelSpacing

    write_dicom(cine(), tmp_path, edit=lost)
    read = io.open_stack(tmp_path)
    assert not read.geometry.spacing_known
    assert io.scan(tmp_path).as_dict()["stacks"][0]["spacing_mm"] is None
    given = io.open_stack(tmp_path, spacing=(9.0, 1.5, 1.25))
    assert given.geometry.spacing_known
    assert given.geometry.spacing == pytest.approx((9, 1.5, 1.25))


def test_identifying_text_never_reaches_the_catalogue(tmp_path) -> None:
    def sentinel(dataset: pydicom.Dataset, t: int, z: int) -> None:
        for keyword in ("PatientName", "PatientID", "SeriesDescription", "StudyDescription"):
            setattr(dataset, keyword, "SENTINEL sax")

    write_dicom(cine(), tmp_path / "folder", edit=sentinel)
    catalogue = io.scan(tmp_path / "folder")
    stack = io.load(catalogue.entries[0])
    shown = json.dumps(catalogue.as_dict()) + repr(catalogue.entries) + stack.subject
    assert "SENTINEL" not in shown
    assert catalogue.entries[0].subject not in ("", "S1")


def test_progress_counts_up_to_the_end(tmp_path) -> None:
    write_dicom(cine(), tmp_path)
    seen: list[tuple[int, int]] = []
    catalogue = io.scan(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24)
    assert seen == sorted(seen)
    seen.clear()
    io.load(catalogue.entries[0], progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24)


def test_both_scan_and_load_stop_when_asked_to(tmp_path) -> None:
    write_dicom(cine(), tmp_path)
    with pytest.raises(CancelledError):
        io.scan(tmp_path, cancel=lambda: True)
    entry = io.scan(tmp_path).entries[0]
    asked = iter([False, True])
    with pytest.raises(CancelledError):
        io.load(entry, cancel=lambda: next(asked))


def test_a_file_that_vanished_since_the_scan_is_named(tmp_path) -> None:
    files = write_dicom(cine(), tmp_path)
    entry = io.scan(tmp_path).entries[0]
    files[5].unlink()
    with pytest.raises(InputError, match=f"{files[5].name} can no longer be read"):
        io.load(entry)


def test_float_pixels_that_are_not_numbers_name_their_file(tmp_path) -> None:
    path = write_dicom(cine((2, 3, 8, 8)), tmp_path)[2]
    file = pydicom.dcmread(path)
    values = file.pixel_array.astype(np.float32)
    values[4, 4] = np.nan
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(file, keyword)
    file.BitsAllocated, file.FloatPixelData = 32, values.tobytes()
    file.save_as(path)
    with pytest.raises(InputError, match=rf"{path.name} holds pixels that are not numbers"):
        io.open_stack(tmp_path)


def test_damaged_compressed_pixels_name_their_file(tmp_path) -> None:
    files = write_dicom(cine((4, 3, 64, 48)), tmp_path)
    recode(files, JPEG2000Lossless)
    data = bytearray(files[3].read_bytes())
    at = data.index(b"\xff\x4f\xff\x51")
    data[at : at + 60] = bytes(60)
    files[3].write_bytes(bytes(data))
    with pytest.raises(InputError, match=f"{files[3].name} cannot be decoded"):
        io.open_stack(tmp_path)


@pytest.mark.parametrize("enhanced", [False, True])
def test_loading_needs_little_memory_beside_the_pixels(tmp_path, enhanced) -> None:
    write_dicom(cine((10, 12, 256, 256)), tmp_path, enhanced=enhanced)
    entry = io.scan(tmp_path).entries[0]
    tracemalloc.start()
    try:
        pixels = io.load(entry).pixels
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * pixels.nbytes


def test_an_image_that_lacks_its_last_row_is_filled_and_this_is_said(tmp_path) -> None:
    def short(dataset: pydicom.Dataset, t: int, z: int) -> None:
        if (t, z) == (2, 1):
            dataset.PixelData = dataset.PixelData[: -2 * 20]

    shape = (6, 4, 80, 20)
    write_dicom(cine(shape), tmp_path, edit=short)
    read = io.open_stack(tmp_path)
    expected = cine(shape).pixels.copy()
    expected[2, 1, -1] = 0
    np.testing.assert_array_equal(read.pixels, expected)
    assert [f.code for f in read.findings] == ["short-pixels"]


def test_late_enhancement_is_found_without_its_id(tmp_path) -> None:
    write_dicom(cine((1, 4, 24, 20)), tmp_path / "lge", description="LGE PSIR sax")
    write_dicom(cine(), tmp_path / "cine")
    assert io.sax_late_enhancement(io.scan(tmp_path / "lge")).stack_id == "sax-lge-1"
    with pytest.raises(InputError, match="no short-axis late enhancement; it holds sax-1"):
        io.sax_late_enhancement(io.scan(tmp_path / "cine"))
