"""De-identified copies: only what is known to be technical is carried over.

The basic application confidentiality profile of DICOM PS3.15 E.1 lists what to remove; here the
list says what may stay, so that an element nobody thought of is left out. Private elements,
names, dates, times, places, devices' serial numbers and free text never pass; of an element of
text only known words do. Descriptions are cleaned: only the view and the kind of image stay.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from openjpeg.utils import encode_array
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    generate_uid,
)

from napari_cmr.core import Cancel, Finding, InputError, Progress, check_cancel, replacing
from napari_cmr.io.burned_in import BurnedIn
from napari_cmr.io.catalogue import Catalogue, subject_hash
from napari_cmr.io.dicom_headers import read_headers
from napari_cmr.io.dicom_pixels import DicomFrames, decode, pixel_bytes
from napari_cmr.io.dicom_values import stamp_seconds
from napari_cmr.io.header import Header, Kind, PixelPlace
from napari_cmr.io.pixel_extent import SkipError, read_head
from napari_cmr.io.technical_elements import (
    EMPTIED,
    FUNCTIONAL_GROUPS,
    MAKERS,
    REPLACED_UIDS,
    SHIFTED_TIMES,
    STAND_INS,
    TECHNICAL,
    WORDS,
)

_METHOD = "napari-cmr: PS3.15 basic profile by allow-list"  # at most 64 characters
_SMALLEST_JPEG_2000 = 32  # pixels; it halves a picture five times
_TEXT = frozenset(("CS", "SH", "LO", "ST", "LT", "UT", "UC", "PN", "AE"))


@dataclass(frozen=True)
class Copies:
    """What was written, and what a person should look at before it is given away."""

    files: tuple[Path, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Terms:
    """What all copies of one call share.

    ``first_s`` is when the first image was made; times since then are kept for all images
    where ``repeated``, since only they tell a slice's later scan from its earlier one.
    """

    salt: str
    first_s: float
    repeated: bool


def dicom_files(catalogue: Catalogue) -> list[Path]:
    """The DICOM files of all stacks of a catalogue, each once, sorted.

    Raises
    ------
    InputError
        If there is none.
    """
    sources = [e.source for e in catalogue.entries if isinstance(e.source, DicomFrames)]
    files = sorted({place.path for s in sources for row in s.places for place in row})
    if not files:
        raise InputError(
            f"{catalogue.path} holds no DICOM images, and only those can be de-identified."
        )
    return files


def deidentified_copy(
    files: Sequence[Path],
    out_dir: Path,
    salt: str,
    *,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Copies:
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

    Returns
    -------
    The copies, with a finding where text may be burned into the pictures. The pictures
    themselves are copied as they are.

    Raises
    ------
    InputError
        If a file is no MR image or cannot be decoded, or the folder cannot be written to.
        Copies made before stay.
    CancelledError
        If ``cancel`` said so.
    """
    headers = [_headers(path) for path in files]
    times = [h.acquired_s for hs in headers for h in hs if h.acquired_s is not None]
    terms = _Terms(salt, min(times, default=0.0), _repeated(h for hs in headers for h in hs))
    burned_in = BurnedIn()
    copies = []
    for number, (path, frames) in enumerate(zip(files, headers, strict=True), start=1):
        check_cancel(cancel)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that break small rules and are replaced
            target = out_dir / f"{number:04d}.dcm"
            _write_copy(path, frames, terms, burned_in, target)
        copies.append(target)
        if progress is not None:
            progress(number, len(files))
    return Copies(tuple(copies), tuple(burned_in.findings()))


def _write_copy(
    path: Path, frames: list[Header], terms: _Terms, burned_in: BurnedIn, target: Path
) -> None:
    try:
        source = pydicom.dcmread(path, stop_before_pixels=True)
        copy = _copy(source, frames, terms)
        _set_pixels(copy, [f.pixels for f in frames if f.pixels], source, burned_in)
        with replacing(target) as partial:
            copy.save_as(partial, enforce_file_format=True)
    except InputError:
        raise
    except Exception as error:  # a broken byte may surface as anything inside the parser
        raise InputError(
            f"{path.name} cannot be de-identified: it is damaged; take it out of the folder."
        ) from error


def _headers(path: Path) -> list[Header]:
    try:
        return read_headers(read_head(path))
    except SkipError as reason:
        raise InputError(f"{path.name} cannot be de-identified: {reason}.") from reason


def _repeated(headers: Iterable[Header]) -> bool:
    """Whether a place was imaged twice at the same time of the cycle."""
    counts = Counter(
        (h.study, h.position, h.orientation, h.rows, h.trigger_ms, h.echo_ms, h.component, h.kind)
        for h in headers
        if h.position is not None and h.trigger_ms is not None
    )
    return max(counts.values(), default=0) > 1


def _copy(source: Dataset, frames: list[Header], terms: _Terms) -> Dataset:
    copy = _technical(source, terms)
    for keyword in EMPTIED:
        setattr(copy, keyword, "")
    header = frames[0]
    copy.PatientID = subject_hash(header.study, salt=terms.salt)
    copy.SeriesDescription = _clean_description(header)
    copy.Manufacturer = _maker(str(source.get("Manufacturer", "")))
    if header.height_cm:
        copy.PatientSize = round(header.height_cm) / 100
    if header.weight_kg:
        copy.PatientWeight = round(header.weight_kg)
    if header.acquired_s is not None and (terms.repeated or header.trigger_ms is None):
        copy.AcquisitionTime = _clock(header.acquired_s - terms.first_s)
    if source.get("SOPClassUID") == EnhancedMRImageStorage:
        _make_enhanced_whole(copy)
    else:
        _make_classic_whole(copy)
    _say_so(copy)
    return copy


