"""Files made to do harm, one by one: what the mutations found, and bombs that they cannot make."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from safetensors.torch import save_file

from napari_cmr import io
from napari_cmr.core import InputError, Segmentation
from napari_cmr.io import declared_size
from napari_cmr.io.archive import Limits, _checked
from napari_cmr.io.declared_size import RATIO, inflated, is_plausible
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.io.metaimage import read_metaimage
from napari_cmr.io.video import read_video, write_video
from napari_cmr.learn.checkpoint import load_checkpoint
from napari_cmr.ui.task_runner import our_fault, where
from tests.fuzz.seeds import models
from tests.io.stacks import cine
from tests.io.test_dicom_folder import recode

SMALL = (2, 3, 16, 12)


@pytest.fixture
def little(monkeypatch):
    """So little may be unpacked that a test's bomb is small: one MiB."""
    monkeypatch.setattr(declared_size, "SMALL_BYTES", 1 << 20)
    return 1 << 20


def header_of(path, **changes):
    """Rewrite elements of a DICOM file, values that break the rules included."""
    dataset = pydicom.dcmread(path)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)


def test_images_that_know_their_direction_and_not_their_place_are_left_out_of_others_stacks(
    tmp_path,
):
    files = io.write_dicom(cine(SMALL), tmp_path)
    dataset = pydicom.dcmread(files[0])
    del dataset.ImagePositionPatient
    dataset.save_as(files[0])
    assert sum(e.n_files for e in io.scan(tmp_path).entries) <= len(files)


def test_compressed_pixels_that_promise_far_more_than_they_hold_are_left_out(tmp_path):
    (file,) = io.write_dicom(cine((1, 1, 16, 12)), tmp_path)
    recode([file], RLELossless)
    header_of(file, Rows=65535, Columns=65535)
    with pytest.raises(InputError, match="damaged"):
        io.scan(tmp_path)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("declared", [0, 65535])
def test_pictures_whose_own_size_is_another_than_their_files_are_refused(
    tmp_path, syntax, declared
):
    (file,) = io.write_dicom(cine((1, 1, 64, 48)), tmp_path)
    recode([file], syntax)
    data = bytearray(file.read_bytes())
    if syntax == JPEGLSLossless:  # a height of 0 sent one decoder into an endless loop
        at, form = data.index(b"\xff\xf7") + 5, ">H"
    else:
        at, form = data.index(b"\xff\x4f\xff\x51") + 12, ">I"
    assert struct.unpack_from(form, data, at) == (64,)
    struct.pack_into(form, data, at, declared)
    file.write_bytes(data)
    (entry,) = io.scan(tmp_path).entries
    with pytest.raises(InputError, match="cannot be decoded"):
        io.load(entry)


def test_a_deflated_bomb_is_left_out_without_being_unpacked(tmp_path, little):
    (file,) = io.write_dicom(cine((1, 1, 16, 12)), tmp_path)
    recode([file], DeflatedExplicitVRLittleEndian)
    data = file.read_bytes()
    begin = 144 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packer.compress(bytes(4 * little)) + packer.flush()
    file.write_bytes(data[:begin] + bomb)
    with pytest.raises(InputError, match="damaged"):
        io.scan(tmp_path)


def test_what_unpacks_to_far_more_than_images_do_is_refused(little):
    assert is_plausible(little, 0)
    assert not is_plausible(little + 1, 1000)
    assert is_plausible(RATIO * little, little)
    assert inflated(zlib.compress(b"abc")) == b"abc"
    with pytest.raises(ValueError, match="too large"):
        inflated(zlib.compress(bytes(little + 1)))


def test_a_metaimage_bomb_is_refused(tmp_path, little):
    header = "DimSize = 4 4\nElementType = MET_UCHAR\nCompressedData = True\n"
    bomb = zlib.compress(bytes(little + 1))
    (tmp_path / "a.mha").write_bytes(f"{header}ElementDataFile = LOCAL\n".encode() + bomb)
    with pytest.raises(InputError, match="damaged"):
        read_metaimage(tmp_path / "a.mha")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_nifti_of_a_few_bytes_that_claims_a_world_is_refused(tmp_path, name):
    image = nib.Nifti1Image(np.zeros((4, 4, 2, 2), np.uint8), np.diag([2, 2, 8, 1]))
    image.header["dim"][1:5] = 32767
    data = image.header.binaryblock + bytes(100)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    with pytest.raises(InputError, match="smaller than its header says"):
        io.read_nifti(tmp_path / name)
    with pytest.raises(InputError, match="damaged"):
        io.scan(tmp_path)


