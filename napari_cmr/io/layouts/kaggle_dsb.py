"""Kaggle's second Data Science Bowl: ``N/study/sax_M/*.dcm`` and tables of volumes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from napari_cmr.io.layouts.data_set import DataSet, Subject, Tree
from napari_cmr.io.layouts.tables import columns, number, read_table
from napari_cmr.io.manifest import ManifestRow

_SPLITS = {"train": "train", "validate": "validation", "test": "test"}


def _matches(tree: Tree) -> bool:
    return any(_study(f) for f in tree.files)


def _study(path: Path) -> Path | None:
    """The study's folder of a file in one of its short-axis series."""
    inside = path.parent.name.startswith("sax_") and path.parent.parent.name == "study"
    return path.parent.parent if inside else None


def _subjects(tree: Tree) -> Iterator[Subject]:
    volumes = _volumes(tree)
    studies = dict.fromkeys(s for f in tree.files if (s := _study(f)))
    for study in sorted(studies, key=_order):
        subject = study.parent.name
        yield Subject(subject, partial(_read, study, volumes.get(subject, {})))


def _order(study: Path) -> tuple[int, str]:
    name = study.parent.name
    return (int(name) if name.isdigit() else 0, str(study))


def _volumes(tree: Tree) -> dict[str, dict[str, str]]:
    """Systole and diastole in mL by subject, from whichever of the set's tables are there."""
    found: dict[str, dict[str, str]] = {}
    for path in tree.named("train.csv", "validate.csv"):
        found |= read_table(path, "id")
    for path in tree.named("solution.csv"):
        for key, record in read_table(path, "id").items():  # 501_Diastole, 501_Systole
            subject, _, phase = key.partition("_")
            found.setdefault(subject, {})[phase.lower()] = record.get("volume", "")
    return found


def _read(study: Path, volumes: dict[str, str]) -> list[ManifestRow]:
    return [
        ManifestRow(
            subject=study.parent.name,
            image=study,
            split=_SPLITS.get(study.parent.parent.name, ""),
            view="SAX",
            sequence="cine",
            columns=columns(
                expert_edv_ml=number(volumes.get("diastole", "")),
                expert_esv_ml=number(volumes.get("systole", "")),
            ),
        )
    ]


DATA_SET = DataSet("kaggle_dsb", "Kaggle's second Data Science Bowl", _matches, _subjects)
