"""CMRxRecon: fully sampled k-space ``FullSample/P001/cine_sax.mat`` (MATLAB 7.3, that is HDF5).

Images are the root of the coils' squared magnitudes after an inverse Fourier transform of each
slice (Roemer et al., Magn Reson Med 16:192, 1990). Neither spacing nor place is in the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import Geometry, InputError, Sequence, Stack, View
from napari_cmr.io.layouts.data_set import DataSet, Drawn, Subject, Tree

_VIEWS = {"cine_sax.mat": View.SAX, "cine_lax.mat": View.LAX}
_VARIABLES = ("kspace_full", "kspace_single_full", "kspace")
_SPLITS = {"TrainingSet": "train", "ValidationSet": "validation", "TestSet": "test"}


def _matches(tree: Tree) -> bool:
    return any(_is_full(f) for f in tree.files)


def _is_full(path: Path) -> bool:
    return path.name in _VIEWS and path.parent.parent.name == "FullSample"


def _subjects(tree: Tree) -> Iterator[Subject]:
    cases: dict[tuple[str, str], dict[str, Path]] = {}
    for path in tree.files:
        if _is_full(path):
            part = path.parent.parent.parent.name
            # The several coils' data come first by name; the combined ones say no more.
            cases.setdefault((part, path.parent.name), {}).setdefault(path.name, path)
    for (part, subject), files in cases.items():
        name = f"{part}_{subject}"
        yield Subject(name, partial(_read, name, part, files))


def _read(name: str, part: str, files: dict[str, Path]) -> Iterator[Drawn]:
    for file, path in sorted(files.items(), reverse=True):
        pixels = reconstructed(path)
        # The long axes of one file are different planes, so they are stacks of their own.
        planes = [pixels] if _VIEWS[file] is View.SAX else np.split(pixels, pixels.shape[1], axis=1)
        for number, plane in enumerate(planes, start=1):
            geometry = Geometry.regular(plane.shape[1], (1.0, 1.0, 1.0), spacing_known=False)
            stack = Stack(plane, geometry, subject=name, view=_VIEWS[file], sequence=Sequence.CINE)
            yield Drawn(f"{name}_{path.stem}_{number}", stack, split=_SPLITS.get(part, ""))


def reconstructed(path: Path) -> npt.NDArray[np.float32]:
    """``(t, z, y, x)`` magnitude of fully sampled k-space; rows are MATLAB's first axis.

    Raises
    ------
    InputError
        If h5py is not installed, or the file is not as the data set's are.
    """
    try:
        h5py: Any = import_module("h5py")
    except ImportError:
        raise InputError(
            "Reading CMRxRecon's .mat files needs h5py; pip install 'napari-cmr[cmrxrecon]'."
        ) from None
    try:
        with h5py.File(path, "r") as file:
            name = next((v for v in _VARIABLES if v in file), None)
            if name is None or file[name].ndim not in (4, 5):
                raise InputError(
                    f"{path.name} of {path.parent.name} holds no k-space of (x, y[, coil], "
                    f"slice, phase) under the name {' or '.join(_VARIABLES)}."
                )
            return _magnitudes(file[name])
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputError(
            f"{path.name} of {path.parent.name} is no MATLAB 7.3 file; download it again."
        ) from error


def _magnitudes(stored: Any) -> npt.NDArray[np.float32]:
    """From HDF5's order, which is MATLAB's reversed: (phase, slice[, coil], y, x)."""
    t, z = stored.shape[:2]
    columns, rows = stored.shape[-2:]
    pixels = np.empty((t, z, rows, columns), np.float32)
    for phase in range(t):
        for index in range(z):  # a whole file of many coils would not fit into memory
            kspace = stored[phase, index]
            kspace = kspace["real"] + 1j * kspace["imag"]
            coils = kspace.reshape(-1, columns, rows).swapaxes(1, 2)
            shifted = np.fft.ifftshift(coils, axes=(1, 2))
            images = np.fft.fftshift(np.fft.ifft2(shifted, norm="ortho"), axes=(1, 2))
            pixels[phase, index] = np.sqrt(np.sum(np.abs(images) ** 2, axis=0))
    return pixels


DATA_SET = DataSet("cmrxrecon", "CMRxRecon", _matches, _subjects)
