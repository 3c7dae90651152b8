"""A number for every pixel (saliency, uncertainty) as DICOM Parametric Map, one object a phase.

Source: DICOM PS3.3, A.75 (Parametric Map IOD); 32-bit floating pixels, stored as they are.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from napari_cmr.core import Cancel, InputError, Progress, check_cancel, replacing
from napari_cmr.io.derived_object import phase_of_series
from napari_cmr.io.referenced_images import SourceImages, name_sources, stand_ins

SERIES_NUMBER = 9003
SALIENCY = Code("130404", "DCM", "Saliency")
NO_UNITS = Code("1", "UCUM", "no units")


def write_parametric_map(
    values: npt.NDArray[np.floating[Any]],
    sources: SourceImages,
    folder: str | Path,
    *,
    quantity: Code = SALIENCY,
    unit: Code = NO_UNITS,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> list[Path]:
    """Write a map of a stack.

    Parameters
    ----------
    values
        ``(t, z, y, x)`` finite numbers on the grid of the images, in ``unit``.
    sources
        The images, from :func:`napari_cmr.io.source_images`.
    folder
        Made if need be; ``map-001.dcm`` is the first phase, and so on.
    quantity, unit
        What the numbers are, as codes of DICOM and UCUM.

    Raises
    ------
    InputError
        If the grid is another, a value is not finite, or the folder cannot be written to. Files
        written before stay.
    CancelledError
        If ``cancel`` said so.
    """
    if values.shape != sources.shape:
        raise InputError(
            f"The map's grid {values.shape} is not that of {sources.entry.stack_id} "
            f"{sources.shape}; make it on this stack."
        )
    if not np.isfinite(values).all():
        raise InputError("A map with values that are not numbers (NaN or infinite) is not written.")
    series = str(generate_uid())
    low, high = float(values.min()), float(values.max())
    paths = []
    for t, phase in enumerate(values):
        check_cancel(cancel)
        written = _map_of_phase(phase, sources, t, series, quantity, unit, (low, high))
        path = Path(folder) / f"map-{t + 1:03d}.dcm"
        with replacing(path) as partial:
            written.save_as(partial, enforce_file_format=True)
        paths.append(path)
        if progress is not None:
            progress(t + 1, len(values))
    return paths


def _map_of_phase(
    phase: npt.NDArray[np.floating[Any]],
    sources: SourceImages,
    t: int,
    series: str,
    quantity: Code,
    unit: Code,
    ends: tuple[float, float],
) -> Any:
    from highdicom import VOILUTTransformation
    from highdicom.pm import ParametricMap, RealWorldValueMapping

    low, high = ends
    span = high - low or 1.0
    mapping = RealWorldValueMapping(
        lut_label=quantity.value,
        lut_explanation=quantity.meaning,
        unit=unit,
        value_range=(low, low + span),
        intercept=0.0,
        slope=1.0,
        quantity_definition=quantity,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the sources' UIDs
        written = ParametricMap(
            source_images=stand_ins(sources),
            pixel_array=phase.astype(np.float32),
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[mapping],
            voi_lut_transformations=[
                VOILUTTransformation(
                    window_center=low + span / 2,
                    window_width=span,
                    voi_lut_function="LINEAR_EXACT",  # the others count in whole steps
                )
            ],
            content_label=quantity.meaning.upper().replace(" ", "_")[:16],
            series_description=f"{quantity.meaning}, for research use only",
            **phase_of_series(series, SERIES_NUMBER, t, sources.shape[0]),
        )
    written.BodyPartExamined = "HEART"
    name_sources(written, sources, t)
    return written
