"""DICOMDIR: the images that it lists, wherever the disc's habits put them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset, config, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from napari_cmr import io
from napari_cmr.core import InputError
from napari_cmr.io.dicom_writing import write_dicom
from napari_cmr.io.dicomdir import listed_files
from tests.io.stacks import cine


@pytest.fixture
def disc(tmp_path) -> Path:
    """The DICOMDIR of a file set, with the names that discs give."""
    files = write_dicom(cine((4, 3, 24, 20)), tmp_path / "files")
    records = []
    for i, file in enumerate(files):
        parts = ["PT000000", f"SE{i // 4:06d}", f"IM{i:06d}"]
        place = tmp_path.joinpath("disc", *parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
        records.append(Dataset())
        records[-1].DirectoryRecordType = "IMAGE"
        records[-1].ReferencedFileID = parts
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.FileSetID = "DISC"
    dataset.DirectoryRecordSequence = records
    dataset.save_as(tmp_path / "disc" / "DICOMDIR", enforce_file_format=True)
    return tmp_path / "disc" / "DICOMDIR"


def test_a_dicomdir_opens_the_images_that_it_lists(disc) -> None:
    (disc.parent / "stray.dcm").write_bytes(b"x")
    catalogue = io.scan(disc)
    assert [e.shape for e in catalogue.entries] == [(4, 3, 24, 20)]
    assert (catalogue.skipped, catalogue.findings) == ({}, ())


def test_in_its_folder_a_dicomdir_is_counted_apart(disc) -> None:
    catalogue = io.scan(disc.parent)
    assert [e.shape for e in catalogue.entries] == [(4, 3, 24, 20)]
    assert catalogue.skipped == {"DICOMDIR": 1}


def test_listed_images_that_are_not_here_are_said(disc) -> None:
    listed_files(disc)[0][0].unlink()
    (finding,) = io.scan(disc).findings
    assert (finding.code, finding.message) == (
        "files-missing",
        "The DICOMDIR lists 1 file(s) that are not here.",
    )


def test_names_in_the_case_and_with_the_versions_of_old_discs_are_found(disc) -> None:
    for file in listed_files(disc)[0]:
        file.rename(file.with_name(file.name + ";1"))
    for folder in sorted((p for p in disc.parent.rglob("*") if p.is_dir()), reverse=True):
        folder.rename(folder.with_name(folder.name.lower()))
    for file in list(disc.parent.rglob("*;1")):
        file.rename(file.with_name(file.name.lower()))
    assert io.scan(disc).entries[0].shape == (4, 3, 24, 20)


def test_a_dicomdir_alone_says_that_its_images_are_not_here(disc, tmp_path) -> None:
    alone = tmp_path / "alone" / "DICOMDIR"
    alone.parent.mkdir()
    alone.write_bytes(disc.read_bytes())
    with pytest.raises(InputError, match=r"lists 12 image.*none is here; open the folder"):
        io.scan(alone)


def test_names_that_lead_out_of_the_folder_count_as_not_here(disc) -> None:
    (disc.parent.parent / "IM000000").write_bytes(next(disc.parent.rglob("IM*")).read_bytes())
    dataset = dcmread(disc)
    with config.disable_value_validation():
        dataset.DirectoryRecordSequence[0].ReferencedFileID = ["..", "IM000000"]
        dataset.save_as(disc)
    files, findings = listed_files(disc)
    assert len(files) == 11
    assert [f.message for f in findings] == ["The DICOMDIR lists 1 file(s) that are not here."]


def test_a_damaged_dicomdir_points_to_its_folder(disc) -> None:
    disc.write_bytes(disc.read_bytes()[:200] + b"\xff" * 99)
    with pytest.raises(InputError, match="open its folder instead"):
        io.scan(disc)


VARIANTS = ("DICOMDIR", "bigEnd", "implicit", "nooffset", "nopatient", "reordered")


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_variants_among_pydicoms_files_list_the_same_images(variant) -> None:
    name = "DICOMDIR" if variant == "DICOMDIR" else f"DICOMDIR-{variant}"
    path = get_testdata_file(f"dicomdirtests/{name}", download=False)
    if path is None:
        pytest.skip("pydicom's test files are not here")
    catalogue = io.scan(path)
    assert sum(e.n_files for e in catalogue.entries) + catalogue.skipped.get("copy", 0) >= 16
    assert catalogue.skipped["not magnetic resonance (CT)"] == 11
    assert catalogue.findings == ()
