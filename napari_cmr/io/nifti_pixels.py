"""NIfTI pixels of one stack, from one file, a file a slice, or a file a phase."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import Cancel, Layout, Progress, check_cancel
from napari_cmr.io.nifti import read_array, to_picture


@dataclass(frozen=True)
class NiftiPhases:
    """Files that follow each other in time; each has all slices."""

    files: tuple[Path, ...]
    layout: Layout

    def read(self, progress: Progress | None, cancel: Cancel | None) -> npt.NDArray[Any]:
        """``(t, z, y, x)``."""
        return _joined(self.files, self.layout, 0, progress, cancel)


@dataclass(frozen=True)
class NiftiSlices:
    """Files of one slice each, in the order of the slices; each has all phases."""

    files: tuple[Path, ...]
    layout: Layout

    def read(self, progress: Progress | None, cancel: Cancel | None) -> npt.NDArray[Any]:
        """``(t, z, y, x)``."""
        return _joined(self.files, self.layout, 1, progress, cancel)


def _joined(
    files: tuple[Path, ...],
    layout: Layout,
    axis: int,
    progress: Progress | None,
    cancel: Cancel | None,
) -> npt.NDArray[Any]:
    parts = []
    for done, path in enumerate(files, start=1):
        check_cancel(cancel)
        parts.append(to_picture(read_array(path), layout))
        if progress is not None:
            progress(done, len(files))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)
