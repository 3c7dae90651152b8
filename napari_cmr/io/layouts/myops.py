"""MyoPS: ``NAME_C0``, ``NAME_DE`` (or ``_LGE``), ``NAME_T2`` of one heart, labels ``NAME_gd``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from napari_cmr.core import InputError
from napari_cmr.io.layouts.data_set import DataSet, Subject, Tree
from napari_cmr.io.layouts.tables import columns
from napari_cmr.io.manifest import ManifestRow

_FILE = re.compile(r"(?P<name>.+)_(?P<what>C0|DE|LGE|T2|gd)\.nii(\.gz)?$")
# A T2-weighted picture is no T2 map: its values are no milliseconds.
_SEQUENCES = {"C0": ("cine", ""), "DE": ("LGE", ""), "LGE": ("LGE", ""), "T2": ("other", "T2w")}


def _matches(tree: Tree) -> bool:
    kinds = defaultdict(set)
    for path in tree.files:
        if match := _FILE.fullmatch(path.name):
            kinds[match["name"]].add(match["what"])
    return any("C0" in found and found & {"DE", "LGE", "T2"} for found in kinds.values())


def _subjects(tree: Tree) -> Iterator[Subject]:
    by_name: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in tree.files:
        if match := _FILE.fullmatch(path.name):
            by_name[match["name"]][match["what"]] = path
    for name, files in sorted(by_name.items()):
        yield Subject(name, partial(_read, name, files))


def _read(name: str, files: dict[str, Path]) -> list[ManifestRow]:
    label = files.get("gd")
    images = {what: path for what, path in files.items() if what != "gd"}
    if not images:
        raise InputError(f"{name} has a label but no image (_C0, _DE or _T2); restore its files.")
    return [
        ManifestRow(
            subject=name,
            image=path,
            label=label,
            label_map="myops",
            split="test" if "test" in name else "train" if label else "",
            view="SAX",
            sequence=_SEQUENCES[what][0],
            columns=columns(contrast=_SEQUENCES[what][1]),
        )
        for what, path in sorted(images.items())
    ]


DATA_SET = DataSet("myops", "MyoPS", _matches, _subjects)
