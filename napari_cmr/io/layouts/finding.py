"""Which layout a folder has."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from napari_cmr.core import InputError
from napari_cmr.io.layouts.data_set import DataSet, Tree

LAYOUTS = (
    "acdc",
    "mnms",
    "mnms2",
    "emidec",
    "myops",
    "sunnybrook",
    "kaggle_dsb",
    "cmrxrecon",
    "cvi42",
    "echonet",
    "camus",
)
"""Names of the layouts; each is a module here that defines ``DATA_SET``."""


def detect(folder: str | Path) -> list[str]:
    """Names of the layouts that a folder's shape fits; usually one, none where it is unknown.

    Raises
    ------
    InputError
        If the folder is not there or empty.
    """
    return _fitting(Tree(Path(folder)))


def open_data_set(folder: str | Path, layout: str | None = None) -> tuple[DataSet, Tree]:
    """The reader of a folder and what the folder holds.

    Parameters
    ----------
    layout
        A name of `LAYOUTS`; told from the folder's shape if None.

    Raises
    ------
    InputError
        If the folder is not there, has no or several layouts' shape, or not that of ``layout``.
    """
    tree = Tree(Path(folder))
    if layout is None:
        return _data_set(_only(tree, _fitting(tree))), tree
    if layout not in LAYOUTS:
        raise InputError(f"There is no layout '{layout}'; known are {', '.join(LAYOUTS)}.")
    data_set = _data_set(layout)
    if not data_set.matches(tree):
        raise InputError(
            f"{tree.folder} does not have the shape of {data_set.title}; see docs/layouts.md for "
            "the files it needs."
        )
    return data_set, tree


def _only(tree: Tree, names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    if names:
        raise InputError(
            f"{tree.folder} fits several layouts ({', '.join(names)}); name one with --layout."
        )
    if tree.folder / "manifest.csv" in tree.files:
        raise InputError(
            f"{tree.folder} has the shape of no known data set, but a manifest.csv, which predict, "
            "evaluate and finetune take as it is."
        )
    raise InputError(
        f"{tree.folder} has the shape of no known data set ({', '.join(LAYOUTS)}); give the "
        "data set's own folder, or write a manifest by hand."
    )


def _fitting(tree: Tree) -> list[str]:
    return [name for name in LAYOUTS if _data_set(name).matches(tree)]


def _data_set(name: str) -> DataSet:
    found = import_module(f"napari_cmr.io.layouts.{name}").DATA_SET
    assert isinstance(found, DataSet)
    return found
