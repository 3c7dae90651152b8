"""M&Ms-2: ``NNN/NNN_SA_ED.nii.gz`` and ``NNN_LA_ED`` (four-chamber), ES too, labels ``..._gt``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from napari_cmr.core import InputError
from napari_cmr.io.layouts.data_set import DataSet, Subject, Tree
from napari_cmr.io.layouts.tables import columns, read_table
from napari_cmr.io.manifest import ManifestRow

_FRAME = re.compile(r"(?P<code>\w+)_(?P<view>SA|LA)_(?P<frame>ED|ES)\.nii(\.gz)?$")
_VIEWS = {"SA": "SAX", "LA": "4CH"}
_LAST_TRAIN, _LAST_VALIDATION = 160, 200
"""Numbers of the challenge's own split: 160 to train, 40 to validate, the others to test."""


def _matches(tree: Tree) -> bool:
    return any(_FRAME.fullmatch(f.name) for f in tree.files)


def _subjects(tree: Tree) -> Iterator[Subject]:
    tables = list(tree.named("dataset_information.csv"))
    table = read_table(tables[0], "subject_code") if tables else {}
    by_code: dict[str, list[tuple[re.Match[str], Path]]] = defaultdict(list)
    for path in tree.files:
        if match := _FRAME.fullmatch(path.name):
            by_code[match["code"]].append((match, path))
    for code, images in sorted(by_code.items()):
        record = table.get(code) or table.get(code.lstrip("0")) or {}
        yield Subject(code, partial(_read, code, images, record))


def _read(
    code: str, images: list[tuple[re.Match[str], Path]], record: dict[str, str]
) -> list[ManifestRow]:
    if not any(match["view"] == "SA" for match, _ in images):
        raise InputError(f"{code} has no short-axis frame (_SA_ED, _SA_ES); restore its files.")
    # The short axis first: it is what volumes are measured on.
    ordered = sorted(images, key=lambda image: (image[0]["view"] != "SA", image[0]["frame"]))
    return [_row(code, match, path, record) for match, path in ordered]


def _row(code: str, match: re.Match[str], image: Path, record: dict[str, str]) -> ManifestRow:
    label = image.with_name(image.name.replace(".nii", "_gt.nii", 1))
    return ManifestRow(
        subject=code,
        image=image,
        label=label if label.is_file() else None,
        label_map="mnms2",
        split=_split(code),
        frame=match["frame"],
        view=_VIEWS[match["view"]],
        sequence="cine",
        group=record.get("disease", ""),
        columns=columns(vendor=record.get("vendor"), scanner=record.get("scanner")),
    )


def _split(code: str) -> str:
    if not code.isdigit():
        return ""
    if int(code) <= _LAST_TRAIN:
        return "train"
    return "validation" if int(code) <= _LAST_VALIDATION else "test"


DATA_SET = DataSet("mnms2", "M&Ms-2", _matches, _subjects)
