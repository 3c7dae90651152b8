"""M&Ms: ``CODE/CODE_sa.nii.gz``, a whole cine, ``CODE_sa_gt`` with two labelled phases, a table."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from napari_cmr.core import InputError
from napari_cmr.io.layouts.data_set import DataSet, Subject, Tree
from napari_cmr.io.layouts.tables import columns, number, read_table
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.io.nifti import nifti_stem, phases_of

_SPLITS = {"training": "train", "validation": "validation", "testing": "test"}
_KEY = "external code"


def _matches(tree: Tree) -> bool:
    return any(_code(f) for f in tree.files)


def _code(path: Path) -> str:
    """The subject's code of an image in its own folder; empty for anything else."""
    stem = nifti_stem(path)
    is_image = path.name.endswith((".nii.gz", ".nii")) and stem == f"{path.parent.name}_sa"
    return path.parent.name if is_image else ""


def _subjects(tree: Tree) -> Iterator[Subject]:
    table = _table(tree)
    for path in tree.files:
        if code := _code(path):
            split = _split(path.relative_to(tree.folder))
            yield Subject(code, partial(_read, code, path, table.get(code, {}), split))


def _table(tree: Tree) -> dict[str, dict[str, str]]:
    """The set's information; its file was renamed with each release."""
    paths = [f for f in tree.named(".csv") if "information" in f.name.lower()]
    records: dict[str, dict[str, str]] = {}
    for path in paths:
        records.update(read_table(path, _KEY))
    return records


def _split(path: Path) -> str:
    return next((_SPLITS[p.lower()] for p in path.parts if p.lower() in _SPLITS), "")


def _read(code: str, image: Path, record: dict[str, str], split: str) -> list[ManifestRow]:
    label = image.with_name(image.name.replace("_sa.", "_sa_gt."))
    known = columns(
        height_cm=number(record.get("height", "")),
        weight_kg=number(record.get("weight", "")),
        vendor=record.get("vendor"),
        centre=record.get("centre"),
    )
    row = partial(
        ManifestRow,
        subject=code,
        image=image,
        split=split,
        view="SAX",
        sequence="cine",
        group=record.get("pathology", ""),
    )
    if not label.is_file():
        return [row(columns=known)]
    named = {_phase(record, "ed"): "ED", _phase(record, "es"): "ES"}
    return [
        row(
            label=label,
            label_map="mnms",
            frame=str(phase),
            columns={**known, "phase_name": named.get(phase, "")},
        )
        for phase in _labelled_phases(code, label)
    ]


def _phase(record: dict[str, str], name: str) -> int | None:
    """A phase of the set's table, counted from 0 as there."""
    return int(record[name]) if record.get(name, "").isdigit() else None


def _labelled_phases(code: str, label: Path) -> list[int]:
    """The phases that were drawn; the label's others are empty, which says nothing of the heart."""
    phases = [t for t, phase in enumerate(phases_of(label)) if phase.any()]
    if not phases:
        raise InputError(f"{code}: the label {label.name} is empty; restore the file.")
    return phases


DATA_SET = DataSet("mnms", "M&Ms", _matches, _subjects)
