"""NIfTI in and out: RAS affines are turned to LPS at this door, and pictures to the usual view."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from napari_cmr.core import (
    Finding,
    FloatArray,
    Geometry,
    GeometryError,
    InputError,
    Layout,
    NothingToReadError,
    Segmentation,
    Stack,
    label_map,
    replacing,
)
from napari_cmr.io.declared_size import is_plausible

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# What a reader expects of a picture: columns run to the patient's left (else back), rows to the
# feet (else back). The weights only break ties between the eight ways to lay out a plane.
_COLUMNS_TO = np.array([1.0, 0.6, 0.0])
_ROWS_TO = np.array([0.0, 0.5, -1.0])

SPACING_UNKNOWN = Finding(
    "spacing-unknown",
    "The file does not say how many millimetres a pixel is.",
    "EF and ratios are reported, volumes and mass are not; give the spacing to have them.",
)


_CREDIBLE_MM = (0.05, 100.0)  # of pixels and of slice steps of a person


class OtherImageError(InputError):
    """A whole file that holds no grey image of two to four axes."""


def read_nifti(
    path: Path, *, spacing: tuple[float, float, float] | None = None, subject: str = ""
) -> Stack:
    """Read a 2-D, 3-D or 4-D NIfTI image as a stack.

    Parameters
    ----------
    path
        A ``.nii`` or ``.nii.gz`` file whose axes are (x, y[, slice[, phase]]).
    spacing
        (slice, row, column) step in mm that a user gave; it wins over the header.
    subject
        Name of the subject; the file's stem if empty.

    Raises
    ------
    InputError
        If the file cannot be read, has other axes, or holds pixels that are not numbers.
    """
    head = read_nifti_head(path)
    pixels = to_picture(read_array(path), head.layout)
    geometry = head.geometry
    if spacing is not None:
        geometry = respaced(geometry, spacing)
    known = head.geometry.spacing_known
    findings = () if known or spacing is not None else (SPACING_UNKNOWN,)
    stem = nifti_stem(path)
    return Stack(
        pixels,
        geometry,
        stack_id=stem,
        subject=subject or stem,
        findings=findings,
        layout=head.layout,
    )


@dataclass(frozen=True, eq=False)
class NiftiHead:
    """What a NIfTI header says, for the picture that :func:`read_nifti` makes of the file.

    Parameters
    ----------
    shape
        (x, y, slice, phase) of the file.
    """

    path: Path
    shape: tuple[int, int, int, int]
    geometry: Geometry
    layout: Layout

    @property
    def picture_shape(self) -> tuple[int, int, int, int]:
        """(t, z, y, x) of the picture."""
        x, y, z, t = self.shape
        return (t, z, x, y) if self.layout.transposed else (t, z, y, x)


def read_nifti_head(path: Path) -> NiftiHead:
    """Read a NIfTI header without its pixels.

    Raises
    ------
    InputError
        If it cannot be read, has other axes, or an affine that is no geometry.
    """
    image = _open(path)
    shape = _four_axes(image.shape)
    affine, known, oriented = _affine(image, path.name)
    layout = picture_layout(affine) if oriented else Layout(affine=affine)
    geometry = picture_geometry(affine, layout, shape, oriented)
    return NiftiHead(path, shape, replace(geometry, spacing_known=known), layout)


def phases_of(path: Path) -> Iterator[npt.NDArray[Any]]:
    """``(x, y, slice, 1)`` values of a NIfTI file, phase by phase.

    Raises
    ------
    InputError
        If they are damaged or are not numbers.
    """
    image = _open(path)
    x, y, z, n_phases = _four_axes(image.shape)
    for t in range(n_phases):
        try:
            phase = np.asanyarray(image.dataobj[..., t] if n_phases > 1 else image.dataobj)
        except Exception as error:  # nibabel raises whatever the broken byte leads to
            raise InputError(
                f"{path.name} cannot be read as NIfTI: it is damaged; fetch it again."
            ) from error
        if np.issubdtype(phase.dtype, np.floating) and not np.isfinite(phase).all():
            raise InputError(
                f"{path.name} holds pixels that are not numbers (NaN or infinite); "
                "replace them and open it again."
            )
        yield phase.reshape(x, y, z, 1)


def read_array(path: Path) -> npt.NDArray[Any]:
    """``(x, y, slice, phase)`` values of a NIfTI file.

    Raises
    ------
    InputError
        If they are damaged or are not numbers.
    """
    return np.concatenate(list(phases_of(path)), axis=3)


def nifti_stem(path: Path) -> str:
    """A file's name without ``.nii`` or ``.nii.gz``."""
    return path.name.removesuffix(".gz").removesuffix(".nii")


