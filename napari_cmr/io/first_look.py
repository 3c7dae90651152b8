"""A first look at a stack without loading it: one picture of it, and whose it is.

What these functions give is for the screen. Nobody may write it down.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.errors import InvalidDicomError

from napari_cmr.core import InputError
from napari_cmr.io.catalogue import Entry
from napari_cmr.io.dicom_pixels import DicomFrames
from napari_cmr.io.nifti import phases_of, to_picture
from napari_cmr.io.nifti_pixels import NiftiFiles


def middle_picture(entry: Entry) -> npt.NDArray[Any]:
    """``(y, x)`` values of the middle slice in the first phase; reads no other file.

    Raises
    ------
    InputError
        If the file vanished or is damaged.
    """
    source, middle = entry.source, entry.shape[1] // 2
    if isinstance(source, DicomFrames):
        return np.asarray(DicomFrames(((source.places[0][middle],),)).read(None, None)[0, 0])
    if isinstance(source, NiftiFiles):
        in_a_file = entry.shape[1] // len(source.files[0])
        file, index = divmod(middle, in_a_file)
        first = next(phases_of(source.files[0][file]), None)
        if first is None:
            raise InputError(f"{source.files[0][file].name} holds no picture.")
        return np.asarray(to_picture(first, source.layout)[0, index])
    return np.asarray(source.read(None, None)[0, middle])


def person_name(entry: Entry) -> str:
    """The name that the files bear, family name first; empty where they bear none."""
    if not isinstance(entry.source, DicomFrames):
        return ""
    path = entry.source.places[0][0].path
    try:
        tags = pydicom.dcmread(path, specific_tags=["PatientName"], stop_before_pixels=True)
        name = tags.get("PatientName")
        family, given = getattr(name, "family_name", ""), getattr(name, "given_name", "")
    except (OSError, InvalidDicomError, ValueError, TypeError, AttributeError):
        return ""  # a name that cannot be read is none; the study itself opens
    return ", ".join(part for part in (str(family), str(given)) if part)


def known_by_uid(entry: Entry) -> bool:
    """Whether the subject's name is made of UIDs, so that it means the same in any folder."""
    return isinstance(entry.source, DicomFrames)
