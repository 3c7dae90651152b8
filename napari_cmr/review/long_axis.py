"""A four-chamber cine under review: its areas and lengths as labelled now."""

from __future__ import annotations

from napari_cmr import measure
from napari_cmr.core import Stack, Structure
from napari_cmr.measure import Measurement
from napari_cmr.nets.segmenter_tasks import is_four_chamber
from napari_cmr.review.reading import Reading


def is_one_plane(stack: Stack) -> bool:
    """Whether areas and lengths can be measured on a stack: one slice of a four-chamber cine."""
    return is_four_chamber(stack) and stack.shape[1] == 1


def plane_of(reading: Reading) -> Measurement | None:
    """Areas, lengths and single-plane volumes at ED and ES.

    Returns
    -------
    None where the stack is no four-chamber cine of one slice, or fewer than two phases are
    labelled.

    Raises
    ------
    InputError
        If a phase that the reader set is not labelled.
    """
    found = reading.segmentation
    if found is None or not is_one_plane(reading.stack):
        return None
    labelled = (found.labels == Structure.LV).any(axis=(1, 2, 3))
    if labelled.sum() < 2:
        return None
    return measure.long_axis_measurement(found, ed=reading.ed, es=reading.es)
