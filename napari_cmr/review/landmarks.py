"""The LV's middle and the RV insertion points: found from the labels, or placed by a reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_cmr.core import FloatArray, InputError
from napari_cmr.measure import Insertions, rv_insertions
from napari_cmr.measure.landmarks import SAX_LANDMARKS, sax_landmarks
from napari_cmr.measure.septum import septum_between
from napari_cmr.review.reading import Reading
from napari_cmr.review.record import Frame


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Those of one frame.

    Parameters
    ----------
    points
        ``(3, 2)`` row and column in the order of `SAX_LANDMARKS`.
    placed
        Names of those that the reader placed.
    """

    points: FloatArray
    placed: frozenset[str]


def landmarks_of(reading: Reading, frame: Frame) -> Landmarks | None:
    """The landmarks of a frame; None where the labels do not show them."""
    phase, index = frame
    spacing = reading.stack.geometry.pixel_spacing
    found = sax_landmarks(reading.history.labels[phase, index], spacing)
    if found is None:
        return None
    points = np.array(found, float)
    placed = set()
    for number, name in enumerate(SAX_LANDMARKS):
        at = reading.history.landmarks.get((phase, index, name))
        if at is not None:
            points[number] = at
            placed.add(name)
    return Landmarks(points, frozenset(placed))


def checked(reading: Reading, frame: Frame, name: str, at: tuple[float, float]) -> None:
    """See that a landmark may be placed there.

    Raises
    ------
    InputError
        If the frame has no landmarks, there is none of that name, it would lie outside the
        picture, or the septum would not be one.
    """
    known = landmarks_of(reading, frame)
    if name not in SAX_LANDMARKS:
        raise InputError(f"There is no landmark '{name}'; there are {', '.join(SAX_LANDMARKS)}.")
    if known is None or reading.segmentation is None:
        raise InputError("Landmarks follow from the contours of LV, wall and RV; draw those first.")
    rows, columns = reading.stack.shape[2:]
    if not (-0.5 <= at[0] < rows - 0.5 and -0.5 <= at[1] < columns - 0.5):
        raise InputError("A landmark must lie in the picture.")
    points = known.points.copy()
    points[SAX_LANDMARKS.index(name)] = at
    septum_between(reading.segmentation, points)


def placed_septa(reading: Reading) -> dict[int, Mapping[int, Insertions]]:
    """`insertions_of` the phases in which the reader placed a landmark.

    It is what `napari_cmr.measure.clinical_numbers` takes as ``septa``.
    """
    phases = sorted({phase for phase, _, _ in reading.history.landmarks})
    return {phase: insertions_of(reading, phase) for phase in phases}


def insertions_of(reading: Reading, phase: int) -> Mapping[int, Insertions]:
    """RV insertion points of a phase by slice: the reader's where placed, else the labels'.

    It is what `napari_cmr.measure.aha.segment_model` takes as ``septum``.
    """
    segmentation = reading.segmentation
    if segmentation is None:
        return {}
    found = dict(rv_insertions(segmentation, phase))
    for index in {z for t, z, _ in reading.history.landmarks if t == phase}:
        known = landmarks_of(reading, (phase, index))
        if known is not None:
            found[index] = septum_between(segmentation, known.points)
    return found
