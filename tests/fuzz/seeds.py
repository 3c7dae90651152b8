"""Small whole files of every kind that is read; what is mutated."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    RLELossless,
)

from napari_cmr import io
from napari_cmr.core import Segmentation, Stack
from napari_cmr.io.metaimage import write_metaimage
from napari_cmr.io.video import write_video
from tests.io.layouts.folders import outlines, workspace
from tests.io.stacks import cine
from tests.io.test_dicom_folder import recode

SMALL = (2, 3, 16, 12)


@dataclass(frozen=True)
class Seed:
    """Files of one case by their names, and those of them that are mutated."""

    files: dict[str, bytes]
    targets: tuple[str, ...]


def of_folder(folder: Path, *targets: str) -> Seed:
    """All files of a folder; each is a target where none is named."""
    files = {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }
    return Seed(files, targets or tuple(files))


def classic(folder: Path) -> list[Seed]:
    """One file in each way of storing pixels."""
    seeds = []
    for syntax in (
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEGLSLossless,
        JPEG2000Lossless,
    ):
        compressed = syntax == JPEG2000Lossless
        stack = cine((1, 1, 64, 48) if compressed else (1, 1, 16, 12))
        files = io.write_dicom(stack, folder / str(syntax))
        recode(files, syntax)
        seeds.append(of_folder(folder / str(syntax)))
    return seeds


def studies(folder: Path) -> list[Seed]:
    """A cine of six files, of which one goes wrong."""
    io.write_dicom(cine(SMALL), folder)
    return [of_folder(folder)]


def enhanced(folder: Path) -> list[Seed]:
    io.write_dicom(cine(SMALL), folder / "plain", enhanced=True)
    files = io.write_dicom(cine(SMALL), folder / "rle", enhanced=True)
    recode(files, RLELossless)
    return [of_folder(folder / "plain"), of_folder(folder / "rle")]


def dicomdirs(folder: Path) -> list[Seed]:
    files = io.write_dicom(cine(SMALL), folder)
    records = []
    for file in files:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        record.ReferencedFileID = [file.name]
        records.append(record)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.FileSetID = "DISC"
    dataset.DirectoryRecordSequence = records
    dataset.save_as(folder / "DICOMDIR", enforce_file_format=True)
    return [of_folder(folder, "DICOMDIR")]


def segmentations(folder: Path) -> list[Seed]:
    """Images, and DICOM SEG on them."""
    images = folder / "images"
    io.write_dicom(cine(SMALL), images)
    (entry,) = io.scan(images).entries
    labels = np.zeros(SMALL, np.uint8)
    labels[:, :, 4:10, 3:9] = 1
    labels[:, :, 10:12, 3:9] = 2
    written = io.write_seg(
        Segmentation.on(io.load(entry), labels, "a net 1.0"), io.source_images(entry), folder
    )
    return [of_folder(folder, *(f.name for f in written))]


def niftis(folder: Path) -> list[Seed]:
    stack = cine(SMALL)
    io.write_nifti(stack, folder / "a" / "a.nii")
    io.write_nifti(stack, folder / "b" / "b.nii.gz")
    nib.save(
        nib.Nifti2Image(np.ones((8, 9, 3), np.float32), np.diag([2, 2, 8, 1])),
        _new(folder / "c" / "c.nii"),
    )
    io.write_nifti(stack, folder / "d" / "patient_frame01.nii.gz")
    _new(folder / "d" / "Info.cfg").write_text("ED: 1\nES: 2\nNbFrame: 9\nHeight: 170.0\n")
    (folder / "d" / "patient_frame01.json").write_text(
        '{"SeriesDescription": "cine SAX", "ImageType": ["ORIGINAL", "M"]}'
    )
    return [of_folder(folder / name) for name in "abcd"]


def labels(folder: Path) -> list[Seed]:
    """Label files; their name says so."""
    stack = _zeros_and_ones()
    io.write_labels(stack, folder / "a" / "seg.nii.gz")
    io.write_labels(stack, folder / "b" / "seg.nii")
    return [of_folder(folder / name) for name in "ab"]


def _zeros_and_ones() -> Segmentation:
    labels = np.zeros(SMALL, np.uint8)
    labels[:, :, 4:10, 3:9] = 1
    return Segmentation.on(cine(SMALL), labels)


def archives(folder: Path) -> list[Seed]:
    """A study in a zip, packed and unpacked."""
    files = io.write_dicom(cine((1, 2, 16, 12)), folder / "study")
    seeds = []
    for packing in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        target = _new(folder / f"zip{packing}" / "study.zip")
        with zipfile.ZipFile(target, "w", packing) as archive:
            for file in files:
                archive.write(file, f"study/series/{file.name}")
            archive.writestr("study/manifest.csv", "filename,series discription,date\na,b,c\n")
        seeds.append(of_folder(target.parent))
    return seeds


def contours(folder: Path) -> list[Seed]:
    text = "".join(f"{40 + 10 * np.cos(a):.2f} {40 + 10 * np.sin(a):.2f}\n" for a in range(6))
    _new(folder / "IM-0001-0001-icontour-manual.txt").write_text(text)
    return [of_folder(folder)]


def workspaces(folder: Path) -> list[Seed]:
    disc = np.zeros((16, 12), np.uint8)
    disc[4:10, 3:9] = 1
    (line,) = outlines(disc)[1]
    text = workspace({"1.2.3": {"saendocardialContour": line, "saepicardialContour": line}})
    _new(folder / "a.cvi42wsx").write_text(text)
    return [of_folder(folder)]


def manifests(folder: Path) -> list[Seed]:
    """A CSV whose rows name a NIfTI, a picture and their labels."""
    stack = cine(SMALL)
    io.write_nifti(stack, folder / "image.nii.gz")
    io.write_labels(_zeros_and_ones(), folder / "label.nii.gz")
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(16, 12)).save(folder / "image.png")
    rows = (
        "subject,image,label,frame,slice,view,sequence,label_map,spacing_mm,height_cm\n"
        's1,image.nii.gz,label.nii.gz,1,,SAX,cine,cmr,"8,1.5,1.5",172\n'
        's2,image.png,,ED,2,4CH,cine,acdc,"8,1,1",\n'
    )
    (folder / "manifest.csv").write_text(rows)
    return [of_folder(folder, "manifest.csv")]


def pictures(folder: Path) -> list[Seed]:
    grey = np.arange(192, dtype=np.uint8).reshape(16, 12) % 3
    seeds = []
    for name, array in {
        "a.png": grey,
        "b.png": grey.astype(np.uint16) * 300,
        "c.png": np.stack([grey] * 3, -1),
        "d.jpg": grey,
        "e.webp": np.stack([grey] * 3, -1),
    }.items():
        path = _new(folder / name / name)
        Image.fromarray(array).save(path)
        seeds.append(of_folder(path.parent))
    return seeds


def videos(folder: Path) -> list[Seed]:
    frames = (np.arange(4 * 32 * 48) % 251).astype(np.uint8).reshape(4, 32, 48)
    write_video(frames, _new(folder / "a.avi"))
    return [of_folder(folder)]


def metaimages(folder: Path) -> list[Seed]:
    import zlib

    pixels = np.arange(192, dtype=np.uint8).reshape(16, 12)
    write_metaimage(pixels, folder / "a" / "a.mhd", (1.0, 1.5))
    header = (
        "NDims = 2\nDimSize = 12 16\nElementSpacing = 1 1\nElementType = MET_UCHAR\n"
        "CompressedData = True\nElementDataFile = LOCAL\n"
    )
    _new(folder / "b" / "b.mha").write_bytes(header.encode() + zlib.compress(pixels.tobytes()))
    return [of_folder(folder / name) for name in "ab"]


def tables(folder: Path) -> list[Seed]:
    """Data sets whose meaning lies in a table beside the images."""
    echonet = folder / "echonet"
    frames = (np.arange(4 * 32 * 48) % 251).astype(np.uint8).reshape(4, 32, 48)
    write_video(frames, _new(echonet / "Videos" / "0X1.avi"))
    (echonet / "FileList.csv").write_text(
        "FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split\n"
        "0X1,55.0,20.0,50.0,32,48,50,4,TRAIN\n"
    )
    lines = "".join(
        f"0X1.avi,{10 + i},{4 + i},{30 - i},{4 + i},{t}\n" for t in (1, 3) for i in range(9)
    )
    (echonet / "VolumeTracings.csv").write_text("FileName,X1,Y1,X2,Y2,Frame\n" + lines)
    patient = folder / "acdc" / "training" / "patient001"
    stack = cine((1, 3, 16, 12))
    for number in (1, 9):
        io.write_nifti(stack, patient / f"patient001_frame{number:02d}.nii.gz")
    (patient / "Info.cfg").write_text("ED: 1\nES: 9\nGroup: NOR\nHeight: 172\nNbFrame: 12\n")
    return [
        of_folder(echonet, "FileList.csv", "VolumeTracings.csv"),
        of_folder(folder / "acdc", "training/patient001/Info.cfg"),
    ]


def ranges(folder: Path) -> list[Seed]:
    _new(folder / "ranges.csv").write_text(
        "name,low,high,sex,age_from,age_to,papillary,bsa,source\n"
        "lv_ef_percent,50,70,F,20,80,cavity,,ours\n"
        "lv_edv_ml_per_m2,50,70,M,20,80,mass,Mosteller,ours\n"
    )
    return [of_folder(folder)]


def models(folder: Path) -> list[Seed]:
    """A segmenter's folder: weights and card."""
    from napari_cmr.nets import save_model
    from napari_cmr.nets.shelf import build
    from tests.nets.conftest import make_card

    card = make_card()
    save_model(folder, card, {role: build(spec) for role, spec in card.networks.items()})
    return [of_folder(folder, "model.safetensors"), of_folder(folder, "card.json")]


def checkpoints(folder: Path) -> list[Seed]:
    import torch

    from napari_cmr.learn.checkpoint import save_checkpoint

    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_checkpoint(_new(folder / "checkpoint.safetensors"), {"n": network}, optimizer, {"step": 3})
    return [of_folder(folder)]


def _new(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def stack() -> Stack:
    """The stack that most seeds hold."""
    return cine(SMALL)
