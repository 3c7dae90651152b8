"""Labels as DICOM SEG: what is written, what it refers to, and that it is read back equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from skimage.color import lab2xyz

from napari_cmr import io
from napari_cmr.core import Geometry, InputError, Segmentation, Structure
from napari_cmr.core.palette import COLOURS
from tests.io.conformance import errors_of
from tests.io.stacks import cine

LAYOUTS = {
    "phase-fastest": {},
    "slice-fastest": {"order": "slice-fastest", "shuffle_names": True},
    "series-a-slice": {"one_series_per_slice": True},
    "enhanced": {"enhanced": True},
}
EMPTY_PHASE = 2


def labels_of_all(shape) -> np.ndarray:
    """Every structure somewhere, one empty slice and one empty phase; the last bits of each
    frame share a byte with the next."""
    labels = np.random.default_rng(7).integers(0, 8, shape).astype(np.uint8)
    labels[EMPTY_PHASE] = 0
    labels[:, 1] = 0
    return labels


@pytest.fixture(scope="module", params=LAYOUTS)
def written(request, tmp_path_factory):
    """Sources, labels, and SEG files of a cine in each layout of files; odd-sized pictures."""
    folder = tmp_path_factory.mktemp("seg")
    stack = cine((4, 4, 25, 19))
    io.write_dicom(stack, folder / "images", **LAYOUTS[request.param])
    sources = io.source_images(io.sax_cine(io.scan(folder / "images")))
    segmentation = Segmentation.on(stack, labels_of_all(stack.shape), "cine-sax 0.3.1")
    return sources, segmentation, io.write_seg(segmentation, sources, folder / "seg")


def test_labels_are_read_back_equal(written):
    sources, segmentation, files = written
    back = io.read_seg(files[0].parent, sources)
    np.testing.assert_array_equal(back.labels, segmentation.labels)
    assert back.model == "cine-sax 0.3.1"
    assert back.findings == ()
    np.testing.assert_array_equal(back.times_ms, sources.entry.times_ms)


def test_there_is_one_object_a_phase_and_all_are_one_series_of_the_study(written):
    sources, segmentation, files = written
    objects = [pydicom.dcmread(f) for f in files]
    assert len(objects) == segmentation.labels.shape[0]
    assert len({d.SeriesInstanceUID for d in objects}) == 1
    assert len({d.SOPInstanceUID for d in objects}) == len(objects)
    assert [d.InstanceNumber for d in objects] == [1, 2, 3, 4]
    assert {d.StudyInstanceUID for d in objects} == {sources.study.StudyInstanceUID}
    assert {d.SegmentationType for d in objects} == {"BINARY"}
    assert {len(d.SegmentSequence) for d in objects} == {7}


def test_each_frame_refers_to_the_image_it_lies_on(written):
    sources, _, files = written
    stack = io.load(sources.entry)
    images = {
        d.SOPInstanceUID: d
        for d in (pydicom.dcmread(p.path) for row in sources.entry.source.places for p in row)
    }
    for t, file in enumerate(files):
        seg = pydicom.dcmread(file)
        listed = {
            (series.SeriesInstanceUID, item.ReferencedSOPInstanceUID)
            for series in seg.ReferencedSeriesSequence
            for item in series.ReferencedInstanceSequence
        }
        for frame in seg.PerFrameFunctionalGroupsSequence:
            (ref,) = frame.DerivationImageSequence[0].SourceImageSequence
            image = images[ref.ReferencedSOPInstanceUID]
            assert (image.SeriesInstanceUID, image.SOPInstanceUID) in listed
            place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
            distance = np.linalg.norm(stack.geometry.origins - place, axis=1)
            z = int(np.argmin(distance))
            assert distance[z] < 1e-3
            pixels = image.pixel_array
            if pixels.ndim == 3:
                pixels = pixels[ref.ReferencedFrameNumber - 1]
            np.testing.assert_array_equal(pixels, stack.pixels[t, z])


def test_the_validator_finds_no_error(written):
    _, _, files = written
    assert errors_of(files[0]) == []
    assert errors_of(files[EMPTY_PHASE]) == []


@pytest.fixture
def study(tmp_path):
    stack = cine((2, 4, 24, 20))
    io.write_dicom(stack, tmp_path / "images")
    labels = np.zeros(stack.shape, np.uint8)
    labels[:, :, 4:20, 4:16] = Structure.RV
    labels[:, :, 8:16, 6:14] = Structure.MYO
    labels[:, :, 10:14, 8:12] = Structure.LV
    sources = io.source_images(io.sax_cine(io.scan(tmp_path / "images")))
    return sources, Segmentation.on(stack, labels)


def srgb_of(lab: np.ndarray) -> np.ndarray:
    """0..255 of CIELab under D50, by the matrix of sRGB adapted to D50 (Lindbloom, Bradford)."""
    to_linear = np.array(
        [
            [3.1338561, -1.6168667, -0.4906146],
            [-0.9787684, 1.9161415, 0.0334540],
            [0.0719453, -0.2289914, 1.4052427],
        ]
    )
    linear = np.clip(to_linear @ lab2xyz(lab, illuminant="D50"), 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_segments_have_snomed_codes_and_the_windows_colours(study, tmp_path):
    sources, segmentation = study
    (file, _) = io.write_seg(segmentation, sources, tmp_path / "seg")
    codes = {}
    for item in pydicom.dcmread(file).SegmentSequence:
        code = item.SegmentedPropertyTypeCodeSequence[0]
        codes[item.SegmentLabel] = (code.CodingSchemeDesignator, code.CodeValue)
        structure = next(s for s in Structure if s.title == item.SegmentLabel)
        stored = np.array(item.RecommendedDisplayCIELabValue, float)
        # PS3.3 C.10.7.1.1: 0..65535 is 0..100 for L*, -128..127 for a* and b*
        lab = stored / 65535 * (100, 255, 255) - (0, 128, 128)
        wanted = [int(COLOURS[structure][i : i + 2], 16) for i in (1, 3, 5)]
        np.testing.assert_allclose(srgb_of(lab), wanted, atol=2)
        assert item.SegmentAlgorithmType == "MANUAL"  # no model made these
    assert codes == {
        "LV cavity": ("SCT", "87878005"),
        "LV myocardium": ("SCT", "49848007"),
        "RV cavity": ("SCT", "53085002"),
    }


def test_a_turned_slice_keeps_its_own_orientation(tmp_path):
    stack = cine((2, 5, 24, 20))
    turn = np.radians(4)
    axes = stack.geometry.axes.copy()
    row, column = axes[2]
    axes[2] = (
        row * np.cos(turn) - column * np.sin(turn),
        column * np.cos(turn) + row * np.sin(turn),
    )
    geometry = Geometry(stack.geometry.origins, axes, stack.geometry.pixel_spacing, 8.0)
    stack = replace(stack, geometry=geometry)
    io.write_dicom(stack, tmp_path / "images")
    sources = io.source_images(io.sax_cine(io.scan(tmp_path / "images")))
    labels = np.ones(stack.shape, np.uint8)
    files = io.write_seg(Segmentation.on(stack, labels), sources, tmp_path / "seg")
    written = {
        tuple(np.round(np.array(f.PlaneOrientationSequence[0].ImageOrientationPatient, float), 5))
        for f in pydicom.dcmread(files[0]).PerFrameFunctionalGroupsSequence
    }
    wanted = {tuple(np.round(np.concatenate([c, r]), 5)) for r, c in axes}
    assert written == wanted
    assert errors_of(files[0]) == []
    np.testing.assert_array_equal(io.read_seg(tmp_path / "seg", sources).labels, labels)


def edited(file: Path, change) -> Path:
    dataset = pydicom.dcmread(file)
    change(dataset)
    dataset.save_as(file)
    return file


def test_a_segment_of_another_structure_is_left_out_with_a_finding(study, tmp_path):
    sources, segmentation = study
    files = io.write_seg(segmentation, sources, tmp_path / "seg")

    def make_lung(dataset: Dataset) -> None:
        code = dataset.SegmentSequence[2].SegmentedPropertyTypeCodeSequence[0]
        code.CodeValue, code.CodeMeaning = "39607008", "Lung"

    for file in files:
        edited(file, make_lung)
    back = io.read_seg(files, sources)
    assert [f.code for f in back.findings] == ["segment-unknown"]
    without = np.where(segmentation.labels == Structure.RV, 0, segmentation.labels)
    np.testing.assert_array_equal(back.labels, without)


def test_an_infarct_that_overlaps_the_wall_counts_as_infarct(study, tmp_path):
    sources, segmentation = study
    files = io.write_seg(segmentation, sources, tmp_path / "seg")

    def overlap(dataset: Dataset) -> None:
        code = dataset.SegmentSequence[1].SegmentedPropertyTypeCodeSequence[0]
        code.CodeValue, code.CodeMeaning = "55641003", "Infarct"

    back = io.read_seg([edited(file, overlap) for file in files], sources)
    assert set(np.unique(back.labels)) == {0, Structure.LV, Structure.RV, Structure.INFARCT}


def fractional(dataset: Dataset) -> None:
    dataset.SegmentationType = "FRACTIONAL"


def without_segments(dataset: Dataset) -> None:
    del dataset.SegmentSequence


def of_other_images(dataset: Dataset) -> None:
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"


def of_another_size(dataset: Dataset) -> None:
    dataset.Rows, dataset.Columns = 20, 24


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (fractional, "only BINARY"),
        (without_segments, "damaged"),
        (of_other_images, "other images"),
        (of_another_size, "another grid"),
    ],
)
def test_a_segmentation_that_does_not_fit_is_refused_in_one_sentence(
    study, tmp_path, change, sentence
):
    sources, segmentation = study
    file = edited(io.write_seg(segmentation, sources, tmp_path / "seg")[0], change)
    with pytest.raises(InputError, match=sentence):
        io.read_seg(file, sources)


def test_a_folder_without_segmentation_is_refused(study, tmp_path):
    with pytest.raises(InputError, match="no DICOM segmentation"):
        io.read_seg(tmp_path / "images", study[0])


def test_labels_that_cannot_be_written_are_refused(study, tmp_path):
    sources, segmentation = study
    empty = segmentation.with_labels(np.zeros_like(segmentation.labels))
    with pytest.raises(InputError, match="empty"):
        io.write_seg(empty, sources, tmp_path / "seg")
    other = segmentation.with_labels(segmentation.labels[:1])
    with pytest.raises(InputError, match="segment this stack"):
        io.write_seg(other, sources, tmp_path / "seg")
    assert not (tmp_path / "seg").exists()


def test_images_that_cannot_be_referred_to_are_refused(tmp_path):
    io.write_nifti(cine(), tmp_path / "cine.nii.gz")
    with pytest.raises(InputError, match="not read from DICOM"):
        io.source_images(io.scan(tmp_path / "cine.nii.gz").entries[0])

    def same_uid(dataset: Dataset, t: int, z: int) -> None:
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"

    io.write_dicom(cine(), tmp_path / "shared", edit=same_uid)
    with pytest.raises(InputError, match="share a UID"):
        io.source_images(io.sax_cine(io.scan(tmp_path / "shared")))

    def no_spacing(dataset: Dataset, t: int, z: int) -> None:
        del dataset.PixelSpacing

    io.write_dicom(cine(), tmp_path / "unspaced", edit=no_spacing)
    with pytest.raises(InputError, match="where they lie"):
        io.source_images(io.sax_cine(io.scan(tmp_path / "unspaced")))


def test_the_patient_is_named_as_in_the_images(tmp_path):
    def name(dataset: Dataset, t: int, z: int) -> None:
        dataset.SpecificCharacterSet = "ISO_IR 100"
        dataset.PatientName, dataset.PatientID = "Müller^Jörg", "77"
        dataset.AccessionNumber = "A1"

    stack = cine((1, 3, 16, 16))
    io.write_dicom(stack, tmp_path / "images", edit=name)
    sources = io.source_images(io.scan(tmp_path / "images").entries[0])
    labels = np.ones(stack.shape, np.uint8)
    (file,) = io.write_seg(Segmentation.on(stack, labels), sources, tmp_path / "seg")
    seg = pydicom.dcmread(file)
    assert (str(seg.PatientName), seg.PatientID, seg.AccessionNumber) == ("Müller^Jörg", "77", "A1")
