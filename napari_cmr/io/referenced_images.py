"""Which DICOM images a stack came from, for the objects that must name them."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.uid import MRImageStorage, generate_uid

from napari_cmr.core import FloatArray, Geometry, InputError
from napari_cmr.io.catalogue import Entry
from napari_cmr.io.dicom_pixels import DicomFrames
from napari_cmr.io.mr_file import decimal

# Who was examined and when; written objects belong to the same study and carry these along.
_STUDY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "StudyInstanceUID",
    "ReferringPhysicianName",
)
_STUDY_IF_PRESENT = ("IssuerOfPatientID", "StudyDescription", "PatientIdentityRemoved")
_DEIDENTIFIED = (
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
)
_IMAGE = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
_SAME_DIRECTION = 1e-4


@dataclass(frozen=True)
class Reference:
    """One image: a file, or a frame (counted from 1) of a multi-frame file."""

    sop_class: str
    sop_uid: str
    series_uid: str
    frame: int | None = None


@dataclass(frozen=True, eq=False)
class SourceImages:
    """The images of a stack.

    Parameters
    ----------
    study
        Elements of patient and study, in Unicode; those the standard wants are there.
    frame_of_reference
        UID of the coordinate system that the first slice's first phase lies in.
    references
        ``references[t][z]``.
    """

    study: Dataset
    frame_of_reference: str
    references: tuple[tuple[Reference, ...], ...]
    entry: Entry

    @property
    def geometry(self) -> Geometry:
        """Of the stack."""
        return self.entry.geometry

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(t, z, y, x)."""
        return self.entry.shape

    def places(self) -> dict[tuple[str, int | None], tuple[int, int]]:
        """Phase and slice by instance and frame."""
        return {
            (ref.sop_uid, ref.frame): (t, z)
            for t, row in enumerate(self.references)
            for z, ref in enumerate(row)
        }


def source_images(entry: Entry) -> SourceImages:
    """Look up the images of a stack, reading headers only.

    Raises
    ------
    InputError
        If the stack was not read from DICOM, its images do not say where they lie, or a file
        vanished.
    """
    if not isinstance(entry.source, DicomFrames):
        raise InputError(
            f"{entry.stack_id} was not read from DICOM, so a DICOM segmentation or report has no "
            "images to refer to; write NIfTI or CSV instead."
        )
    if any(f.code == "resampled-in-time" for f in entry.findings):
        raise InputError(
            f"{entry.stack_id} was resampled in time, so that an image stands for several phases "
            "and DICOM could not say which is meant; leave --resample-time out."
        )
    if not (entry.geometry.oriented and entry.geometry.spacing_known):
        raise InputError(
            f"The images of {entry.stack_id} do not say where they lie in the patient, which DICOM "
            "segmentations and maps must; write NIfTI or CSV instead."
        )
    places = entry.source.places
    files = {place.path: _read(place.path, _IMAGE) for row in places for place in row}
    references = tuple(
        tuple(_reference(files[p.path], p.frame + 1 if p.n_frames > 1 else None) for p in row)
        for row in places
    )
    named = {(ref.sop_uid, ref.frame) for row in references for ref in row}
    if len(named) < entry.shape[0] * entry.shape[1] or ("", None) in named:
        raise InputError(
            f"Images of {entry.stack_id} share a UID or have none, so a DICOM object cannot refer "
            "to one of them; write NIfTI or CSV instead."
        )
    first = places[0][0].path
    frame_of_reference = str(files[first].get("FrameOfReferenceUID", "") or generate_uid())
    return SourceImages(_study(first), frame_of_reference, references, entry)


def stand_ins(sources: SourceImages) -> list[Dataset]:
    """One minimal image a slice, all of one series and orientation.

    What writes multi-frame objects wants such sources; ours may be one series a slice, frames of
    one file, or turned against each other. :func:`name_sources` then puts the true ones in.
    """
    geometry = sources.geometry
    series = str(generate_uid())
    orientation = _cosines(geometry.axes[geometry.typical_slice])
    thickness = decimal(geometry.thickness_mm or geometry.spacing[0])
    images = []
    for z in range(geometry.n_slices):
        image = Dataset()
        image.update(sources.study)
        image.Modality = "MR"
        image.SOPClassUID, image.SeriesInstanceUID = MRImageStorage, series
        image.SOPInstanceUID = _stand_in_uid(z)
        image.FrameOfReferenceUID = sources.frame_of_reference
        image.PositionReferenceIndicator = ""
        image.Rows, image.Columns = sources.shape[2:]
        image.ImagePositionPatient = [decimal(v) for v in geometry.origins[z]]
        image.ImageOrientationPatient = orientation
        image.PixelSpacing = [decimal(v) for v in geometry.pixel_spacing]
        image.SliceThickness = thickness
        images.append(image)
    return images


