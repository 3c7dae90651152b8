"""De-identified copies: only what is known to be technical is carried over.

The basic application confidentiality profile of DICOM PS3.15 E.1 lists what to remove; here the
list says what may stay, so that an element nobody thought of is left out. Private elements,
names, dates, times, places, devices' serial numbers and free text never pass. Descriptions are
cleaned: of their words only the view and the kind of image stay.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
from openjpeg.utils import encode_array
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, generate_uid

from napari_cmr.core import InputError, replacing
from napari_cmr.io.catalogue import subject_hash
from napari_cmr.io.dicom_headers import read_headers
from napari_cmr.io.dicom_pixels import decode, pixel_bytes
from napari_cmr.io.header import Header, Kind, PixelPlace
from napari_cmr.io.pixel_extent import SkipError, read_head
from napari_cmr.io.technical_elements import (
    EMPTIED,
    FUNCTIONAL_GROUPS,
    REPLACED_UIDS,
    TECHNICAL,
)

_METHOD = "napari-cmr: PS3.15 basic profile by allow-list"  # at most 64 characters


def deidentified_copy(files: Sequence[Path], out_dir: Path, salt: str) -> list[Path]:
    """Write de-identified, losslessly compressed copies of DICOM images.

    Parameters
    ----------
    files
        MR images; UIDs are replaced alike in all of them, so that they stay one study.
    out_dir
        Made if need be. The copies are ``0001.dcm``, ``0002.dcm``, ... in the order of ``files``.
    salt
        Secret from which, with the old UIDs, the new ones follow. The same salt gives the same
        UIDs; without it nobody can get from the new to the old.

    Raises
    ------
    InputError
        If a file is no MR image or cannot be decoded, or the folder cannot be written to.
        Copies made before stay.
    """
    headers = [_headers(path) for path in files]
    times = [h.acquired_s for hs in headers for h in hs if h.acquired_s is not None]
    first_s = min(times, default=0.0)
    copies = []
    for number, (path, frames) in enumerate(zip(files, headers, strict=True), start=1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that break small rules and are replaced
            copy = _copy(pydicom.dcmread(path, stop_before_pixels=True), frames, first_s, salt)
        target = out_dir / f"{number:04d}.dcm"
        with replacing(target) as partial:
            copy.save_as(partial, enforce_file_format=True)
        copies.append(target)
    return copies


def _headers(path: Path) -> list[Header]:
    try:
        return read_headers(read_head(path))
    except SkipError as reason:
        raise InputError(f"{path.name} cannot be de-identified: {reason}.") from reason


def _copy(source: Dataset, frames: list[Header], first_s: float, salt: str) -> Dataset:
    copy = _technical(source, salt)
    for keyword in EMPTIED:
        setattr(copy, keyword, "")
    header = frames[0]
    copy.PatientID = subject_hash(header.study, salt=salt)
    copy.SeriesDescription = _clean_description(header)
    if header.height_cm:
        copy.PatientSize = round(header.height_cm) / 100
    if header.weight_kg:
        copy.PatientWeight = round(header.weight_kg)
    if header.trigger_ms is None and header.acquired_s is not None:
        copy.AcquisitionTime = _clock(header.acquired_s - first_s)
    _say_so(copy)
    _set_pixels(copy, [f.pixels for f in frames if f.pixels])
    return copy


def _technical(source: Dataset, salt: str) -> Dataset:
    """The elements that may stay, in sequences too, with new UIDs."""
    copy = Dataset()
    for element in source:
        keyword = element.keyword
        if keyword in TECHNICAL:
            copy.add(element)
        elif keyword in REPLACED_UIDS:
            setattr(copy, keyword, _new_uid(element.value, salt))
        elif keyword in FUNCTIONAL_GROUPS:
            setattr(copy, keyword, [_technical(item, salt) for item in element.value])
    return copy


def _new_uid(uid: Any, salt: str) -> str:
    return str(generate_uid(entropy_srcs=[salt, str(uid)]))


def _clean_description(header: Header) -> str:
    kind = "cine" if header.kind is Kind.PLAIN and header.phases_claimed else header.kind.value
    return f"{kind} {header.view_hint.value}" if header.view_hint else kind


def _clock(seconds: float) -> str:
    """TM of seconds since the first image of the copy."""
    whole = int(seconds)
    micro = round((seconds - whole) * 1e6)
    return f"{whole // 3600 % 24:02d}{whole // 60 % 60:02d}{whole % 60:02d}.{micro:06d}"


def _say_so(copy: Dataset) -> None:
    copy.PatientIdentityRemoved = "YES"
    copy.DeidentificationMethod = _METHOD
    copy.LongitudinalTemporalInformationModified = "REMOVED"
    options = [
        ("113100", "Basic Application Confidentiality Profile"),
        ("113105", "Clean Descriptors Option"),
    ]
    if "PatientSize" in copy or "PatientWeight" in copy:
        options.append(("113108", "Retain Patient Characteristics Option"))
    copy.DeidentificationMethodCodeSequence = [_code(*option) for option in options]


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _set_pixels(copy: Dataset, places: list[PixelPlace]) -> None:
    """Encode the frames as JPEG 2000 lossless, of what every reader decodes the smallest."""
    encoded = []
    for place in places:
        array = decode(place, pixel_bytes(place))
        if array.dtype.kind not in "iu" or array.dtype.itemsize > 2:
            raise InputError(f"{place.path.name} has pixels that JPEG 2000 cannot hold.")
        array = array.astype(array.dtype.newbyteorder("="))
        encoded.append(encode_array(array, bits_stored=place.bits_stored))
    copy.PixelData = encapsulate(encoded)
    copy["PixelData"].VR = "OB"
    copy.file_meta = FileMetaDataset()
    copy.file_meta.TransferSyntaxUID = JPEG2000Lossless
