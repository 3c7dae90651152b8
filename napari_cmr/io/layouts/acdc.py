"""ACDC: ``patientNNN/Info.cfg`` and frames ``patientNNN_frameNN`` with labels ``..._gt``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from napari_cmr.core import InputError
from napari_cmr.io.acdc import read_info
from napari_cmr.io.layouts.data_set import DataSet, Subject, Tree
from napari_cmr.io.layouts.tables import columns
from napari_cmr.io.manifest import ManifestRow

_SPLITS = {"training": "train", "testing": "test"}


def _matches(tree: Tree) -> bool:
    return any(f.name == "Info.cfg" for f in tree.files)


def _subjects(tree: Tree) -> Iterator[Subject]:
    for path in tree.files:
        if path.name == "Info.cfg":
            yield Subject(path.parent.name, partial(_read, path.parent))


def _read(folder: Path) -> list[ManifestRow]:
    info = read_info(folder / "Info.cfg")
    if info is None:
        raise InputError(f"{folder.name}: Info.cfg does not say ED and ES; restore the file.")
    rows = []
    for frame, number in (("ED", info.ed), ("ES", info.es)):
        image = _nifti(folder, f"{folder.name}_frame{number:02d}")
        if image is None:
            continue
        rows.append(
            ManifestRow(
                subject=folder.name,
                image=image,
                label=_nifti(folder, f"{folder.name}_frame{number:02d}_gt"),
                label_map="acdc",
                split=_SPLITS.get(folder.parent.name, ""),
                frame=frame,
                view="SAX",
                sequence="cine",
                group=info.group,
                columns=columns(height_cm=info.height_cm, weight_kg=info.weight_kg),
            )
        )
    if not rows:
        raise InputError(f"{folder.name} holds neither the ED nor the ES frame of its Info.cfg.")
    return rows


def _nifti(folder: Path, stem: str) -> Path | None:
    paths = (folder / f"{stem}{suffix}" for suffix in (".nii.gz", ".nii"))
    return next((p for p in paths if p.is_file()), None)


DATA_SET = DataSet("acdc", "ACDC", _matches, _subjects)
