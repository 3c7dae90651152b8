"""Label files back on the stack that they are of: NIfTI of any layout, or DICOM SEG."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_cmr.core import Geometry, InputError, Segmentation
from napari_cmr.io.catalogue import Entry
from napari_cmr.io.nifti import from_picture, ras_affine, read_labels, respaced, to_picture
from napari_cmr.io.nifti_folder import is_nifti
from napari_cmr.io.referenced_images import source_images
from napari_cmr.io.seg_reading import has_seg, read_seg

NOT_STATED = "origin not stated"
_SAME_PLACE_MM = 0.05


def labels_on_stack(
    path: str | Path,
    entry: Entry,
    *,
    map_name: str = "cmr",
    spacing: tuple[float, float, float] | None = None,
    made_by: str = "",
) -> Segmentation:
    """Read labels of a stack.

    Parameters
    ----------
    path
        A label NIfTI, a DICOM SEG file, or a folder: of SEG files, else with ``labels.nii.gz``
        or one NIfTI.
    map_name
        How a NIfTI numbers the structures; SEG says it by codes.
    spacing
        (slice, row, column) step in mm that a user gave; it wins over the images' own.
    made_by
        Model or person, where the file does not say it.

    Raises
    ------
    InputError
        If there are no labels, or they are of another grid or another place.
    """
    path = Path(path)
    if path.is_dir() and has_seg(path):
        segmentation = read_seg(path, source_images(entry))
    else:
        file = _nifti_in(path) if path.is_dir() else path
        if file.is_file() and not is_nifti(file):
            segmentation = read_seg(file, source_images(entry))
        else:
            segmentation = _from_nifti(file, entry, map_name, made_by)
    return segmentation if spacing is None else _respaced(segmentation, entry.geometry, spacing)


def _nifti_in(folder: Path) -> Path:
    usual = folder / "labels.nii.gz"
    files = sorted(f for f in folder.iterdir() if is_nifti(f) and f.is_file())
    if usual in files or len(files) == 1:
        return usual if usual in files else files[0]
    raise InputError(
        f"{folder} holds neither DICOM segmentations nor labels.nii.gz; give the label file."
    )


def _from_nifti(file: Path, entry: Entry, map_name: str, made_by: str) -> Segmentation:
    read = read_labels(file, map_name=map_name)
    labels = to_picture(from_picture(read.labels, read.layout), entry.layout)
    if labels.shape != entry.shape:
        raise InputError(
            f"{file.name} has the grid {labels.shape} (phase, slice, row, column), {entry.stack_id}"
            f" {entry.shape}; give labels of this stack."
        )
    if read.geometry.oriented and entry.geometry.oriented:
        _check_place(file, read, entry)
    return Segmentation(
        labels,
        entry.geometry,
        made_by or NOT_STATED,
        entry.times_ms,
        entry.rr_ms,
        entry.height_cm,
        entry.weight_kg,
        entry.layout,
    )


def _check_place(file: Path, read: Segmentation, entry: Entry) -> None:
    """The corners of the two grids must be the same points of the patient."""
    theirs = read.layout.affine
    ours = ras_affine(entry.geometry) if entry.layout.affine is None else entry.layout.affine
    assert theirs is not None  # every NIfTI has one
    _, n_z, n_y, n_x = from_picture(read.labels, read.layout).shape[::-1]
    ends = np.array(np.meshgrid([0, n_x - 1], [0, n_y - 1], [0, n_z - 1])).reshape(3, -1)
    corners = np.vstack([ends, np.ones(ends.shape[1])])
    apart = np.linalg.norm(((theirs - ours) @ corners)[:3], axis=0).max()
    if apart > max(_SAME_PLACE_MM, 0.1 * min(entry.geometry.pixel_spacing)):
        raise InputError(
            f"{file.name} lies up to {apart:.1f} mm off {entry.stack_id} in the patient; "
            "give labels of this stack."
        )


def _respaced(
    segmentation: Segmentation, geometry: Geometry, spacing: tuple[float, float, float]
) -> Segmentation:
    return replace(segmentation, geometry=respaced(geometry, spacing))
