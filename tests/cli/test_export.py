"""The verb export: what it writes, what it refuses, and that nothing half-written stays."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from napari_cmr import io, measure
from napari_cmr.cli.exporting import export
from napari_cmr.core import InputError, LabelArray, Segmentation, Stack, Structure
from tests.io.stacks import cine


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A cine as DICOM and NIfTI with labels that are no model's."""
    folder = tmp_path_factory.mktemp("export")
    stack = cine((2, 4, 24, 20))
    io.write_dicom(stack, folder / "images")
    labels = np.zeros(stack.shape, np.uint8)
    labels[:, :, 6:18, 4:16] = Structure.MYO
    labels[0, :, 8:16, 6:14] = Structure.LV
    labels[1, :, 10:14, 8:12] = Structure.LV
    labels[:, :2, 8:16, 16:19] = Structure.RV
    segmentation = Segmentation.on(stack, labels)
    io.write_labels(segmentation, folder / "labels" / "labels.nii.gz")
    io.write_nifti(stack, folder / "cine.nii.gz")
    return folder, segmentation


def test_dicom_nifti_and_csv_of_a_label_file(run, study, tmp_path):
    folder, segmentation = study
    asked = ("--dicom", "--nifti", "--csv", "--as-map", "acdc")
    labels = ("--labels", folder / "labels", "--made-by", "a net 1.2")
    run("export", folder / "images", *labels, *asked, "--out", tmp_path / "out")
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {
        "seg-001.dcm",
        "seg-002.dcm",
        "report.dcm",
        "labels-acdc.nii.gz",
        "measures.csv",
    }
    sources = io.source_images(io.sax_cine(io.scan(folder / "images")))
    back = io.read_seg(tmp_path / "out", sources)
    np.testing.assert_array_equal(back.labels, segmentation.labels)
    assert back.model == "a net 1.2"
    assert pydicom.dcmread(tmp_path / "out" / "report.dcm").VerificationFlag == "UNVERIFIED"
    again = io.read_labels(tmp_path / "out" / "labels-acdc.nii.gz", map_name="acdc")
    assert again.labels.sum() == segmentation.labels.sum()
    with (tmp_path / "out" / "measures.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    # 64 pixels of 1.5 x 1.25 mm on four slices of 9 mm
    assert (float(rows["edv_ml"]["value"]), rows["edv_ml"]["unit"]) == (pytest.approx(4.32), "mL")
    told = run("export", folder / "images", *labels, "--csv", "--out", tmp_path / "out", code=2)
    assert "measures.csv already" in told.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == names


def test_what_was_exported_as_seg_is_taken_as_labels(study, tmp_path):
    folder, segmentation = study
    export(folder / "images", tmp_path / "a", labels=folder / "labels", dicom=True)
    export(folder / "images", tmp_path / "b", labels=tmp_path / "a", nifti=True)
    back = io.labels_on_stack(
        tmp_path / "b" / "labels.nii.gz", io.scan(folder / "images").entries[0]
    )
    np.testing.assert_array_equal(back.labels, segmentation.labels)
    assert measure.function(back).edv_ml == pytest.approx(4.32)


def test_nifti_images_have_nothing_a_dicom_object_could_refer_to(study, tmp_path):
    folder, _ = study
    labels = folder / "labels" / "labels.nii.gz"
    with pytest.raises(InputError, match="not read from DICOM"):
        export(folder / "cine.nii.gz", tmp_path / "out", labels=labels, dicom=True)
    assert not (tmp_path / "out").exists()
    export(folder / "cine.nii.gz", tmp_path / "out", labels=labels, nifti=True, csv=True)
    written = io.read_labels(tmp_path / "out" / "labels.nii.gz")
    np.testing.assert_array_equal(written.labels, io.read_labels(labels).labels)


def shifted(stack: Stack, labels: LabelArray) -> Segmentation:
    geometry = replace(stack.geometry, origins=stack.geometry.origins + 5.0)
    return Segmentation(labels, geometry)


def test_labels_of_another_place_or_grid_are_refused(study, tmp_path):
    folder, segmentation = study
    stack = io.open_stack(folder / "images")
    io.write_labels(shifted(stack, segmentation.labels), tmp_path / "off.nii.gz")
    with pytest.raises(InputError, match=r"8\.7 mm off sax-1"):
        export(folder / "images", tmp_path / "out", labels=tmp_path / "off.nii.gz", nifti=True)
    io.write_labels(segmentation.with_labels(segmentation.labels[:1]), tmp_path / "one.nii.gz")
    with pytest.raises(InputError, match="grid"):
        export(folder / "images", tmp_path / "out", labels=tmp_path / "one.nii.gz", nifti=True)
    with pytest.raises(InputError, match="no file or folder"):
        export(folder / "images", tmp_path / "out", labels=tmp_path / "none", nifti=True)
    with pytest.raises(InputError, match="neither"):
        export(folder / "images", tmp_path / "out", labels=folder / "images", nifti=True)
    assert not (tmp_path / "out").exists()


def test_a_failure_in_the_middle_leaves_nothing(study, tmp_path, monkeypatch):
    folder, _ = study
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("stays")

    def fail(*_: object) -> None:
        raise InputError("the disk is full")

    monkeypatch.setattr("napari_cmr.cli.exporting._write_csv", fail)
    with pytest.raises(InputError, match="disk is full"):
        export(folder / "images", tmp_path / "out", labels=folder / "labels", dicom=True, csv=True)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_overwriting_has_to_be_asked_for(study, tmp_path):
    folder, _ = study
    labels = folder / "labels"
    export(folder / "images", tmp_path, labels=labels, csv=True)
    (tmp_path / "measures.csv").write_text("old")
    with pytest.raises(InputError, match="--overwrite"):
        export(folder / "images", tmp_path, labels=labels, csv=True, nifti=True)
    assert [p.name for p in tmp_path.iterdir()] == ["measures.csv"]
    assert (tmp_path / "measures.csv").read_text() == "old"
    export(folder / "images", tmp_path, labels=labels, csv=True, overwrite=True)
    assert (tmp_path / "measures.csv").read_text() != "old"


def test_deidentified_copies_are_made_alone_and_follow_from_the_secret(study, tmp_path):
    folder, _ = study
    (tmp_path / "secret").write_text("sixteen letters or more\n")
    for name in ("a", "b"):
        export(folder / "images", tmp_path / name, deidentify=True, salt_file=tmp_path / "secret")
    export(folder / "images", tmp_path / "c", deidentify=True)
    a, b, c = (pydicom.dcmread(tmp_path / n / "0001.dcm").StudyInstanceUID for n in "abc")
    assert a == b != c
    assert len(list((tmp_path / "a").iterdir())) == 8
    with pytest.raises(InputError, match="folder of their own"):
        export(folder / "images", tmp_path / "d", deidentify=True, csv=True)
    (tmp_path / "secret").write_text("short")
    with pytest.raises(InputError, match="too short"):
        export(folder / "images", tmp_path / "d", deidentify=True, salt_file=tmp_path / "secret")
    with pytest.raises(InputError, match="only those"):
        export(folder / "cine.nii.gz", tmp_path / "d", deidentify=True)
    assert not (tmp_path / "d").exists()


def test_a_call_that_says_too_little_is_told_what_to_say(study, tmp_path):
    folder, _ = study
    with pytest.raises(InputError, match="--dicom, --nifti, --csv or --deidentify"):
        export(folder / "images", tmp_path / "out")
    with pytest.raises(InputError, match="both --reader"):
        export(folder / "images", tmp_path / "out", dicom=True, reader="Doe^Jane")
    with pytest.raises(InputError, match="add --dicom"):
        export(folder / "images", tmp_path / "out", csv=True, reader="Doe^Jane")
    for said, given in (
        ("one of --labels and --model", {"labels": folder / "labels", "model": "a net"}),
        ("give the labels too", {"made_by": "a net 1.2"}),
        ("add --nifti", {"as_map": "acdc"}),
        ("no label map 'bogus'", {"as_map": "bogus", "dicom": True, "nifti": True}),
    ):
        with pytest.raises(InputError, match=said):
            export(folder / "images", tmp_path / "out", **({"csv": True} | given))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reader": "A" * 65, "organisation": "Clinic"}, "reader's name has 65 characters"),
        ({"reader": "Doe^Jane", "organisation": "Cli\nnic"}, "control character"),
        ({"made_by": "net " * 20}, "made the labels has 80 characters"),
        ({"made_by": "net\\1"}, "backslash"),
    ],
)
def test_text_that_dicom_cannot_hold_is_refused_and_nothing_is_written(
    study, tmp_path, given, said
):
    folder, _ = study
    with pytest.raises(InputError, match=said):
        export(folder / "images", tmp_path / "out", labels=folder / "labels", dicom=True, **given)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", [".", "copies"])
