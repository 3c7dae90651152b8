"""Real files in every storage: other people's DICOM, and real studies in other wrappings."""

from __future__ import annotations

import gzip
import importlib.util
import random
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless

from napari_cmr import io
from napari_cmr.core import InputError


def pydicoms(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"pydicom's test file {name} is not here")
    return Path(path)


@pytest.fixture
def nicom() -> Path:
    """nibabel's DICOM test files; they come with its wheel."""
    spec = importlib.util.find_spec("nibabel.nicom")
    folder = Path(spec.origin).parent / "tests" / "data" if spec and spec.origin else Path("none")
    if not folder.is_dir():
        pytest.skip("nibabel's test files are not here")
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "MR_small.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_expb.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_padded.dcm",
    ],
)
def test_one_picture_in_eight_storages_gives_the_same_pixels(name) -> None:
    (entry,) = io.scan(pydicoms(name)).entries
    stack = io.load(entry)
    assert stack.pixels.dtype == np.int16
    np.testing.assert_array_equal(
        stack.pixels[0, 0], pydicom.dcmread(pydicoms("MR_small.dcm")).pixel_array
    )


def test_a_truncated_picture_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="1 truncated"):
        io.scan(pydicoms("MR_truncated.dcm"))


def test_an_overlay_stays_out_of_the_pixels_and_an_abdomen_is_left_alone() -> None:
    path = pydicoms("examples_overlay.dcm")
    (entry,) = io.scan(path).entries
    assert entry.left_alone == "not the heart"
    source = pydicom.dcmread(path)
    assert source.overlay_array(0x6000).any()
    np.testing.assert_array_equal(io.load(entry).pixels[0, 0], source.pixel_array)


@pytest.mark.parametrize(
    "name",
    ["examples_jpeg2k.dcm", "JPGExtended.dcm", "liver_1frame.dcm", "CT_small.dcm", "reportsi.dcm"],
)
def test_what_is_no_magnetic_resonance_is_refused_in_a_sentence(name) -> None:
    with pytest.raises(InputError, match=r"1 not (magnetic resonance \(\w+\)|an image)\); choose"):
        io.scan(pydicoms(name))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("siemens_dwi_0.dcm.gz", "mosaic"),
        ("siemens_dwi_1000.dcm.gz", "mosaic"),
        ("0.dcm", "mosaic"),
        ("philips_mprage.dcm.gz", "not the heart"),
        ("slicethickness_empty_string.dcm", "not the heart"),
        ("decimal_rescale.dcm", "real images"),
    ],
)
def test_pictures_of_brains_are_left_alone_for_a_reason(nicom, tmp_path, name, said) -> None:
    source = nicom / name
    path = tmp_path / "a.dcm"
    data = source.read_bytes()
    path.write_bytes(gzip.decompress(data) if source.suffix == ".gz" else data)
    (entry,) = io.scan(path).entries
    assert entry.left_alone == said
    assert [f.code for f in entry.findings] == ["left-alone"]
    with pytest.raises(InputError, match="no short-axis cine; it holds"):
        io.open_stack(path)


def test_an_enhanced_file_of_a_scanner_is_read_frame_by_frame(nicom, tmp_path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(gzip.decompress((nicom / "philips_mprage.dcm.gz").read_bytes()))
    (entry,) = io.scan(path).entries
    first = pydicom.dcmread(path, stop_before_pixels=True)
    frames = first.PerFrameFunctionalGroupsSequence
    there = {tuple(f.PlanePositionSequence[0].ImagePositionPatient) for f in frames}
    assert entry.shape == (1, len(frames), first.Rows, first.Columns)
    assert {tuple(o) for o in entry.geometry.origins} == there


def test_a_file_set_of_several_patients_is_read_through_its_dicomdir() -> None:
    catalogue = io.scan(pydicoms("dicomdirtests/DICOMDIR"))
    listed = sum(e.n_files for e in catalogue.entries)
    assert listed == 16  # of 17: one localiser was scanned twice, and the later is taken
    assert catalogue.skipped == {
        "not magnetic resonance (CR)": 3,
        "not magnetic resonance (CT)": 11,
    }


@pytest.fixture
def scratch(tmp_path, monkeypatch) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))


@pytest.mark.usefixtures("scratch")
def test_the_persons_study_in_an_archive_is_the_same_study(shared_data, tmp_path) -> None:
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted((shared_data / "siemens").iterdir()):
            archive.write(file, f"export/{file.name}")
    of_zip, of_folder = io.scan(path), io.scan(shared_data / "siemens")
    assert of_zip.as_dict() == of_folder.as_dict()
    np.testing.assert_array_equal(
        io.load(of_zip.entries[0]).pixels, io.load(of_folder.entries[0]).pixels
    )