def name_sources(written: Dataset, sources: SourceImages, t: int) -> None:
    """Replace the stand-ins in a multi-frame object by the images of the phase."""
    named = {_stand_in_uid(z): z for z in range(sources.shape[1])}
    slices = []
    known: dict[int, int] = {}  # the frames of several segments may share one item
    for frame in written.PerFrameFunctionalGroupsSequence:
        item = frame.DerivationImageSequence[0].SourceImageSequence[0]
        z = known[id(item)] if id(item) in known else named[item.ReferencedSOPInstanceUID]
        known[id(item)] = z
        _set_reference(item, sources.references[t][z])
        slices.append(z)
    if _turned(sources.geometry):
        _orient_each(written, sources.geometry, slices)
    instances = {ref.sop_uid: ref for ref in sources.references[t]}
    written.SourceImageSequence = [_item(ref) for ref in instances.values()]
    written.ReferencedSeriesSequence = referenced_series(list(instances.values()))


def _stand_in_uid(z: int) -> str:
    return f"2.25.{z + 1}"


def referenced_series(instances: Sequence[Reference]) -> list[Dataset]:
    """Items of the Common Instance Reference module (PS3.3 C.12.2)."""
    by_series: dict[str, list[Dataset]] = defaultdict(list)
    for ref in instances:
        by_series[ref.series_uid].append(_item(ref))
    result = []
    for uid, items in by_series.items():
        series = Dataset()
        series.SeriesInstanceUID = uid
        series.ReferencedInstanceSequence = items
        result.append(series)
    return result


def _read(path: Path, keywords: Sequence[str]) -> Dataset:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that break small rules
            return pydicom.dcmread(path, specific_tags=list(keywords), stop_before_pixels=True)
    except (OSError, pydicom.errors.InvalidDicomError) as error:
        raise InputError(f"{path.name} can no longer be read; scan it again.") from error


def _reference(image: Dataset, frame: int | None) -> Reference:
    return Reference(
        str(image.get("SOPClassUID", MRImageStorage)),
        str(image.get("SOPInstanceUID", "")),
        str(image.get("SeriesInstanceUID", "")),
        frame,
    )


def _study(path: Path) -> Dataset:
    wanted = (*_STUDY, *_STUDY_IF_PRESENT, *_DEIDENTIFIED)
    image = _read(path, ("SpecificCharacterSet", *wanted))
    study = Dataset()
    study.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _STUDY:
        setattr(study, keyword, str(image.get(keyword, "") or ""))
    if study.PatientSex not in ("M", "F", "O"):
        study.PatientSex = ""  # what the standard does not know cannot be written
    for keyword in _STUDY_IF_PRESENT:
        if image.get(keyword):
            setattr(study, keyword, str(image.get(keyword)))
    if study.get("PatientIdentityRemoved") == "YES":
        for keyword in _DEIDENTIFIED:
            if keyword in image:
                study[keyword] = image[keyword]
    return study


def _set_reference(item: Dataset, ref: Reference) -> None:
    item.ReferencedSOPClassUID = ref.sop_class
    item.ReferencedSOPInstanceUID = ref.sop_uid
    if ref.frame is not None:
        item.ReferencedFrameNumber = ref.frame


def _item(ref: Reference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ref.sop_class, ref.sop_uid
    return item


def _turned(geometry: Geometry) -> bool:
    return bool(np.ptp(geometry.axes, axis=0).max() > _SAME_DIRECTION)


def _orient_each(written: Dataset, geometry: Geometry, slices: Sequence[int]) -> None:
    """Slices that are turned against each other say so frame by frame."""
    del written.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
    for frame, z in zip(written.PerFrameFunctionalGroupsSequence, slices, strict=True):
        item = Dataset()
        item.ImageOrientationPatient = _cosines(geometry.axes[z])
        frame.PlaneOrientationSequence = [item]


def _cosines(axes: FloatArray) -> list[str]:
    """Direction of a row's columns, then of a column's rows (PS3.3 C.7.6.2.1.1)."""
    row, column = axes
    return [decimal(v) for v in (*column, *row)]
