"""What classic and Enhanced MR files of one stack share."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from napari_cmr.core import InputError, Stack

EXAMINED = dt.datetime(2024, 1, 2, 9, 0, 0)  # DICOM times here carry no zone
"""When the written studies claim to have been made."""


@dataclass(frozen=True)
class Writing:
    """What all files of one call share."""

    stack: Stack
    pixels: npt.NDArray[np.uint16 | np.int16]
    slope: float
    intercept: float
    study_uid: str
    frame_of_reference_uid: str
    description: str
    series_number: int

    def uid(self, *of: object) -> str:
        """A valid UID that the same arguments give again."""
        return _uid_of(self.study_uid, self.series_number, *of)

    def time_ms(self, phase: int, z: int) -> float | None:
        """Milliseconds after the R wave, where known."""
        times = self.stack.times_ms
        return None if times is None else float(times[phase, z])


def prepare(stack: Stack, description: str, series_number: int, seed: int) -> Writing:
    """Turn the pixels to 16 bits and choose the identifiers.

    Raises
    ------
    InputError
        If a pixel is not a finite number.
    """
    pixels, slope, intercept = _as_16_bits(stack.pixels)
    study_uid = _uid_of("study", stack.subject, seed)
    frame_uid = _uid_of("frame of reference", study_uid)
    return Writing(
        stack,
        pixels,
        slope,
        intercept,
        study_uid,
        frame_uid,
        description,
        series_number,
    )


def _uid_of(*sources: object) -> str:
    """A UID that other sources do not give; pydicom joins them, so 1, 11 would be 11, 1."""
    return str(generate_uid(entropy_srcs=["/".join(map(str, sources))]))


def _as_16_bits(
    pixels: npt.NDArray[np.generic],
) -> tuple[npt.NDArray[np.uint16 | np.int16], float, float]:
    """Pixels as stored, with slope and intercept: value = stored * slope + intercept."""
    low, high = float(np.min(pixels)), float(np.max(pixels))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError("Pixels that are not numbers (NaN or infinite) cannot become DICOM.")
    if pixels.dtype.kind in "iu":
        for dtype in (np.uint16, np.int16):
            if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
                return pixels.astype(dtype), 1.0, 0.0
    slope = (high - low) / 65535 or 1.0
    stored = np.round((pixels.astype(np.float64) - low) / slope).astype(np.uint16)
    return stored, slope, low


def new_file(writing: Writing, sop_class: str, series: int, sop_uid: str) -> FileDataset:
    """A data set with the modules that classic and Enhanced MR share."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = sop_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    stack = writing.stack
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, sop_uid
    dataset.StudyInstanceUID = writing.study_uid
    dataset.SeriesInstanceUID = writing.uid("series", series)
    dataset.FrameOfReferenceUID = writing.frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""
    dataset.PatientID = stack.subject or "unnamed"
    dataset.PatientName = f"{dataset.PatientID}^"
    dataset.PatientBirthDate = dataset.PatientSex = ""
    if stack.height_cm:
        dataset.PatientSize = decimal(stack.height_cm / 100)
    if stack.weight_kg:
        dataset.PatientWeight = decimal(stack.weight_kg)
    dataset.StudyDate = dataset.SeriesDate = EXAMINED.strftime("%Y%m%d")
    dataset.StudyTime = dataset.SeriesTime = EXAMINED.strftime("%H%M%S")
    dataset.StudyID = "1"
    dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.Modality = "MR"
    dataset.BodyPartExamined = "HEART"
    dataset.PatientPosition = "HFS"
    dataset.Manufacturer = "napari-cmr"
    dataset.SeriesNumber = writing.series_number + series
    if writing.description:
        dataset.SeriesDescription = writing.description
    return dataset


def add_pixels(dataset: Dataset, pixels: npt.NDArray[np.uint16 | np.int16]) -> None:
    """Store ``(y, x)`` or ``(frame, y, x)`` pixels."""
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


def slice_thickness(stack: Stack) -> float:
    """Thickness in mm; the slice step where it is unknown."""
    return stack.geometry.thickness_mm or stack.geometry.spacing[0]


def decimal(value: float) -> str:
    """A number as DICOM's decimal string, at most 16 characters."""
    text = repr(float(value))
    digits = 15
    while len(text) > 16:
        text = f"{float(value):.{digits}g}"
        digits -= 1
    return text


def clock(seconds: float) -> dt.datetime:
    """The time of day so many seconds into the examination."""
    return EXAMINED + dt.timedelta(seconds=seconds)


def breath_hold_seconds(z: int) -> float:
    """When a slice was acquired: a segmented cine gathers all phases of one slice at once."""
    return 12.0 * z
