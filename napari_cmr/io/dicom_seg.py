"""Labels as DICOM Segmentation, one object a phase, all in one series.

Positions repeat over the phases of a cine, which viewers and writers of one object refuse or show
as one frame; hence an object a phase. Source: DICOM PS3.3, A.51 (Segmentation IOD).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from napari_cmr.core import (
    Cancel,
    InputError,
    LabelArray,
    Progress,
    Segmentation,
    Structure,
    check_cancel,
    replacing,
)
from napari_cmr.core.palette import COLOURS
from napari_cmr.io.derived_object import check_text, phase_of_series
from napari_cmr.io.pcs_colour import pcs_lab
from napari_cmr.io.referenced_images import SourceImages, name_sources, stand_ins
from napari_cmr.io.structure_codes import TYPES, category_of, region_of

SERIES_NUMBER = 9001
_ALGORITHM_FAMILY = Code("123110", "DCM", "Artificial Intelligence")


def write_seg(
    segmentation: Segmentation,
    sources: SourceImages,
    folder: str | Path,
    *,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> list[Path]:
    """Write the labels of a stack as BINARY DICOM SEG.

    Parameters
    ----------
    segmentation
        On the grid of the images.
    sources
        The images, from :func:`napari_cmr.io.source_images`.
    folder
        Made if need be; ``seg-001.dcm`` is the first phase, and so on. The files hold the
        patient's name and number as the images do.

    Returns
    -------
    The files, in the order of the phases. Segments are the structures that occur in any phase,
    numbered alike in all files. Infarct and obstruction are not in the myocardium's segment.

    Raises
    ------
    InputError
        If the labels are empty or of another grid, their maker's name does not fit, or the folder
        cannot be written to. Files written before stay.
    CancelledError
        If ``cancel`` said so.
    """
    if segmentation.labels.shape != sources.shape:
        raise InputError(
            f"The labels' grid {segmentation.labels.shape} is not that of {sources.entry.stack_id} "
            f"{sources.shape}; segment this stack."
        )
    check_text("The name of what made the labels", segmentation.model)
    structures = _present(segmentation.labels)
    series = str(generate_uid())
    paths = []
    for t, labels in enumerate(segmentation.labels):
        check_cancel(cancel)
        dataset = seg_of_phase(labels, structures, sources, t, series, segmentation.model)
        path = Path(folder) / f"seg-{t + 1:03d}.dcm"
        with replacing(path) as partial:
            dataset.save_as(partial, enforce_file_format=True)
        paths.append(path)
        if progress is not None:
            progress(t + 1, len(segmentation.labels))
    return paths


def seg_of_phase(
    labels: LabelArray,
    structures: Sequence[Structure],
    sources: SourceImages,
    t: int,
    series_uid: str,
    model: str,
) -> Dataset:
    """The object of one phase, from ``(z, y, x)`` labels; segment i + 1 is ``structures[i]``."""
    from highdicom.seg import Segmentation as SegObject

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the sources' UIDs; it also says when a phase is empty
        seg = SegObject(
            source_images=stand_ins(sources),
            pixel_array=_numbered(labels, structures),
            segmentation_type="BINARY",
            segment_descriptions=_descriptions(structures, model),
            content_label="CARDIAC_CINE",
            series_description="Cardiac segmentation, for research use only",
            **phase_of_series(series_uid, SERIES_NUMBER, t, sources.shape[0]),
        )
    seg.BodyPartExamined = "HEART"
    name_sources(seg, sources, t)
    return seg


def name_and_version(model: str) -> tuple[str, str]:
    """What made labels, in the two parts that DICOM wants."""
    name, _, version = model.rpartition(" ")
    return (name, version) if name and version[:1].isdigit() else (model, "unknown")


def _present(labels: LabelArray) -> list[Structure]:
    counts = np.bincount(labels.ravel(), minlength=256)
    structures: list[Structure] = [
        s for s in Structure if s is not Structure.BACKGROUND and counts[s]
    ]
    if not structures:
        raise InputError("The labels are empty, so there is nothing to write as DICOM.")
    return structures


def _numbered(labels: LabelArray, structures: Sequence[Structure]) -> LabelArray:
    table = np.zeros(256, np.uint8)
    table[[int(s) for s in structures]] = np.arange(1, len(structures) + 1)
    return table[labels]


def _descriptions(structures: Sequence[Structure], model: str) -> list[Any]:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription

    name, version = name_and_version(model)
    algorithm = (
        AlgorithmIdentificationSequence(name=name, family=_ALGORITHM_FAMILY, version=version)
        if model
        else None
    )
    return [
        SegmentDescription(
            segment_number=number,
            segment_label=structure.title,
            segmented_property_category=category_of(structure),
            segmented_property_type=TYPES[structure],
            algorithm_type="AUTOMATIC" if model else "MANUAL",
            algorithm_identification=algorithm,
            anatomic_regions=[region_of(structure)],
            display_color=CIELabColor(*pcs_lab(COLOURS[structure])),
        )
        for number, structure in enumerate(structures, start=1)
    ]
