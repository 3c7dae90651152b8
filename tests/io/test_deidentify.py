"""De-identified copies: what stays, what never does, and that the sorter reads them alike."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import JPEG2000Lossless

from napari_cmr import io
from napari_cmr.core import InputError
from napari_cmr.io.technical_elements import (
    EMPTIED,
    FUNCTIONAL_GROUPS,
    REPLACED_UIDS,
    SHIFTED_TIMES,
    STAND_INS,
    TECHNICAL,
)
from tests.io.conformance import errors_of
from tests.io.stacks import cine

SENTINEL = "SENTINEL"
NAMING = (
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "InstitutionName",
    "StationName",
    "StudyDescription",
    "ProtocolName",
    "ReferringPhysicianName",
    "OperatorsName",
    "AccessionNumber",
    "StudyID",
    "PatientComments",
    "ImageComments",
    "DeviceSerialNumber",
    "RequestedProcedureDescription",
)
SHAPE = (3, 4, 64, 48)
WRITTEN_BY_US = {
    "PatientID",
    "PatientSize",
    "PatientWeight",
    "Manufacturer",
    "StackID",
    "FrameAnatomySequence",
    "AnatomicRegionSequence",
    "AcquisitionContextSequence",
    "SeriesDescription",
    "AcquisitionTime",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
    "PixelData",
    "CodeValue",
    "CodingSchemeDesignator",
    "CodeMeaning",
}


def with_sentinels(dataset: Dataset, t: int, z: int) -> None:
    """A name in every text element that a scanner may fill, private and nested ones too."""
    for keyword in NAMING:
        setattr(dataset, keyword, f"{SENTINEL} sax")
    dataset.PatientBirthDate = "19500101"
    dataset.SeriesDescription = f"{SENTINEL} sax"
    item = Dataset()
    item.PatientName = SENTINEL
    dataset.RequestAttributesSequence = Items([item])
    block = dataset.private_block(0x0029, SENTINEL, create=True)
    block.add_new(0x01, "LO", SENTINEL)


@pytest.fixture(params=[False, True], ids=["classic", "enhanced"])
def copies(request, tmp_path) -> tuple[Path, list[Path]]:
    files = io.write_dicom(
        cine(SHAPE), tmp_path / "in", enhanced=request.param, edit=with_sentinels
    )
    return tmp_path / "in", list(io.deidentified_copy(files, tmp_path / "out", "salt").files)


def test_no_byte_of_a_copy_names_anyone(copies) -> None:
    _, files = copies
    for path in files:
        data = path.read_bytes()
        assert SENTINEL.encode() not in data
        assert b"19500101" not in data


def test_only_listed_elements_pass_at_every_depth(copies) -> None:
    allowed = TECHNICAL | FUNCTIONAL_GROUPS | REPLACED_UIDS | EMPTIED | WRITTEN_BY_US
    allowed |= SHIFTED_TIMES | set(STAND_INS)

    def check(dataset: Dataset) -> None:
        for element in dataset:
            assert not element.tag.is_private
            assert element.keyword in allowed
            if element.keyword in EMPTIED:
                assert not element.value
            for item in element.value if element.VR == "SQ" else ():
                check(item)

    for path in copies[1]:
        dataset = pydicom.dcmread(path)
        check(dataset)
        assert dataset.PatientIdentityRemoved == "YES"
        codes = [i.CodeValue for i in dataset.DeidentificationMethodCodeSequence]
        assert codes == ["113100", "113105", "113108"]


def test_a_copy_opens_as_the_original_does(copies) -> None:
    folder, files = copies
    before, after = io.open_stack(folder), io.open_stack(files[0].parent)
    np.testing.assert_array_equal(after.pixels, before.pixels)
    np.testing.assert_allclose(after.times_ms, before.times_ms)
    np.testing.assert_allclose(after.geometry.origins, before.geometry.origins)
    assert after.geometry.spacing == before.geometry.spacing
    assert (after.view, after.rr_ms) == (before.view, before.rr_ms)
    assert (after.height_cm, after.weight_kg) == (172, 70)
    assert after.subject != before.subject
    assert pydicom.dcmread(files[0]).file_meta.TransferSyntaxUID == JPEG2000Lossless


def test_new_uids_are_consistent_valid_and_follow_from_the_salt(tmp_path) -> None:
    files = io.write_dicom(cine(SHAPE), tmp_path / "in")
    a = [pydicom.dcmread(p) for p in io.deidentified_copy(files, tmp_path / "a", "one").files]
    b = [pydicom.dcmread(p) for p in io.deidentified_copy(files, tmp_path / "b", "one").files]
    c = [pydicom.dcmread(p) for p in io.deidentified_copy(files, tmp_path / "c", "two").files]
    old = {str(pydicom.dcmread(p).SOPInstanceUID) for p in files}
    assert len({d.StudyInstanceUID for d in a}) == 1
    assert len({d.SOPInstanceUID for d in a}) == len(files)
    assert [d.SOPInstanceUID for d in a] == [d.SOPInstanceUID for d in b]
    assert not {d.SOPInstanceUID for d in a} & {d.SOPInstanceUID for d in c}
    assert not {d.SOPInstanceUID for d in a} & old
    assert all(re.fullmatch(r"[\d.]{10,64}", d.SOPInstanceUID) for d in a)


def test_times_since_the_first_image_stay_where_nothing_else_orders_the_phases(tmp_path) -> None:
    def no_trigger(dataset: Dataset, t: int, z: int) -> None:
        del dataset.TriggerTime

    files = io.write_dicom(cine(SHAPE), tmp_path / "in", edit=no_trigger)
    copies = io.deidentified_copy(files, tmp_path / "out", "salt").files
    times = sorted(pydicom.dcmread(p).AcquisitionTime for p in copies)
    assert times[0] == "000000.000000"  # counted from the first image
    np.testing.assert_array_equal(
        io.open_stack(tmp_path / "out").pixels, io.open_stack(tmp_path / "in").pixels
    )


def test_a_file_that_is_no_image_is_refused_by_name(tmp_path) -> None:
    (tmp_path / "a.dcm").write_text("text")
    with pytest.raises(InputError, match=r"a\.dcm cannot be de-identified: not an image"):
        io.deidentified_copy([tmp_path / "a.dcm"], tmp_path / "out", "salt")


def with_a_name_everywhere(dataset: Dataset) -> None:
    """In every element of text, technical ones too, at every depth."""
    for element in list(dataset):
        if element.VR == "SQ":
            for item in element.value:
                with_a_name_everywhere(item)
        elif element.keyword == "ImageType":
            element.value = [*element.value[:2], SENTINEL]
        elif element.VR in ("CS", "LO", "SH", "PN", "ST", "LT", "UT") and element.keyword not in (
            "Modality",
            "SpecificCharacterSet",
            "PhotometricInterpretation",
        ):
            element.value = SENTINEL
    if "Rows" in dataset:
        dataset.ScanOptions = dataset.Manufacturer = dataset.BodyPartExamined = SENTINEL
        dataset.SoftwareVersions = dataset.ManufacturerModelName = SENTINEL
        dataset.PatientPosition = dataset.RescaleType = SENTINEL


@pytest.mark.parametrize("enhanced", [False, True], ids=["classic", "enhanced"])
def test_a_name_in_a_technical_element_does_not_pass(tmp_path, enhanced) -> None:
    stack = cine(SHAPE)
    files = io.write_dicom(
        stack,
        tmp_path / "in",
        enhanced=enhanced,
        edit=lambda dataset, t, z: with_a_name_everywhere(dataset),
    )
    assert SENTINEL.encode() in files[0].read_bytes()
    copies = io.deidentified_copy(files, tmp_path / "out", "salt").files
    assert all(SENTINEL.encode() not in path.read_bytes() for path in copies)
    np.testing.assert_array_equal(io.open_stack(tmp_path / "out").pixels, stack.pixels)


def test_the_validator_finds_no_error_in_a_copy(copies) -> None:
    assert errors_of(copies[1][0]) == []


def test_of_a_slice_scanned_twice_the_copies_show_the_same_run(tmp_path) -> None:
    first, second = cine(SHAPE), cine(SHAPE)
    second = replace(second, pixels=second.pixels[:, :, ::-1].copy())

    def later(dataset: Dataset, t: int, z: int) -> None:
        dataset.AcquisitionTime = dataset.ContentTime = "1000" + dataset.AcquisitionTime[4:]

    files = io.write_dicom(first, tmp_path / "in", series_number=2)
    files += io.write_dicom(second, tmp_path / "in", series_number=1, edit=later)
    before = io.open_stack(tmp_path / "in")
    np.testing.assert_array_equal(before.pixels, second.pixels)
    io.deidentified_copy(files, tmp_path / "out", "salt")
    np.testing.assert_array_equal(io.open_stack(tmp_path / "out").pixels, before.pixels)


def written_on(pixels: np.ndarray) -> np.ndarray:
    """The same pictures with letters of one brightness in a corner."""
    pixels = pixels.copy()
    pixels[..., 2:12, 3:6] = pixels[..., 2:5, 3:12] = 4000
    return pixels


def test_text_burned_into_the_pictures_is_warned_of(tmp_path) -> None:
    noise = np.random.default_rng(3).normal(900, 60, (6, 2, 40, 40)).clip(0).astype(np.uint16)
    clean = replace(cine((6, 2, 40, 40)), pixels=noise)
    lettered = replace(clean, pixels=written_on(noise))

    def admitted(dataset: Dataset, t: int, z: int) -> None:
        dataset.BurnedInAnnotation = "YES"

    def captured(dataset: Dataset, t: int, z: int) -> None:
        dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER"]

    for name, stack, edit, sentence in (
        ("clean", clean, None, None),
        ("lettered", lettered, None, "never change"),
        ("admitted", clean, admitted, "text is burned into them"),
        ("captured", clean, captured, "captures"),
    ):
        files = io.write_dicom(stack, tmp_path / name, edit=edit)
        found = io.deidentified_copy(files, tmp_path / f"{name}-out", "salt").findings
        assert [f.code for f in found] == ["burned-in-text"] * (sentence is not None), name
        assert sentence is None or sentence in found[0].message