def test_a_sidecar_nested_without_end_is_passed_over(tmp_path):
    io.write_nifti(cine(SMALL), tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text("[" * 100_000)
    assert len(io.scan(tmp_path / "a.nii.gz").entries) == 1


def test_a_stack_that_memory_cannot_hold_is_said_to_be_too_large(tmp_path, monkeypatch):
    io.write_dicom(cine(SMALL), tmp_path)
    (entry,) = io.scan(tmp_path).entries
    monkeypatch.setattr(type(entry.source), "read", lambda *_: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(InputError, match="does not fit into this computer's memory"):
        io.load(entry)


def test_a_damaged_value_ends_de_identifying_with_the_files_name(tmp_path):
    files = io.write_dicom(cine(SMALL), tmp_path / "in")
    data = files[0].read_bytes()
    files[0].write_bytes(data.replace(b"0.792067", b"0.79\x0067", 1))
    with pytest.raises(InputError, match=files[0].name):
        io.deidentified_copy(files, tmp_path / "out", "a secret of many letters")


@pytest.fixture
def labelled(tmp_path):
    """A stack's entry and the DICOM SEG on it."""
    io.write_dicom(cine(SMALL), tmp_path / "images")
    (entry,) = io.scan(tmp_path / "images").entries
    labels = np.zeros(SMALL, np.uint8)
    labels[:, :, 4:10, 3:9] = 1
    found = Segmentation.on(io.load(entry), labels, "a net 1.0")
    return entry, io.write_seg(found, io.source_images(entry), tmp_path / "seg"), found


def test_a_segmentation_whose_element_claims_gigabytes_or_is_no_number_is_refused(labelled):
    entry, (first, *_), _ = labelled
    whole = first.read_bytes()
    at = whole.index(b"\x28\x00\x10\x00US") + 6  # Rows
    for lie in (b"\x02\x00\x11", b"\x03\x00\x11\x11\x11"):
        first.write_bytes(whole[:at] + lie + whole[at + len(lie) :])
        with pytest.raises(InputError, match=first.name):
            io.labels_on_stack(first, entry)


def test_a_sex_that_the_standard_does_not_know_is_not_written_on(labelled, tmp_path):
    entry, _, found = labelled
    for file in sorted((tmp_path / "images").iterdir()):
        header_of(file, PatientSex="SOMEBODY")
    written = io.write_seg(found, io.source_images(entry), tmp_path / "again")
    assert pydicom.dcmread(written[0]).PatientSex == ""


def test_names_that_no_file_system_takes_are_missing_files(tmp_path):
    long = "x" * 5000
    (tmp_path / "m.csv").write_text(f"subject,image\na,{long}.nii\n")
    with pytest.raises(InputError, match="1 missing"):
        io.read_manifest(tmp_path / "m.csv")
    io.write_nifti(cine(SMALL), tmp_path / "a.nii")
    row = ManifestRow("a", tmp_path / "a.nii", label=tmp_path / f"{long}.nii")
    with pytest.raises(InputError, match="no file"):
        io.load_label(row, io.load_image(row))


@pytest.mark.parametrize("number", ["9" * 5000, "\u00b2"])
def test_a_frame_that_no_cine_has_is_refused(tmp_path, number):
    io.write_nifti(cine(SMALL), tmp_path / "a.nii")
    (tmp_path / "m.csv").write_text(f"subject,image,frame\na,a.nii,{number}\n", encoding="utf-8")
    with pytest.raises(InputError, match="no phase or slice number"):
        io.read_manifest(tmp_path / "m.csv")


def test_an_image_without_a_uid_cannot_be_de_identified(tmp_path):
    files = io.write_dicom(cine(SMALL), tmp_path / "in")
    dataset = pydicom.dcmread(files[0])
    del dataset.SOPInstanceUID
    dataset.save_as(files[0])
    with pytest.raises(InputError, match=files[0].name):
        io.deidentified_copy(files, tmp_path / "out", "a secret of many letters")


def test_a_nifti_of_negative_sizes_is_refused(tmp_path):
    image = nib.Nifti1Image(np.zeros((4, 4, 2, 2), np.uint8), np.diag([2, 2, 8, 1]))
    image.header["dim"][3:5] = -2
    (tmp_path / "a.nii").write_bytes(image.header.binaryblock + bytes(4096))
    with pytest.raises(InputError):
        io.read_nifti(tmp_path / "a.nii")


def test_a_modality_of_free_text_is_not_repeated(tmp_path):
    (file,) = io.write_dicom(cine((1, 1, 16, 12)), tmp_path)
    header_of(file, Modality="JANE DOE")
    with pytest.raises(InputError) as told:
        io.scan(tmp_path)
    assert "1 not magnetic resonance" in str(told.value)
    assert "JANE" not in str(told.value)


def test_a_refused_archive_in_a_folder_is_not_named_in_what_is_written(tmp_path):
    io.write_dicom(cine(SMALL), tmp_path)
    (tmp_path / "Jane_Doe.zip").write_bytes(b"PK\x03\x04 no more")
    told = json.dumps(io.scan(tmp_path).as_dict())
    assert "archive-refused" in told
    assert "Jane" not in told


def test_an_errors_own_words_are_neither_shown_nor_logged():
    with pytest.raises(ValueError, match="Jane") as caught:
        int("Jane Doe")
    told = where(caught.value) + our_fault(caught.value)
    assert "ValueError" in told
    assert "test_hostile_files.py" in told
    assert "Jane" not in told


@pytest.mark.parametrize(
    "lie",
    [
        {"channels": [100_000, 100_000]},
        {"channels": [-1, 2]},
        {"channels": [4] * 3000},
        {"neighbours": 10**9},
        {"structures": ["A"] * 10**5},
        {"grid": {"spacing_mm": 1.0, "size": 10**9}},
        {"encoder": "vit_small_patch8", "encoder_options": {"depth": 10**5}},
        {"encoder": "vit_small_patch8", "encoder_options": {"width": 10**5, "heads": 1}},
        {"encoder": "vit_small_patch8", "encoder_options": {"patch": 0}},
        {"encoder": "vit_small_patch8", "encoder_options": {"width": "wide"}},
    ],
)
def test_a_card_that_asks_for_all_memory_or_for_nonsense_is_refused(tmp_path, lie):
    from napari_cmr import nets

    models(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    card["networks"]["segmenter"] |= lie
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(InputError):
        nets.load_model(tmp_path)


def test_pixels_of_more_bits_than_any_number_has_end_in_no_overflow(tmp_path):
    files = io.write_dicom(cine(SMALL), tmp_path)
    header_of(files[0], BitsStored=65535, RescaleSlope=2, RescaleIntercept=0)
    entries = io.scan(tmp_path).entries
    assert sum(e.n_files for e in entries) <= len(files)
    for entry in entries:
        assert np.isfinite(io.load(entry).pixels).all()


def test_an_entry_without_a_name_is_left_out_of_an_archive(tmp_path):
    path = tmp_path / "study.zip"
    files = io.write_dicom(cine(SMALL), tmp_path / "study")
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, file.name)
        archive.writestr("a", b"")
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    infos[-1].filename = ""
    kept = _checked(path, infos, Limits())
    assert len(kept.names) == len(files)


def test_a_video_whose_frames_change_size_is_damaged(tmp_path, monkeypatch):
    path = tmp_path / "loop.avi"
    write_video(np.zeros((3, 32, 32), np.uint8), path)

    class Frame:
        def __init__(self, side):
            self.side = side

        def to_ndarray(self, **_):
            return np.zeros((self.side, self.side), np.uint8)

    monkeypatch.setattr("napari_cmr.io.video._kept", lambda *_: [Frame(32), Frame(16)])
    with pytest.raises(InputError, match=r"differ in size: it is damaged"):
        read_video(path)


@pytest.mark.parametrize("name", ["", ".", "a" * 5000, "gone.raw", "nul\x00l.raw"])
def test_a_metaimage_whose_pixels_no_file_can_hold_is_refused(tmp_path, name):
    path = tmp_path / "image.mhd"
    path.write_text(
        f"NDims = 2\nDimSize = 2 2\nElementType = MET_UCHAR\nElementDataFile = {name}\n"
    )
    with pytest.raises(InputError, match=r"pixels of image\.mhd are missing|damaged MetaImage"):
        read_metaimage(path)


@pytest.mark.parametrize(
    ("tensors", "state"),
    [
        ({"n.weight": torch.zeros(1, 1)}, "{"),
        ({"n.weight": torch.zeros(1, 1)}, "3"),
        ({"n.weight": torch.zeros(1, 1), "optimizer.exp_avg": torch.zeros(1, 1)}, "{}"),
        ({"n.weight": torch.zeros(1, 1), "optimizer.x.exp_avg": torch.zeros(1, 1)}, "{}"),
        ({"n.weight": torch.zeros(1, 1), "optimizer.0.exp_avg": torch.zeros(1, 1)}, "{}"),
    ],
)
def test_a_checkpoint_whose_state_or_moments_are_nonsense_is_refused(tmp_path, tensors, state):
    path = tmp_path / "checkpoint.safetensors"
    save_file(tensors, path, metadata={"state": state})
    network = torch.nn.Linear(1, 1, bias=False)
    with pytest.raises(InputError, match="is damaged or of another encoder"):
        load_checkpoint(path, {"n": network}, torch.optim.AdamW(network.parameters()))


PIPES = """
import os, sys
from pathlib import Path
from napari_cmr import batch, io, measure
from napari_cmr.cli.exporting import export
from napari_cmr.core import InputError
from napari_cmr.io.layouts import make_manifest
from napari_cmr.io.manifest import read_manifest
from napari_cmr.io.seg_reading import has_seg

folder = Path(sys.argv[1])
pipe, plain = folder / "pipe", folder / "plain"
refused = 0
for call in (
    lambda: io.scan(pipe),
    lambda: io.scan(plain),
    lambda: measure.read_reference_table(pipe),
    lambda: batch.cohort_of(pipe),
    lambda: read_manifest(folder / "m.csv"),
    lambda: make_manifest(plain, folder / "out.csv"),
    lambda: export(folder, folder / "out", deidentify=True, salt_file=pipe),
):
    try:
        call()
    except InputError:
        refused += 1
print(refused, has_seg(plain))
"""


def test_pipes_which_never_end_are_no_files(tmp_path):
    (tmp_path / "plain").mkdir()
    for name in ("pipe", "plain/a.dcm", "plain/labels.nii.gz", "plain/c-icontour-manual.txt"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "m.csv").write_text("subject,image\na,pipe\n")
    done = subprocess.run(
        [sys.executable, "-c", PIPES, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.strip() == "7 False", done.stderr