@pytest.fixture(scope="module")
def slices(shared_data) -> list[Path]:
    """Three slices of the animal's short axis, whole, as RLE files of a scanner."""
    places: dict[float, list[Path]] = {}
    for path in sorted((shared_data / "swine" / "sax").iterdir()):
        at = float(pydicom.dcmread(path, specific_tags=["SliceLocation"]).SliceLocation)
        places.setdefault(round(at, 2), []).append(path)
    return [path for at in sorted(places)[8:11] for path in places[at]]


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, None])
def test_the_animals_slices_survive_every_packing(slices, tmp_path, syntax) -> None:
    (tmp_path / "as-is").mkdir()
    for path in slices:
        shutil.copy(path, tmp_path / "as-is")
        dataset = pydicom.dcmread(path)
        dataset.decompress(generate_instance_uid=False)
        if syntax:
            dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(tmp_path / path.name)
    (tmp_path / "as-is").rename(tmp_path.parent / f"{tmp_path.name}-as-is")
    ours = io.open_stack(tmp_path)
    theirs = io.open_stack(tmp_path.parent / f"{tmp_path.name}-as-is")
    assert ours.shape[:2] == (20, 3)
    np.testing.assert_array_equal(ours.pixels, theirs.pixels)
    np.testing.assert_array_equal(ours.times_ms, theirs.times_ms)


def changed(slices: list[Path], folder: Path, change: object) -> io.Catalogue:
    for i, path in enumerate(slices):
        dataset = pydicom.dcmread(path)
        change(dataset, i)  # type: ignore[operator]
        dataset.save_as(folder / f"{i:03d}.dcm")
    return io.scan(folder)


@pytest.fixture(scope="module")
def truth(slices) -> np.ndarray:
    """Pixels of the three slices, ordered by hand: position, then trigger time."""
    datasets = [pydicom.dcmread(path) for path in slices]
    datasets.sort(key=lambda d: (-float(d.SliceLocation), float(d.TriggerTime)))
    pixels = np.stack([d.pixel_array for d in datasets])
    return pixels.reshape(3, 20, *pixels.shape[1:]).swapaxes(0, 1)


def without_triggers(dataset: pydicom.Dataset, _: int) -> None:
    del dataset.TriggerTime


def constant_trigger(dataset: pydicom.Dataset, _: int) -> None:
    dataset.TriggerTime = 10


def lying_trigger(dataset: pydicom.Dataset, i: int) -> None:
    dataset.TriggerTime = random.Random(i).randrange(600)


def nothing_but_numbers(dataset: pydicom.Dataset, _: int) -> None:
    kept = {"InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"}
    kept |= {"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality"}
    for element in list(dataset):
        if element.tag.group != 0x0028 and element.keyword not in {*kept, "PixelData"}:
            del dataset[element.tag]


@pytest.mark.parametrize(
    "change", [without_triggers, constant_trigger, lying_trigger, nothing_but_numbers]
)
def test_the_animals_phases_are_found_without_true_trigger_times(
    slices, truth, tmp_path, change
) -> None:
    (entry,) = changed(slices, tmp_path, change).entries
    assert entry.shape[:2] == (20, 3)
    pixels = io.load(entry).pixels
    same = pixels if np.array_equal(pixels[0, 0], truth[0, 0]) else pixels[:, ::-1]
    np.testing.assert_array_equal(same, truth)


@pytest.mark.parametrize("package", ["pydicom", "nibabel"])
def test_every_file_that_comes_with_the_libraries_is_read_or_refused_in_a_sentence(package) -> None:
    """Pictures of all kinds, damaged ones among them; nothing is downloaded."""
    spec = importlib.util.find_spec(package)
    root = Path(spec.origin).parent
    files = [p for p in root.rglob("*") if p.is_file() and {"data", "tests"} & set(p.parts)]
    files = [p for p in files if p.suffix not in (".py", ".pyc")]
    if len(files) < 20:
        pytest.skip(f"{package} came without its test files")
    read, refused = 0, []
    for path in files:
        try:
            for entry in io.scan(path).entries:
                io.load(entry)
                read += 1
        except InputError as refusal:
            refused.append(str(refusal))
    assert read
    assert all(told.endswith(".") and "\n" not in told for told in refused)