def read_labels(
    path: Path,
    *,
    map_name: str = "cmr",
    spacing: tuple[float, float, float] | None = None,
) -> Segmentation:
    """Read a label NIfTI under a named label map.

    Raises
    ------
    InputError
        If it cannot be read or holds values that the map does not name.
    """
    stack = read_nifti(path, spacing=spacing)
    return Segmentation.on(stack, label_map(map_name).to_cmr(stack.pixels))


def write_labels(
    segmentation: Segmentation, path: Path, *, map_name: str = "cmr", phase_axis: bool = True
) -> None:
    """Write labels as uint8 NIfTI (x, y, slice, phase) on the grid of their source.

    Parameters
    ----------
    phase_axis
        False leaves the phase axis out where there is only one phase.
    """
    labels = label_map(map_name).from_cmr(segmentation.labels)
    _write(labels, segmentation.geometry, segmentation.layout, path, phase_axis)


def write_nifti(stack: Stack, path: Path) -> None:
    """Write a stack's pixels as NIfTI (x, y, slice, phase) on the grid of their source."""
    _write(stack.pixels, stack.geometry, stack.layout, path, True)


def picture_layout(affine: FloatArray) -> Layout:
    """How to lay out a file's planes so that the picture looks as radiologists expect.

    Parameters
    ----------
    affine
        4x4 RAS affine of the file's (x, y, slice) indices.
    """
    lps = (RAS_TO_LPS @ affine)[:3, :3]
    units = lps / np.linalg.norm(lps, axis=0)

    def looks(choice: tuple[bool, bool, bool]) -> float:
        transposed, flip_rows, flip_columns = choice
        column, row = (units[:, 1], units[:, 0]) if transposed else (units[:, 0], units[:, 1])
        column = -column if flip_columns else column
        row = -row if flip_rows else row
        return float(column @ _COLUMNS_TO + row @ _ROWS_TO)

    choices = [(t, r, c) for t, r, c in product((False, True), repeat=3)]
    transposed, flip_rows, flip_columns = max(choices, key=looks)
    return Layout(transposed, flip_rows, flip_columns, affine)


def to_picture(array: npt.NDArray[Any], layout: Layout) -> npt.NDArray[Any]:
    """Turn (x, y, slice, phase) into the picture's (phase, slice, row, column)."""
    pixels = array.transpose(3, 2, 1, 0)
    if layout.transposed:
        pixels = pixels.swapaxes(2, 3)
    if layout.flip_rows:
        pixels = pixels[:, :, ::-1]
    if layout.flip_columns:
        pixels = pixels[..., ::-1]
    return np.ascontiguousarray(pixels)


def from_picture(pixels: npt.NDArray[Any], layout: Layout) -> npt.NDArray[Any]:
    """Undo :func:`to_picture`."""
    if layout.flip_columns:
        pixels = pixels[..., ::-1]
    if layout.flip_rows:
        pixels = pixels[:, :, ::-1]
    if layout.transposed:
        pixels = pixels.swapaxes(2, 3)
    return np.ascontiguousarray(pixels.transpose(3, 2, 1, 0))


def picture_geometry(
    affine: FloatArray, layout: Layout, shape: Sequence[int], oriented: bool
) -> Geometry:
    """Geometry of the picture that a layout makes of a file of the given (x, y, slice) shape."""
    n_columns, n_rows, n_slices = shape[:3]
    column, row, step = ((RAS_TO_LPS @ affine)[:3, i] for i in range(3))
    if not oriented:  # keep spacing only; the signs of a made-up affine mean nothing
        x, y, z = np.linalg.norm(affine[:3, :3], axis=0)
        return Geometry.regular(n_slices, (float(z), float(y), float(x)))
    origin = (RAS_TO_LPS @ affine)[:3, 3].copy()
    if layout.transposed:
        column, row, n_columns, n_rows = row, column, n_rows, n_columns
    if layout.flip_rows:
        origin, row = origin + row * (n_rows - 1), -row
    if layout.flip_columns:
        origin, column = origin + column * (n_columns - 1), -column
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1], lps[:3, 2], lps[:3, 3] = step, row, column, origin
    return Geometry.from_affine(lps, n_slices)


