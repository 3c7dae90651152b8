"""DICOM headers as plain records, and why a file gives none."""

from __future__ import annotations

import io
import re
import struct
import warnings
from typing import Any

import pydicom

from napari_cmr.io.declared_size import inflated, is_plausible
from napari_cmr.io.dicom_codecs import DEFLATED, NATIVE, can_be_decoded
from napari_cmr.io.dicom_enhanced import enhanced_records
from napari_cmr.io.dicom_values import (
    Values,
    clock_seconds,
    orientation_of,
    pixel_spacing_of,
    positive,
    stamp_seconds,
)
from napari_cmr.io.dicomdir import has_dicomdir_class
from napari_cmr.io.header import Header, PixelPlace
from napari_cmr.io.naming import component_of, kind_of, shows_another_part, view_hint
from napari_cmr.io.pixel_extent import BIG_ENDIAN, Head, SkipError, pixel_extent

_META_BYTES = 1024
_MISSING_AT_MOST = 0.02  # of a whole file's pixels; the rest is worth reading
_MODALITIES = frozenset(
    {  # those of PS3.3 C.7.3.1.1.1 that lie beside cardiac MR; any other text is not repeated
        "AU",
        "CR",
        "CT",
        "DOC",
        "DX",
        "ECG",
        "ES",
        "IVOCT",
        "IVUS",
        "KO",
        "MG",
        "NM",
        "OT",
        "PR",
        "PT",
        "PX",
        "REG",
        "RF",
        "RTDOSE",
        "RTIMAGE",
        "RTPLAN",
        "RTSTRUCT",
        "RWV",
        "SC",
        "SEG",
        "SM",
        "SR",
        "TG",
        "US",
        "XA",
        "XC",
    }
)
_MR_CLASSES = {"1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"}
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_PIXEL_KEYWORDS = {0x0010: "PixelData", 0x0008: "FloatPixelData", 0x0009: "DoubleFloatPixelData"}
_FIRST_TAGS = (b"\x02\x00\x00\x00", b"\x08\x00\x00\x00", b"\x08\x00\x05\x00", b"\x08\x00\x08\x00")


class LostImageError(SkipError):
    """A file whose pixels are not whole; its header says what is missing."""

    def __init__(self, reason: str, header: Header) -> None:
        super().__init__(reason)
        self.header = header


def looks_like_dicom(data: bytes) -> bool:
    """True with the standard's prefix, or with a plausible first element where it is missing."""
    return data[128:132] == b"DICM" or data[:4] in _FIRST_TAGS


def read_headers(head: Head) -> list[Header]:
    """One record a frame.

    Raises
    ------
    SkipError
        With the reason why the file holds no image for us.
    """
    if head.size == 0:
        raise SkipError("empty file")
    if not looks_like_dicom(head.data):
        raise SkipError("not an image")
    if has_dicomdir_class(head.data):
        raise SkipError("DICOMDIR")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of small rule breaks that do no harm here
            return _records(head, *_parse(head))
    except SkipError:
        raise
    except Exception as error:  # a broken byte may surface as anything inside the parser
        raise SkipError("damaged") from error


def _parse(head: Head) -> tuple[Any, bytes, int]:
    """Dataset without pixels, the bytes read, and where in them the pixel element begins."""
    data = head.data
    _refuse_bomb(data)
    while True:
        dataset, at = _parse_bytes(data, whole=len(data) >= head.size)
        if dataset is not None:
            pixels_follow = data[at : at + 2] in (b"\xe0\x7f", b"\x7f\xe0")
            if pixels_follow or syntax_of(dataset) == DEFLATED:
                return dataset, data, at
        if len(data) >= head.size:
            raise SkipError("truncated" if _promises_image(dataset) else "not an image")
        data = head.path.read_bytes()
        _refuse_bomb(data)


def _refuse_bomb(data: bytes) -> None:
    """Refuse a deflated file that unpacks to far more than images do."""
    group_length = data[132:140] == b"\x02\x00\x00\x00UL\x04\x00"
    if not group_length or DEFLATED.encode() not in data[:_META_BYTES]:
        return
    begin = 144 + int.from_bytes(data[140:144], "little")
    try:
        inflated(data[begin:], raw=True)
    except ValueError as error:
        raise SkipError("damaged") from error


