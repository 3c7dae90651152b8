"""EMIDEC: ``Case_N006/Images/Case_N006.nii.gz`` and the same name under ``Contours``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from napari_cmr.io.layouts.data_set import DataSet, Subject, Tree
from napari_cmr.io.manifest import ManifestRow

_CASE = re.compile(r"Case_(?P<kind>[NPE])\d+")
_GROUPS = {"N": "normal", "P": "pathological"}
_TEST = "E"
"""Cases for evaluation, of either kind, without labels."""


def _matches(tree: Tree) -> bool:
    return any(_case(f) for f in tree.files)


def _case(path: Path) -> re.Match[str] | None:
    if path.parent.name != "Images" or not path.name.endswith((".nii.gz", ".nii")):
        return None
    return _CASE.fullmatch(path.parent.parent.name)


def _subjects(tree: Tree) -> Iterator[Subject]:
    for path in tree.files:
        if match := _case(path):
            yield Subject(match[0], partial(_read, match, path))


def _read(match: re.Match[str], image: Path) -> list[ManifestRow]:
    label = image.parent.parent / "Contours" / image.name
    return [
        ManifestRow(
            subject=match[0],
            image=image,
            label=label if label.is_file() else None,
            label_map="emidec",
            split="test" if match["kind"] == _TEST else "train",
            view="SAX",
            sequence="LGE",
            group=_GROUPS.get(match["kind"], ""),
        )
    ]


DATA_SET = DataSet("emidec", "EMIDEC", _matches, _subjects)
