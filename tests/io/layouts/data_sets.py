"""Builders of whole data sets' folders around the phantom, by the names of their layouts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_cmr import phantom
from napari_cmr.core import Structure
from napari_cmr.io import write_dicom, write_labels, write_nifti
from tests.io.layouts.folders import (
    LV,
    MYO,
    cvi42_contours,
    heart,
    only_phases,
    outlines,
    phase,
    workspace,
    write_contour,
    write_numbered,
    write_phase,
)

ED, ES = 0, 1


def acdc(folder: Path, study: phantom.PhantomStudy) -> Path:
    case = folder / "training" / "patient007"
    case.mkdir(parents=True)
    for number, t in ((1, ED), (2, ES)):
        stem = f"patient007_frame{number:02d}"
        write_phase(study, t, case / f"{stem}.nii.gz", case / f"{stem}_gt.nii.gz", "acdc")
    (case / "Info.cfg").write_text(
        "ED: 1\nES: 2\nGroup: HCM\nHeight: 170.0\nNbFrame: 4\nWeight: 71.5\n"
    )
    return case


def mnms(folder: Path, study: phantom.PhantomStudy, *, table: bool = True) -> None:
    case = folder / "Training" / "Labeled" / "A0S9V9"
    case.mkdir(parents=True)
    write_nifti(study.sax, case / "A0S9V9_sa.nii.gz")
    drawn = study.segmentation.with_labels(only_phases(study.segmentation.labels, (ED, ES)))
    write_labels(drawn, case / "A0S9V9_sa_gt.nii.gz", map_name="mnms")
    other = folder / "Training" / "Unlabeled" / "B1C2D3"
    other.mkdir(parents=True)
    write_nifti(study.sax, other / "B1C2D3_sa.nii.gz")
    if table:
        (folder / "211230_M&Ms_Dataset_information_diagnosis_opendataset.csv").write_text(
            ",External code,VendorName,Vendor,Centre,ED,ES,Age,Pathology,Sex,Height,Weight\n"
            f"0,A0S9V9,Siemens,A,1,{ED},{ES},50,DCM,M,181,80.0\n"
            "1,B1C2D3,Philips,B,2,0,9,40,NOR,F,N/A,\n"
        )


def mnms2(
    folder: Path, study: phantom.PhantomStudy, codes: tuple[str, ...] = ("007", "170", "201")
) -> None:
    four = study.segmentations["4CH"]
    for code in codes:
        case = folder / "dataset" / code
        case.mkdir(parents=True)
        for frame, t in (("ED", ED), ("ES", ES)):
            stem = case / f"{code}_SA_{frame}"
            write_phase(study, t, stem.with_suffix(".nii.gz"), None, "mnms2")
            write_labels(phase(study, t)[1], case / f"{stem.name}_gt.nii.gz", map_name="mnms2")
            write_nifti(study.stacks["4CH"], case / f"{code}_LA_{frame}.nii.gz")
            write_labels(four, case / f"{code}_LA_{frame}_gt.nii.gz", map_name="mnms2")
        write_nifti(study.sax, case / f"{code}_SA_CINE.nii.gz")
    (folder / "dataset_information.csv").write_text(
        "SUBJECT_CODE,DISEASE,VENDOR,SCANNER,FIELD\n7,TRI,SIEMENS,Avanto,1.5\n170,NOR,GE,,\n"
    )


def scarred(study: phantom.PhantomStudy) -> np.ndarray:
    """Labels of one phase with part of the wall turned to scar, and of that to no-reflow."""
    labels = phase(study, ED)[1].labels.copy()
    wall = np.argwhere(labels == Structure.MYO)
    labels[tuple(wall[: len(wall) // 3].T)] = Structure.INFARCT
    labels[tuple(wall[: len(wall) // 9].T)] = Structure.MVO
    return labels


def emidec(folder: Path, study: phantom.PhantomStudy) -> np.ndarray:
    """Gives the labels that it holds."""
    stack, segmentation = phase(study, ED)
    labels = scarred(study)
    labels[labels == Structure.RV] = 0
    for name in ("Case_N006", "Case_P012", "Case_E101"):
        case = folder / name
        (case / "Images").mkdir(parents=True)
        write_nifti(stack, case / "Images" / f"{name}.nii.gz")
        if name != "Case_E101":
            truth = segmentation.with_labels(labels)
            write_labels(truth, case / "Contours" / f"{name}.nii.gz", map_name="emidec")
    return labels


def myops(folder: Path, study: phantom.PhantomStudy) -> np.ndarray:
    """Gives the labels that it holds."""
    stack, segmentation = phase(study, ED)
    labels = scarred(study)
    labels[labels == Structure.MVO] = Structure.MYO
    name = "myops_training_101"
    for what in ("C0", "DE", "T2"):
        write_nifti(stack, folder / "train25" / f"{name}_{what}.nii.gz")
        write_nifti(stack, folder / "test20" / f"myops_test_201_{what}.nii.gz")
    label = folder / "train25_myops_gd" / f"{name}_gd.nii.gz"
    write_labels(segmentation.with_labels(labels), label, map_name="myops")
    return labels


def contours(
    paths: dict[tuple[int, int], Path],
    study: phantom.PhantomStudy,
    folder: Path,
    phases: tuple[int, ...] = (ED, ES),
    kinds: tuple[Structure, ...] = (LV, MYO),
) -> None:
    """Sunnybrook's text beside numbered images."""
    letters = {LV: "i", MYO: "o"}
    for (t, z), path in paths.items():
        lines = outlines(study.segmentation.labels[t, z])
        for structure in kinds:
            if t in phases and structure in lines:
                number = path.stem.rpartition("-")[2]
                name = f"IM-0001-{number}-{letters[structure]}contour-manual.txt"
                write_contour(lines[structure][0], folder / name)


