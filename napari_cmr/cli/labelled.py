"""A study's short-axis cine and labels given for it: what several verbs begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_cmr import io
from napari_cmr.cli.progress import progress
from napari_cmr.core import InputError, Segmentation, Stack


@dataclass(frozen=True)
class Wanted:
    """Which stack of which study, as it was said on the terminal."""

    path: Path
    stack: str | None = None
    spacing: str = ""
    resample_time: bool = False

    def entry(self) -> io.Entry:
        """Read headers; the stack that was named, else the short-axis cine."""
        with progress("Reading headers") as advance:
            catalogue = io.scan(self.path, resample_time=self.resample_time, progress=advance)
        return io.sax_cine(catalogue, self.stack)

    def images(self, entry: io.Entry) -> Stack:
        """Read its pixels, on the spacing that was given if any."""
        with progress("Loading images") as advance:
            return io.load(entry, spacing=io.parse_spacing(self.spacing), progress=advance)


def labels_given(
    path: Path, entry: io.Entry, *, label_map: str, spacing: str, made_by: str = ""
) -> Segmentation:
    """Labels in a file or folder, on the entry's grid.

    Raises
    ------
    InputError
        If there is no such file, or its labels are no labels of these images.
    """
    check_there(path)
    given = io.parse_spacing(spacing)
    return io.labels_on_stack(path, entry, map_name=label_map, spacing=given, made_by=made_by)


def check_there(path: Path) -> None:
    """Refuse a path that leads nowhere before minutes of reading."""
    if not path.exists():
        raise InputError(f"There is no file or folder {path}.")