def _parse_bytes(data: bytes, *, whole: bool) -> tuple[Any, int]:
    buffer = io.BytesIO(data)
    try:
        return pydicom.dcmread(buffer, stop_before_pixels=True, force=True), buffer.tell()
    except Exception:
        if whole:
            raise
        return None, 0  # the header is longer than the bytes at hand


def _promises_image(dataset: Any) -> bool:
    """Tell an image that was cut off before its pixels from a report or a directory."""
    if dataset is None:
        return False
    sop_class = dataset.file_meta.get("MediaStorageSOPClassUID", "")
    return "Rows" in dataset or str(sop_class) in _MR_CLASSES


def syntax_of(dataset: Any) -> str:
    """Transfer syntax; implicit little endian where none is named."""
    return str(dataset.file_meta.get("TransferSyntaxUID", "") or "1.2.840.10008.1.2")


def _records(head: Head, dataset: Any, data: bytes, at: int) -> list[Header]:
    syntax = syntax_of(dataset)
    values = Values(dataset, big_endian=syntax == BIG_ENDIAN)
    if (modality := values.text("Modality")) not in ("MR", ""):
        known = f" ({modality})" if modality in _MODALITIES else ""  # else it may be any text
        raise SkipError(f"not magnetic resonance{known}")
    coloured = values.text("PhotometricInterpretation") == "PALETTE COLOR"
    if values.short("SamplesPerPixel") > 1 or coloured:
        raise SkipError("colour picture")
    common = _common(values)
    try:
        places = _places(head, values, data, at, syntax)
    except SkipError as reason:
        raise LostImageError(str(reason), Header(**common, **_single(values))) from reason
    if values.number("RescaleSlope") == 0:
        common["irregular"] += ("slope-zero",)
    if is_short(places[0]):
        common["irregular"] += ("short-pixels",)
    # Some classic files carry an empty remnant of the enhanced groups beside their own tags.
    if "PerFrameFunctionalGroupsSequence" in values and "ImagePositionPatient" not in values:
        return enhanced_records(values, common, places)
    own = _single(values)
    if len(places) == 1:
        return [Header(pixels=places[0], **common, **own)]
    return _old_multi_frame(values.number("FrameTime"), {**common, **own}, places)


def _old_multi_frame(
    step_ms: float | None, common: dict[str, Any], places: list[PixelPlace]
) -> list[Header]:
    """Frames of a classic multi-frame file: they share all but their number and their time."""
    return [
        Header(
            pixels=place,
            **{
                **common,
                "uid": f"{common['uid']}#{place.frame:05d}",
                "frame_index": place.frame,
                "frame_ms": None if step_ms is None else step_ms * place.frame,
                "trigger_ms": None,
            },
        )
        for place in places
    ]


def _common(values: Values) -> dict[str, Any]:
    """What all frames of a file share."""
    uids = {
        "uid": values.text("SOPInstanceUID"),
        "study": values.text("StudyInstanceUID"),
        "series": values.text("SeriesInstanceUID"),
    }
    frame_of_reference = values.text("FrameOfReferenceUID")
    valid = all(_valid_uid(u) for u in (*uids.values(), frame_of_reference) if u)
    series, protocol = values.text("SeriesDescription"), values.text("ProtocolName")
    image_type = values.texts("ImageType")
    words = f"{values.text('StudyDescription')} {series} {protocol}"
    height_m, weight = values.number("PatientSize"), values.number("PatientWeight")
    return {
        **uids,
        "rows": values.short("Rows"),
        "columns": values.short("Columns"),
        "series_number": values.whole("SeriesNumber"),
        "instance": values.whole("InstanceNumber"),
        "content_s": clock_seconds(values.text("ContentDate"), values.text("ContentTime")),
        "kind": kind_of(image_type, f"{series} {protocol}"),
        "component": component_of(image_type),
        "view_hint": view_hint(series) or view_hint(protocol),
        "elsewhere": shows_another_part(values.text("BodyPartExamined"), words),
        "inversion_recovery": "IR" in values.texts("ScanningSequence"),
        "phases_claimed": values.whole("CardiacNumberOfImages"),
        "heart_rate": positive(values.number("HeartRate")),
        "height_cm": round(height_m * 100, 1) if height_m and 0.3 <= height_m <= 2.5 else None,
        "weight_kg": weight if weight and 1 <= weight <= 400 else None,
        "irregular": () if valid else ("invalid-uid",),
    }


