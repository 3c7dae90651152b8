"""What every layout gives: subjects, and of each the cases that a manifest lists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from napari_cmr.core import InputError, Segmentation, Stack
from napari_cmr.io.manifest import ManifestRow


@dataclass(frozen=True)
class Tree:
    """The files below a folder, listed once for all layouts."""

    folder: Path

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Paths of all files but hidden ones, sorted.

        Raises
        ------
        InputError
            If the folder is not there or empty.
        """
        if not self.folder.is_dir():
            raise InputError(f"There is no folder {self.folder}; give the data set's own folder.")
        found = sorted(
            Path(base, name)
            for base, _, names in os.walk(self.folder)
            for name in names
            if not name.startswith(".") and Path(base, name).is_file()  # a pipe never ends
        )
        if not found:
            raise InputError(f"The folder {self.folder} is empty; give the data set's own folder.")
        return tuple(found)

    def named(self, *endings: str) -> Iterator[Path]:
        """Files whose names end so, whatever the case of letters."""
        return (f for f in self.files if f.name.lower().endswith(endings))


@dataclass(frozen=True, eq=False)
class Drawn:
    """Pictures and labels that lie in no file which other verbs read; a manifest writes them.

    Parameters
    ----------
    name
        Stem of the files to write, unique within its data set.
    stack
        Subject, view and sequence of the row are the stack's.
    segmentation
        Labels of every phase of the stack, or None.
    frame, split, group, columns
        As in a manifest.
    """

    name: str
    stack: Stack
    segmentation: Segmentation | None = None
    frame: str = ""
    split: str = ""
    group: str = ""
    columns: dict[str, str] = field(default_factory=dict)


Case = ManifestRow | Drawn


@dataclass(frozen=True)
class Subject:
    """One subject of a data set; ``read`` gives its cases, or raises InputError."""

    name: str
    read: Callable[[], Iterable[Case]]


@dataclass(frozen=True)
class DataSet:
    """One layout.

    Parameters
    ----------
    name
        As given to ``--layout``.
    title
        As its authors call it.
    matches
        Whether a folder's files have the layout's shape; nothing is opened.
    subjects
        The subjects, in the order of their names.
    """

    name: str
    title: str
    matches: Callable[[Tree], bool]
    subjects: Callable[[Tree], Iterable[Subject]]
