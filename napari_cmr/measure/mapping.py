"""T1, T2 and extracellular volume by segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy  # its parts come when first used: a dock that opens must not wait for them

from napari_cmr.core import FloatArray, GeometryError, InputError, Segmentation, Stack, Structure
from napari_cmr.measure import aha
from napari_cmr.measure.borders import BoolArray
from napari_cmr.measure.insertion import Insertions
from napari_cmr.measure.volumes import WALL


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation and number of pixels, in the map's unit (ms for T1 and T2)."""

    mean: float
    sd: float
    n: int

    @classmethod
    def of(cls, values: FloatArray) -> Spread | None:
        """Of finite values; None if there are none."""
        values = values[np.isfinite(values)]
        if len(values) == 0:
            return None
        return cls(float(values.mean()), float(values.std()), len(values))


@dataclass(frozen=True)
class MapValues:
    """What a relaxation map holds.

    Parameters
    ----------
    segments
        AHA segment to its values; segments without a pixel are missing.
    wall, blood
        The whole wall and the LV's cavity, None where there is none.
    """

    segments: Mapping[int, Spread]
    wall: Spread | None
    blood: Spread | None


def map_values(
    stack: Stack,
    segmentation: Segmentation,
    *,
    margin_pixels: int = 1,
    septum: Insertions | None = None,
) -> MapValues:
    """Means of a T1 or T2 map in the wall, its segments and the blood.

    Pixels within the margin of a border are left out, since they mix wall with blood or fat, and
    so are values that are not positive, which a failed fit leaves behind (Messroghli DR et al.,
    J Cardiovasc Magn Reson 2017;19:75: regions keep clear of the borders). Segments need three
    slices and the RV; else only wall and blood are given.

    Parameters
    ----------
    stack, segmentation
        One phase of map and labels, one shape.
    margin_pixels
        How many pixels to keep clear of borders; 0 takes all.
    septum
        RV insertion points that a reader gave, where the RV is not labelled.

    Raises
    ------
    GeometryError
        If the shapes differ or there is more than one phase.
    InputError
        If the margin is negative.
    """
    if margin_pixels < 0:
        raise InputError(f"The margin is 0 or more pixels, not {margin_pixels}.")
    if stack.shape != segmentation.labels.shape or stack.shape[0] != 1:
        raise GeometryError("A map needs one phase of images with labels of their shape.")
    labels = segmentation.labels[0]
    values = np.asarray(stack.pixels[0], np.float64)
    values = np.where(values > 0, values, np.nan)
    wall = _core(np.isin(labels, WALL), margin_pixels)
    blood = _core(labels == Structure.LV, margin_pixels)
    segments: dict[int, Spread] = {}
    model = aha.segment_model(segmentation, 0, septum)
    if model is not None:
        numbers = np.where(wall, aha.segment_map(segmentation, 0, model), 0)
        found = {s: Spread.of(values[numbers == s]) for s in aha.SEGMENTS}
        segments = {s: spread for s, spread in found.items() if spread is not None}
    return MapValues(segments, Spread.of(values[wall]), Spread.of(values[blood]))


def ecv_percent(
    wall_before_ms: float,
    wall_after_ms: float,
    blood_before_ms: float,
    blood_after_ms: float,
    haematocrit: float,
) -> float:
    """Extracellular volume of the wall.

    ECV = (1 - haematocrit) x (1/T1 wall after - 1/T1 wall before) / (1/T1 blood after -
    1/T1 blood before) (Arheden H et al., Radiology 1999;211:698; Messroghli DR et al., J
    Cardiovasc Magn Reson 2017;19:75).

    Parameters
    ----------
    wall_before_ms, wall_after_ms, blood_before_ms, blood_after_ms
        T1 before and after contrast.
    haematocrit
        Fraction from 0 to 1.

    Returns
    -------
    Percent.

    Raises
    ------
    InputError
        If a T1 is not positive, the haematocrit is no fraction, or the blood's T1 did not fall.
    """
    times = (wall_before_ms, wall_after_ms, blood_before_ms, blood_after_ms)
    if not all(np.isfinite(t) and t > 0 for t in times):
        raise InputError("The extracellular volume needs four positive T1 times.")
    if not 0 < haematocrit < 1:
        raise InputError(f"The haematocrit is a fraction such as 0.42, not {haematocrit:g}.")
    blood = 1 / blood_after_ms - 1 / blood_before_ms
    if blood <= 0:
        raise InputError("The blood's T1 is not shorter after contrast; are the maps swapped?")
    return 100 * (1 - haematocrit) * (1 / wall_after_ms - 1 / wall_before_ms) / blood


def ecv_by_segment(before: MapValues, after: MapValues, haematocrit: float) -> dict[int, float]:
    """Extracellular volume in percent of the segments that both maps show.

    Segment means are combined, so the maps need not lie on one grid.

    Raises
    ------
    InputError
        As `ecv_percent`, or if a map shows no blood.
    """
    if before.blood is None or after.blood is None:
        raise InputError("The extracellular volume needs the LV cavity in both maps.")
    return {
        s: ecv_percent(
            before.segments[s].mean,
            after.segments[s].mean,
            before.blood.mean,
            after.blood.mean,
            haematocrit,
        )
        for s in before.segments
        if s in after.segments
    }


def _core(mask: BoolArray, margin: int) -> BoolArray:
    """A mask without the pixels near its border, slice by slice."""
    if margin == 0:
        return mask
    return np.stack([scipy.ndimage.binary_erosion(plane, iterations=margin) for plane in mask])
