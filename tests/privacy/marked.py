"""A study whose every text holds a sentinel, and the search for it in whatever was written."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from base64 import a85decode
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from pydicom import Dataset
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.sequence import Sequence

from napari_cmr import phantom

WORD = "Zqxwort"
DATE, TIME, AGE = "18970531", "041753.918273", "967Y"
UID_ROOT = "1.2.826.0.1.3680043.99887766"
SENTINELS = (WORD, DATE, "1897-05-31", TIME, UID_ROOT)
CONFIG = phantom.PhantomConfig(
    n_phases=2, n_slices=5, rows=72, columns=76, pixel_mm=(3.0, 3.0), slice_step_mm=16.0
)

_LONGEST = {"SH": 16, "CS": 16, "AE": 16, "LO": 64, "PN": 64}
_TEXT = (*_LONGEST, "ST", "LT", "UT", "UC")
_STANDARD_TERMS = {  # without these no reader could tell what the file is
    "SpecificCharacterSet",
    "Modality",
    "ImageType",
    "PhotometricInterpretation",
    "PatientPosition",
    "PixelPresentation",
    "BurnedInAnnotation",
}
_IDENTITIES = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")


def write_marked_study(folder: Path) -> None:
    """A short-axis cine as DICOM, in a folder and with names that hold the sentinel too."""
    target = folder / f"{WORD}^Folder"
    files = phantom.write_dicom_study(phantom.make(CONFIG), target, edit=mark)
    for number, file in enumerate(files):
        file.rename(target / f"{WORD}_{number:03d}.dcm")


def mark(dataset: Dataset, *_: object) -> None:
    """Fill every text element of the dictionary, dates, times, UIDs, private and nested ones."""
    for tag, (vr, multiplicity, _name, retired, keyword) in DicomDictionary.items():
        group = tag >> 16
        usable = 0x0008 <= group <= 0x0040 and not retired and keyword not in _STANDARD_TERMS
        if usable and vr in _TEXT and multiplicity.startswith("1"):
            dataset.add_new(tag, vr, _text(vr, tag))
        elif usable and vr == "AS":
            dataset.add_new(tag, vr, AGE)
        elif usable and vr == "DA":
            dataset.add_new(tag, vr, DATE)
        elif usable and vr == "TM" and keyword not in ("AcquisitionTime", "ContentTime"):
            dataset.add_new(tag, vr, TIME)
    for keyword in _IDENTITIES:
        _own_uid(dataset, keyword)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    _mark_nested(dataset)
    block = dataset.private_block(0x0051, f"{WORD} private", create=True)
    block.add_new(0x01, "LO", f"{WORD} private text")
    block.add_new(0x02, "UN", f"{WORD} unknown".encode())
    block.add_new(0x03, "OB", f"{WORD} bytes".encode().ljust(16))
    block.add_new(0x04, "SQ", Sequence([_item()]))


def _text(vr: str, tag: int) -> str:
    text = f"{WORD}^Name" if vr == "PN" else f"{WORD} {keyword_for_tag(tag)}"
    text = text[: _LONGEST.get(vr, 200)]
    return text.upper() if vr == "CS" else text


def _own_uid(dataset: Dataset, keyword: str) -> None:
    number = int.from_bytes(str(dataset[keyword].value).encode()[-8:], "big")
    setattr(dataset, keyword, f"{UID_ROOT}.{number}")


def _item() -> Dataset:
    item = Dataset()
    item.PatientName, item.PatientID = f"{WORD}^Nested", f"{WORD} nested id"
    item.CodeMeaning, item.TextValue = f"{WORD} code", f"{WORD} value"
    item.StudyDate, item.StudyTime = DATE, TIME
    item.ReferencedSOPInstanceUID = f"{UID_ROOT}.5"
    return item


def _mark_nested(dataset: Dataset) -> None:
    outer = _item()
    outer.ConceptNameCodeSequence = Sequence([_item()])
    for keyword in (
        "RequestAttributesSequence",
        "OtherPatientIDsSequence",
        "ReferencedStudySequence",
        "ProcedureCodeSequence",
        "PatientInsurancePlanCodeSequence",
        "ContentSequence",
    ):
        setattr(dataset, keyword, Sequence([outer]))


def leaks(*folders: Path) -> list[str]:
    """Where a sentinel stands: in a name, or in what a file holds however it is packed."""
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            found += [f"name of {name}"] * bool(sentinels_in(name.encode()))
            if path.is_file():
                found += [f"{name}: {s}" for s in sentinels_in_file(path)]
    return found


def sentinels_in_file(path: Path) -> list[str]:
    """Sentinels anywhere in a file, packed parts unpacked."""
    return sorted({s for part in _parts(path.read_bytes()) for s in sentinels_in(part)})


def sentinels_in(data: bytes) -> list[str]:
    """Sentinels in plain bytes, as UTF-8 or UTF-16, in any case."""
    low = data.lower()
    words = [
        s
        for s in SENTINELS
        if any(s.lower().encode(code) in low for code in ("utf-8", "utf-16-le", "utf-16-be"))
    ]
    # Four letters come up by chance in pictures that are packed as text.
    return words + [AGE] * bool(re.search(rb"(?<![\w+/=])%s(?![\w+/=])" % AGE.encode(), data))


def _parts(data: bytes) -> Iterator[bytes]:
    """The bytes themselves, and what gzip, zip, zlib streams of PDF and PNG texts hold."""
    yield data
    if data[:2] == b"\x1f\x8b":
        yield from _parts(gzip.decompress(data))
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from _parts(archive.read(name))
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            yield repr(image.info).encode()
    elif data[:4] == b"%PDF":
        for stream in re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
            yield _pdf_stream(stream)


def _pdf_stream(stream: bytes) -> bytes:
    text = stream.strip()
    return zlib.decompress(a85decode(text, adobe=False) if not text.endswith(b"~>") else _a85(text))


def _a85(text: bytes) -> bytes:
    return a85decode(b"<~" + text.removeprefix(b"<~"), adobe=True)