def _open(path: Path) -> Any:
    """Open a grey image of two to four axes; its pixels stay on the disk."""
    if not _is_file(path):
        raise NothingToReadError(f"There is no file {path}.")
    try:
        image: Any = nib.load(path, keep_file_open=True)  # phases are read one after the other
        kind, shape = image.get_data_dtype().kind, image.shape
    except Exception as error:  # nibabel raises whatever the broken byte leads to
        raise InputError(
            f"{path.name} cannot be read as NIfTI: it is damaged; fetch it again."
        ) from error
    grey = kind in "iuf" and len(shape) >= 2 and min(shape) > 0
    if not grey or any(n != 1 for n in shape[4:]):
        raise OtherImageError(f"{path.name} is not a grey image of two to four axes.")
    declared = math.prod(int(n) for n in shape) * int(image.get_data_dtype().itemsize)
    stored = path.stat().st_size
    packed = path.name.lower().endswith(".gz")
    if not (is_plausible(declared, stored) if packed else declared <= stored):
        raise InputError(
            f"{path.name} cannot be read as NIfTI: it is smaller than its header says; "
            "fetch it again."
        )
    return image


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file system takes
        return False


def _four_axes(shape: Sequence[int]) -> tuple[int, int, int, int]:
    x, y, z, t = (*(int(n) for n in shape[:4]), 1, 1)[:4]
    return x, y, z, t


def _affine(image: Any, name: str) -> tuple[FloatArray, bool, bool]:
    """RAS affine, whether spacing is known, and whether orientation is."""
    try:
        affine = np.array(image.affine, np.float64)
        zooms = [abs(float(z)) for z in image.header.get_zooms()[:3]]
        codes = int(image.header["sform_code"]) + int(image.header["qform_code"])
    except Exception as error:  # other formats that nibabel reads have other headers
        raise InputError(
            f"{name} cannot be read as NIfTI: it is damaged; fetch it again."
        ) from error
    zooms += [1.0] * (3 - len(zooms))
    if not affine[:3, :3].any():  # a lost affine; what the header's steps say is all there is
        affine = np.diag([*(z if np.isfinite(z) and z > 0 else 1.0 for z in zooms), 1.0])
        codes = 0
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise GeometryError(f"{name} has an affine that is not a geometry.")
    affine[:3] *= _millimetres(image.header)
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    low, high = _CREDIBLE_MM
    known = not np.allclose(steps, 1.0) and bool(np.all((low <= steps) & (steps <= high)))
    known = known and all(z > 0 for z in zooms)
    # A file that was written with spacing alone has a diagonal affine from the origin.
    made_up = np.allclose(affine, np.diag(np.diag(affine))) or codes == 0
    return affine, known, not made_up


def _millimetres(header: Any) -> float:
    """How many millimetres the header's unit of length is; those it does not name are taken so."""
    try:
        unit = header.get_xyzt_units()[0]
    except (AttributeError, KeyError):  # other formats, and codes that mean nothing
        return 1.0
    return {"meter": 1e3, "micron": 1e-3}.get(unit, 1.0)


def respaced(geometry: Geometry, spacing: tuple[float, float, float]) -> Geometry:
    """The same slices at a (slice, row, column) spacing in mm that a user gave.

    Raises
    ------
    InputError
        If a step is not positive.
    """
    if min(spacing) <= 0:
        raise InputError("A spacing is three positive numbers of millimetres: slice, row, column.")
    if not geometry.oriented:
        return geometry.with_spacing(spacing)
    step = geometry.normal if geometry.n_slices == 1 else geometry.affine[:3, 0]
    direction = step / np.linalg.norm(step)
    origins = geometry.origins[0] + np.arange(geometry.n_slices)[:, None] * direction * spacing[0]
    return replace(
        geometry,
        origins=origins,
        pixel_spacing=spacing[1:],
        thickness_mm=spacing[0],
        spacing_known=True,
    )


def _write(
    pixels: npt.NDArray[Any], geometry: Geometry, layout: Layout, path: Path, phase_axis: bool
) -> None:
    array = from_picture(pixels, layout)
    if array.shape[3] == 1 and not phase_axis:
        array = array[..., 0]
    affine = layout.affine if layout.affine is not None else ras_affine(geometry)
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm" if geometry.spacing_known else "unknown")
    with replacing(path) as part:
        nib.save(image, part)


def ras_affine(geometry: Geometry) -> FloatArray:
    """4x4 RAS affine of (column, row, slice) indices."""
    return np.asarray(RAS_TO_LPS @ geometry.affine[:, [2, 1, 0, 3]], np.float64)
