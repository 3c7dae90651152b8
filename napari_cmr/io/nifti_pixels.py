"""NIfTI pixels of one stack, from one file, a file a slice, or a file a phase."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import Cancel, Layout, Progress, check_cancel
from napari_cmr.io.nifti import phases_of, to_picture


@dataclass(frozen=True)
class NiftiFiles:
    """Files of one stack.

    Parameters
    ----------
    files
        ``files[i][j]``: rows follow each other in time, columns from slice to slice.
    shape
        (t, z, y, x) of the whole.
    layout
        How the files' planes are laid out in the picture.
    """

    files: tuple[tuple[Path, ...], ...]
    shape: tuple[int, int, int, int]
    layout: Layout

    def read(self, progress: Progress | None, cancel: Cancel | None) -> npt.NDArray[Any]:
        """``(t, z, y, x)``, one phase of one file at a time.

        Raises
        ------
        InputError
            If a file is damaged or holds pixels that are not numbers.
        """
        n_t = self.shape[0] // len(self.files)
        n_z = self.shape[1] // len(self.files[0])
        flat = [(i, j, path) for i, row in enumerate(self.files) for j, path in enumerate(row)]
        output: npt.NDArray[Any] | None = None
        done, total = 0, len(flat) * n_t
        for i, j, path in flat:
            for t, phase in enumerate(phases_of(path)):
                check_cancel(cancel)
                if output is None:
                    output = np.empty(self.shape, _dtype(phase.dtype))
                elif not np.can_cast(phase.dtype, output.dtype, "same_kind"):
                    output = output.astype(np.promote_types(phase.dtype, output.dtype))
                target = output[i * n_t + t, j * n_z : (j + 1) * n_z]
                target[...] = to_picture(phase, self.layout)[0]
                done += 1
                if progress is not None:
                    progress(done, total)
        assert output is not None
        return output


def _dtype(stored: np.dtype[Any]) -> np.dtype[Any]:
    """Values that a scale factor made are float64 in the reader; float32 holds 16 bits of them."""
    return np.dtype(np.float32) if stored == np.float64 else stored.newbyteorder("=")