def sunnybrook(folder: Path, study: phantom.PhantomStudy) -> None:
    contours(write_numbered(study.sax, folder, "IM-0009"), study, folder)


def bowl(folder: Path, study: phantom.PhantomStudy, subject: str, part: str = "train") -> None:
    """A study whose slices are series of their own, as the set's are."""
    target = folder / part / subject / "study"
    n_phases = study.sax.shape[0]
    paths = write_dicom(study.sax, folder / "all", one_series_per_slice=True)
    for index, path in enumerate(paths):
        place = target / f"sax_{5 + index // n_phases}"
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / f"IM-4562-{index % n_phases + 1:04d}.dcm")
    shutil.rmtree(folder / "all")
    (target / "2ch_21").mkdir()


def write_kspace(path: Path, pixels: np.ndarray, n_coils: int, name: str) -> None:
    """``(t, z, y, x)`` pixels as k-space of coils whose squared weights sum to one."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed; CMRxRecon is not tested")
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = np.sqrt(np.full(n_coils, 1 / n_coils)) * np.exp(1j * np.arange(n_coils))
    centred = np.fft.ifftshift(pixels.astype(float), axes=(2, 3))
    kspace = np.fft.fftshift(np.fft.fft2(centred, norm="ortho"), axes=(2, 3))
    coils = kspace[:, :, None] * weights[:, None, None]
    stored = coils.swapaxes(3, 4)  # MATLAB's (x, y, coil, slice, phase), reversed
    stored = stored if n_coils > 1 else stored[:, :, 0]
    record = np.zeros(stored.shape, [("real", "<f8"), ("imag", "<f8")])
    record["real"], record["imag"] = stored.real, stored.imag
    with h5py.File(path, "w") as file:
        file[name] = record


def cmrxrecon(
    folder: Path,
    study: phantom.PhantomStudy,
    coil: str = "MultiCoil",
    n_coils: int = 3,
    name: str = "kspace_full",
) -> None:
    case = folder / coil / "Cine" / "TrainingSet" / "FullSample" / "P001"
    write_kspace(case / "cine_sax.mat", study.sax.pixels, n_coils, name)
    write_kspace(case / "cine_lax.mat", study.sax.pixels[:, :3], n_coils, name)


def cvi42(folder: Path, study: phantom.PhantomStudy) -> None:
    paths = write_numbered(study.sax, folder / "dicom", "IM-1")
    drawn = cvi42_contours(paths, study.segmentation.labels, "sa", (ED, ES))
    (folder / "contours.cvi42wsx").write_text(workspace(drawn))


BUILDERS: dict[str, Callable[[Path], object]] = {
    "acdc": lambda folder: acdc(folder, heart()),
    "mnms": lambda folder: mnms(folder, heart()),
    "mnms2": lambda folder: mnms2(folder, heart(long_axes=True), codes=("007",)),
    "emidec": lambda folder: emidec(folder, heart()),
    "myops": lambda folder: myops(folder, heart()),
    "sunnybrook": lambda folder: sunnybrook(folder, heart()),
    "kaggle_dsb": lambda folder: bowl(folder, heart(), "12"),
    "cmrxrecon": lambda folder: cmrxrecon(folder, heart()),
    "cvi42": lambda folder: cvi42(folder, heart()),
}
"""Builders of heart layouts in a folder that is not there yet."""