def test_copies_that_name_nobody_do_not_go_among_images_that_do(study, place):
    folder, _ = study
    before = sorted((folder / "images").iterdir())
    with pytest.raises(InputError, match="study's own folder"):
        export(folder / "images", folder / "images" / place, deidentify=True)
    assert sorted((folder / "images").iterdir()) == before


def test_a_slice_that_lacks_a_phase_stays_where_that_is_asked_for(tmp_path):
    io.write_dicom(cine(), tmp_path / "images")[0].unlink()
    shape = cine().shape
    labels = np.zeros(shape, np.uint8)
    labels[:, :, 8:16, 6:14] = Structure.LV
    whole = cine()
    io.write_labels(Segmentation.on(whole, labels), tmp_path / "labels.nii.gz")
    given = {"labels": tmp_path / "labels.nii.gz", "nifti": True}
    with pytest.raises(InputError, match="grid"):
        export(tmp_path / "images", tmp_path / "without", **given)
    export(tmp_path / "images", tmp_path / "with", resample_time=True, **given)
    back = io.read_labels(tmp_path / "with" / "labels.nii.gz")
    np.testing.assert_array_equal(back.labels, labels)
    for refused in ({"dicom": True}, {"deidentify": True}):
        with pytest.raises(InputError, match="--nifti and --csv"):
            export(tmp_path / "images", tmp_path / "no", resample_time=True, **refused)
    assert not (tmp_path / "no").exists()


def test_an_export_that_replaces_a_longer_one_leaves_none_of_its_phases(study, tmp_path):
    folder, _ = study
    (tmp_path / "seg-003.dcm").write_bytes(b"another person's")
    call = {"labels": folder / "labels", "dicom": True, "overwrite": True}
    export(folder / "images", tmp_path, **call)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "report.dcm",
        "seg-001.dcm",
        "seg-002.dcm",
    ]
