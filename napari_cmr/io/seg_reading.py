"""DICOM Segmentation back to labels on the stack that it was made on."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import Dataset
from pydicom.uid import SegmentationStorage

from napari_cmr.core import Finding, InputError, Segmentation, Structure
from napari_cmr.io.referenced_images import SourceImages
from napari_cmr.io.structure_codes import structure_of

_Files = str | Path | Iterable[str | Path]
_Planes = npt.NDArray[np.uint8]
_Place = tuple[str, int | None]


def read_seg(source: _Files, sources: SourceImages) -> Segmentation:
    """Read DICOM SEG objects as labels on a stack.

    Parameters
    ----------
    source
        A folder, one file, or several files; what is no segmentation is passed over.
    sources
        The images that the segments refer to, from :func:`napari_cmr.io.source_images`.

    Returns
    -------
    Labels on the stack's grid; phases and slices without a segment are background. Where
    segments overlap the later structure counts: an infarct lies in the wall. A segment of a
    structure not known here is left out with a finding.

    Raises
    ------
    InputError
        If there is no segmentation, none of these images, or one that is damaged, of another
        grid or of another kind than BINARY.
    """
    entry = sources.entry
    places = sources.places()
    labels = np.zeros(sources.shape, np.uint8)
    names: set[str] = set()
    models: set[str] = set()
    n_planes = 0
    for path, dataset in _segmentations(source):
        try:
            known, left_out = _structures(dataset)
            planes = _pixels(path, dataset, sources)
            models |= {_model(item) for item in dataset.SegmentSequence}
            frames = [_frame(dataset, i) for i in range(len(planes))]
        except InputError:
            raise
        except Exception as error:  # a broken byte may surface as anything inside the parser
            raise InputError(f"{path.name} is no whole segmentation: it is damaged.") from error
        names |= left_out
        for plane, (segment, images) in zip(planes, frames, strict=True):
            for at in {places[image] for image in images if image in places}:
                n_planes += 1
                if segment in known:
                    np.maximum(labels[at], plane * np.uint8(known[segment]), out=labels[at])
    if n_planes == 0:
        raise InputError(
            f"The segmentation is of other images than {entry.stack_id}; open the study it is of."
        )
    return Segmentation(
        labels,
        entry.geometry,
        models.pop() if len(models) == 1 else "",
        entry.times_ms,
        entry.rr_ms,
        entry.height_cm,
        entry.weight_kg,
        entry.layout,
        tuple(_left_out(name) for name in sorted(names)),
    )


def has_seg(folder: Path) -> bool:
    """Whether a folder holds a DICOM segmentation."""
    return any(True for _ in _read_all(sorted(folder.iterdir())))


def _segmentations(source: _Files) -> Iterator[tuple[Path, Dataset]]:
    if isinstance(source, str | Path):
        one = Path(source)
        paths = sorted(one.iterdir()) if one.is_dir() else [one]
    else:
        paths = [Path(p) for p in source]
    found = False
    for item in _read_all(paths):
        found = True
        yield item
    if not found:
        raise InputError("There is no DICOM segmentation there; choose the folder of one.")


def _is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM; others, however large, are not read."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _read_all(paths: Iterable[Path]) -> Iterator[tuple[Path, Dataset]]:
    for path in paths:
        try:
            if not (path.is_file() and _is_dicom(path)):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of values that break small rules
                # from memory, where an element that claims gigabytes finds only what is there
                dataset = pydicom.dcmread(BytesIO(path.read_bytes()))
                is_seg = dataset.get("SOPClassUID") == SegmentationStorage
        except (OSError, pydicom.errors.InvalidDicomError):
            continue
        except Exception as error:  # a broken byte may surface as anything inside the parser
            raise InputError(
                f"{path.name} is damaged; take it out of the folder or fetch it again."
            ) from error
        if is_seg:
            yield path, dataset


def _structures(dataset: Dataset) -> tuple[dict[int, Structure], set[str]]:
    """Structures by segment number, and the names of segments that are none of ours."""
    known: dict[int, Structure] = {}
    unknown = set()
    for item in dataset.SegmentSequence:
        code = item.SegmentedPropertyTypeCodeSequence[0]
        structure = structure_of(str(code.get("CodeValue", "")), str(code.CodingSchemeDesignator))
        if structure is None:
            unknown.add(str(code.get("CodeMeaning", "") or "unnamed"))
        else:
            known[int(item.SegmentNumber)] = structure
    return known, unknown


def _pixels(path: Path, dataset: Dataset, sources: SourceImages) -> _Planes:
    """``(frame, y, x)`` zeros and ones."""
    if dataset.SegmentationType != "BINARY":
        raise InputError(
            f"{path.name} is a {dataset.SegmentationType} segmentation; only BINARY ones are read."
        )
    shape = (int(dataset.NumberOfFrames), int(dataset.Rows), int(dataset.Columns))
    if shape[1:] != sources.shape[2:]:
        raise InputError(f"{path.name} has another grid than the images; export it on theirs.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of padding that does no harm
        return np.asarray(dataset.pixel_array, np.uint8).reshape(shape)


def _frame(dataset: Dataset, i: int) -> tuple[int, list[_Place]]:
    """Segment number of a frame and the images it refers to."""
    own = dataset.PerFrameFunctionalGroupsSequence[i]
    groups = (own, dataset.SharedFunctionalGroupsSequence[0])
    segment = _group(groups, "SegmentIdentificationSequence")[0].ReferencedSegmentNumber
    images: list[_Place] = []
    for derivation in _group(groups, "DerivationImageSequence"):
        for item in derivation.get("SourceImageSequence", ()):
            numbers = item.get("ReferencedFrameNumber")
            uid = str(item.ReferencedSOPInstanceUID)
            if numbers is None:
                images.append((uid, None))
            else:
                many = numbers if isinstance(numbers, pydicom.multival.MultiValue) else [numbers]
                images += [(uid, int(n)) for n in many]
    return int(segment), images


def _group(groups: tuple[Dataset, ...], keyword: str) -> Any:
    """A functional group; a frame's own wins over the shared one."""
    return next((g[keyword].value for g in groups if keyword in g), ())


def _model(item: Dataset) -> str:
    """Name and version of what made a segment; empty where a person drew it."""
    algorithms = item.get("SegmentationAlgorithmIdentificationSequence")
    if not algorithms:
        return str(item.get("SegmentAlgorithmName", "") or "")
    name, version = algorithms[0].AlgorithmName, algorithms[0].AlgorithmVersion
    return str(name) if version == "unknown" else f"{name} {version}"


def _left_out(name: str) -> Finding:
    return Finding(
        "segment-unknown", f"A segment is of a structure not known here: {name}.", "Left out."
    )
