"""Late enhancement under review: its scar as labelled now, against the wall the reader drew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_cmr import measure
from napari_cmr.core import InputError, Segmentation, Stack
from napari_cmr.core import Sequence as MrSequence
from napari_cmr.measure import WALL, Measurement, Outline, Remote
from napari_cmr.measure.remote import FEWEST_REMOTE
from napari_cmr.review.extent import in_volume
from napari_cmr.review.landmarks import placed_septa
from napari_cmr.review.reading import Reading


def is_enhancement(stack: Stack) -> bool:
    """Whether scar can be measured on a stack: one phase of late enhancement."""
    return stack.sequence is MrSequence.LGE and stack.shape[0] == 1


def enhancement_of(reading: Reading) -> Measurement | None:
    """Scar by every method, as `napari_cmr.measure.scar_measurement` gives it.

    Slices that the reader took out of the volumes do not count; landmarks that the reader placed
    decide the segments; the remote wall is the one drawn by `ReviewSession.set_remote`.

    Returns
    -------
    None where the stack is no late enhancement, or has no wall yet.

    Raises
    ------
    InputError
        If too little of the wall is left in the region that the reader drew.
    """
    segmentation = _walled(reading)
    if segmentation is None:
        return None
    return measure.scar_measurement(
        reading.stack,
        segmentation,
        remote=remote_of(reading),
        septum=placed_septa(reading).get(0),
    )


def remote_of(reading: Reading) -> Remote | None:
    """The remote wall that the reader drew; None where it is chosen automatically."""
    return _drawn(reading, reading.history.remote)


def remote_wall(reading: Reading) -> Remote | None:
    """The wall that is compared with, drawn or chosen automatically, without what is no wall."""
    segmentation = _walled(reading)
    if segmentation is None:
        return None
    found = remote_of(reading) or measure.automatic_remote(reading.stack, segmentation)
    inside = found.mask & np.isin(segmentation.labels[0], WALL)
    return Remote(inside, found.by_hand, found.where)


def check_remote(reading: Reading, outlines: Sequence[Outline]) -> None:
    """See that a region may be the remote wall.

    Raises
    ------
    InputError
        If the stack is no late enhancement, or too little of its wall lies inside.
    """
    if not is_enhancement(reading.stack):
        raise InputError("A remote wall belongs to late enhancement; this stack is none.")
    segmentation, drawn = _walled(reading), _drawn(reading, outlines)
    if segmentation is None:
        raise InputError("There is no wall yet; draw the contours of the myocardium first.")
    if drawn is None:
        return
    n_pixels = int((drawn.mask & np.isin(segmentation.labels[0], WALL)).sum())
    if n_pixels < FEWEST_REMOTE:
        raise InputError(
            f"The region holds {n_pixels} pixels of the wall; draw it on healthy wall, at least "
            f"{FEWEST_REMOTE} pixels, on one slice or on several."
        )


def _walled(reading: Reading) -> Segmentation | None:
    """Labels that count; None where the stack is no late enhancement or has no wall."""
    if reading.segmentation is None or not is_enhancement(reading.stack):
        return None
    counted = in_volume(reading.segmentation, reading.history.extent)
    return counted if np.isin(counted.labels, WALL).any() else None


def _drawn(reading: Reading, outlines: Sequence[Outline]) -> Remote | None:
    if not outlines:
        return None
    _, *grid = reading.stack.shape
    slices, rows, columns = grid
    return measure.drawn_remote(outlines, (slices, rows, columns))