def _technical(source: Dataset, terms: _Terms) -> Dataset:
    """The elements that may stay, in sequences too, with new UIDs."""
    copy = Dataset()
    for tag in list(source.keys()):
        try:
            element = source[tag]
        except Exception:  # noqa: BLE001, S112  a value that cannot be read cannot be vouched for
            continue
        keyword = element.keyword
        if keyword in TECHNICAL:
            value = _known_words(element.value) if element.VR in _TEXT else element.value
            if value is not None:
                setattr(copy, keyword, value)
        elif keyword in REPLACED_UIDS:
            setattr(copy, keyword, _new_uid(element.value, terms.salt))
        elif keyword in FUNCTIONAL_GROUPS:
            setattr(copy, keyword, [_technical(item, terms) for item in element.value])
        elif keyword in SHIFTED_TIMES:
            setattr(copy, keyword, _shifted(str(element.value), terms.first_s))
        elif keyword == "StackID":
            copy.StackID = _digest(str(element.value), terms.salt)
        elif keyword == "FrameAnatomySequence":
            copy.FrameAnatomySequence = [_heart()]
    return copy


def _known_words(value: Any) -> Any:
    """Values that are known words; None where there was text and none of it may stay."""
    if not value:
        return value
    words = [value] if isinstance(value, str) else list(value)
    kept = [word for word in words if str(word).upper() in WORDS]
    return kept or None


def _new_uid(uid: Any, salt: str) -> str:
    return str(generate_uid(entropy_srcs=[salt, str(uid)]))


def _digest(text: str, salt: str) -> str:
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()[:8]


def _maker(name: str) -> str:
    lower = f"{name.lower()} "
    return next((maker for word, maker in MAKERS.items() if word in lower), "")


def _clean_description(header: Header) -> str:
    kind = "cine" if header.kind is Kind.PLAIN and header.phases_claimed else header.kind.value
    return f"{kind} {header.view_hint.value}" if header.view_hint else kind


def _clock(seconds: float) -> str:
    """TM of seconds since the first image of the copy."""
    whole = int(seconds)
    micro = round((seconds - whole) * 1e6)
    return f"{whole // 3600 % 24:02d}{whole // 60 % 60:02d}{whole % 60:02d}.{micro:06d}"


def _shifted(stamp: str, first_s: float) -> str:
    """DT of a day of long ago, so many seconds after midnight."""
    seconds = stamp_seconds(stamp)
    return f"19000101{_clock(max((seconds or first_s) - first_s, 0.0))}"


def _make_enhanced_whole(copy: Dataset) -> None:
    """Stand-ins for what the standard wants in Enhanced MR (PS3.3 A.36.2)."""
    for keyword, value in STAND_INS.items():
        setattr(copy, keyword, value)
    copy.Manufacturer = copy.Manufacturer or "REMOVED"
    copy.AcquisitionContextSequence = []


def _make_classic_whole(copy: Dataset) -> None:
    if "BodyPartExamined" not in copy and "Laterality" not in copy:
        copy.Laterality = ""
    if not copy.get("InversionTime"):  # zero where nothing was inverted
        copy.pop("InversionTime", None)


def _heart() -> Dataset:
    item = Dataset()
    item.FrameLaterality = "U"
    item.AnatomicRegionSequence = [_code("80891009", "Heart", "SCT")]
    return item


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


def _code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _set_pixels(
    copy: Dataset, places: list[PixelPlace], source: Dataset, burned_in: BurnedIn
) -> None:
    """Encode the frames as JPEG 2000 lossless, of what every reader decodes the smallest.

    Pictures smaller than its encoder takes are stored as they are.
    """
    arrays = []
    for place in places:
        array = decode(place, pixel_bytes(place))
        if array.dtype.kind not in "iu" or array.dtype.itemsize > 2:
            raise InputError(f"{place.path.name} has pixels that JPEG 2000 cannot hold.")
        unused = array.dtype.itemsize * 8 - place.bits_stored
        if unused > 0:  # unused high bits may hold an overlay
            array = (array << unused) >> unused
        burned_in.look_at(source, array)
        arrays.append(array)
    copy.file_meta = FileMetaDataset()
    if min(arrays[0].shape) < _SMALLEST_JPEG_2000:
        little = [a.astype(a.dtype.newbyteorder("<")).tobytes() for a in arrays]
        data = b"".join(little)
        copy.PixelData = data + bytes(len(data) % 2)
        copy["PixelData"].VR = "OW"
        copy.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        return
    native = [a.astype(a.dtype.newbyteorder("=")) for a in arrays]
    bits = places[0].bits_stored
    copy.PixelData = encapsulate([encode_array(a, bits_stored=bits) for a in native])
    copy["PixelData"].VR = "OB"
    copy.file_meta.TransferSyntaxUID = JPEG2000Lossless