def _single(values: Values) -> dict[str, Any]:
    """What a classic file says of its image, and an enhanced one frame by frame."""
    position = values.numbers("ImagePositionPatient")
    acquired = clock_seconds(values.text("AcquisitionDate"), values.text("AcquisitionTime"))
    if acquired is None:
        acquired = stamp_seconds(values.text("AcquisitionDateTime"))
    return {
        "acquisition": values.whole("AcquisitionNumber"),
        "acquired_s": acquired,
        "trigger_ms": values.number("TriggerTime"),
        "temporal_index": values.whole("TemporalPositionIdentifier"),
        "position": tuple(position) if len(position) == 3 else None,
        "orientation": orientation_of(values.numbers("ImageOrientationPatient")),
        "slice_location": values.number("SliceLocation"),
        "pixel_spacing": pixel_spacing_of(values.numbers("PixelSpacing")),
        "thickness_mm": positive(values.number("SliceThickness")),
        "echo_ms": values.number("EchoTime"),
        "inversion_ms": positive(values.number("InversionTime")),
        "nominal_rr_ms": positive(values.number("NominalInterval")),
    }


def _places(head: Head, values: Values, data: bytes, at: int, syntax: str) -> list[PixelPlace]:
    if not can_be_decoded(syntax):
        raise SkipError("compressed in a way that is not read")
    n_frames = max(values.whole("NumberOfFrames") or 1, 1)
    rows, columns = values.short("Rows"), values.short("Columns")
    bits = values.short("BitsAllocated")
    if rows * columns == 0 or bits not in (8, 16, 32, 64):
        raise SkipError("damaged")
    expected = rows * columns * bits // 8 * n_frames
    keyword, offset, length = "PixelData", None, expected
    if syntax != DEFLATED:
        keyword = _pixel_keyword(data, at)
        offset, length = pixel_extent(head, data, at, syntax)
        if syntax in NATIVE and length < expected * (1 - _MISSING_AT_MOST):
            raise SkipError("truncated")
        if syntax not in NATIVE and not is_plausible(expected, length):
            raise SkipError("damaged")
    if n_frames > head.size:  # each takes a byte at the least, whatever the compression
        raise SkipError("damaged")
    signed = values.short("PixelRepresentation") == 1
    form = {
        "path": head.path,
        "n_frames": n_frames,
        "offset": offset,
        "length": length,
        "syntax": syntax,
        "keyword": keyword,
        "rows": rows,
        "columns": columns,
        "bits_allocated": bits,
        "bits_stored": values.short("BitsStored") or bits,
        "kind": "f" if keyword != "PixelData" else "i" if signed else "u",
        "inverted": values.text("PhotometricInterpretation") == "MONOCHROME1",
        "slope": values.number("RescaleSlope") or 1.0,  # 0 would leave no picture
        "intercept": values.number("RescaleIntercept") or 0.0,
    }
    return [PixelPlace(frame=frame, **form) for frame in range(n_frames)]  # type: ignore[arg-type]


def is_short(place: PixelPlace) -> bool:
    """Whether an uncompressed element is shorter than its image; the last rows are then zero."""
    return place.syntax in NATIVE and place.length < _native_length(place)


def _native_length(place: PixelPlace) -> int:
    return place.rows * place.columns * place.bits_allocated // 8 * place.n_frames


def _pixel_keyword(data: bytes, at: int) -> str:
    """Which of the three pixel elements begins at ``at``, in either byte order."""
    order = "<" if data[at : at + 2] == b"\xe0\x7f" else ">"
    return _PIXEL_KEYWORDS.get(struct.unpack_from(f"{order}H", data, at + 2)[0], "PixelData")


def _valid_uid(uid: str) -> bool:
    return len(uid) <= 64 and _UID.fullmatch(uid) is not None
