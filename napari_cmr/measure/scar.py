"""Late gadolinium enhancement: how much of the wall is scar, by threshold or as labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import scipy  # its parts come when first used: a dock that opens must not wait for them

from napari_cmr.core import (
    Finding,
    FloatArray,
    GeometryError,
    InputError,
    Segmentation,
    SpacingUnknownError,
    Stack,
    Structure,
)
from napari_cmr.measure import aha
from napari_cmr.measure.borders import BoolArray, angle_of
from napari_cmr.measure.cardiac_function import MYOCARDIAL_DENSITY_G_PER_ML
from napari_cmr.measure.remote import FEWEST_REMOTE, Remote, automatic_remote
from napari_cmr.measure.volumes import WALL, millilitres_per_unit, relative_slabs

HALF_MAXIMUM_TOO_LOW = "half-maximum-too-low"
_SCAR = (Structure.INFARCT, Structure.MVO)


class ScarMethod(StrEnum):
    """What counts as scar."""

    SD2 = "2-SD"
    SD5 = "5-SD"
    SD6 = "6-SD"
    FWHM = "FWHM"
    LABELS = "labels"

    @property
    def deviations(self) -> float | None:
        """Standard deviations above the remote wall; None for the other methods."""
        return float(self[0]) if self.endswith("-SD") else None


@dataclass(frozen=True, eq=False)
class Scar:
    """Scar on one stack. Grams are None where the spacing is unknown.

    Parameters
    ----------
    method, threshold
        What counts as scar; the signal above which it does, None for labels.
    remote_mean, remote_sd, remote_pixels, remote
        Signal, size and place of the remote wall, None (and empty) for labels.
    mask
        ``(z, y, x)`` scar with microvascular obstruction.
    percent
        Scar, of the wall's volume.
    mvo_percent
        Microvascular obstruction, of the wall's volume; it is part of ``percent``.
    mass_g, mvo_g, wall_g
        With 1.05 g/mL.
    """

    method: ScarMethod
    threshold: float | None
    remote_mean: float | None
    remote_sd: float | None
    mask: BoolArray
    percent: float
    mvo_percent: float
    mass_g: float | None
    mvo_g: float | None
    wall_g: float | None
    remote_pixels: int | None = None
    remote: str = ""
    findings: tuple[Finding, ...] = ()


def scar(
    stack: Stack,
    segmentation: Segmentation,
    method: ScarMethod,
    remote: BoolArray | Remote | None = None,
) -> Scar:
    """Quantify scar in the wall of a late-enhancement stack.

    n-SD: signal above mean + n SD of the remote wall (Kim RJ et al., Circulation
    1999;100:1992, n = 2; Bondarenko O et al., J Cardiovasc Magn Reson 2005;7:481, n = 5 and
    others). FWHM: signal above half of the greatest in the wall (Amado LC et al., J Am Coll
    Cardiol 2004;44:2383), where anything in the wall passes 5 SD at all. Microvascular
    obstruction counts to the scar: where it is labelled, and where dark wall is wholly enclosed
    by enhanced wall within a slice; a dark core that touches the cavity must be labelled.

    Parameters
    ----------
    stack
        One phase, ``(1, z, y, x)``.
    segmentation
        Its wall (myocardium, infarct and MVO together count as wall).
    method
        What counts as scar; `ScarMethod.LABELS` takes the labels' infarct and MVO.
    remote
        ``(z, y, x)`` region of healthy wall that a reader chose; only its wall pixels count.
        Else the darkest 60 degrees of the wall, see `napari_cmr.measure.automatic_remote`.

    Raises
    ------
    GeometryError
        If shapes differ.
    InputError
        If there is no wall, or the remote region holds too little of it.
    """
    wall = wall_of(stack, segmentation)
    labels = segmentation.labels[0]
    if method is ScarMethod.LABELS:
        mask, mvo = np.isin(labels, _SCAR), labels == Structure.MVO
        return _measured(segmentation, method, mask, mvo, wall)
    pixels = np.asarray(stack.pixels[0], np.float64)
    region = _remote(stack, segmentation, remote)
    values = pixels[region.mask & wall]
    if len(values) < FEWEST_REMOTE:
        raise InputError(
            f"The remote region holds {len(values)} pixels of the wall; draw it on healthy wall, "
            f"at least {FEWEST_REMOTE} pixels."
        )
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    threshold = _threshold(method, mean, sd, pixels[wall])
    bright = wall & (pixels > threshold)
    mvo = wall & ((labels == Structure.MVO) | _enclosed(bright))
    return replace(
        _measured(segmentation, method, bright | mvo, mvo & ~bright, wall),
        threshold=threshold,
        remote_mean=mean,
        remote_sd=sd,
        remote_pixels=len(values),
        remote=region.where,
        findings=(*region.findings, *_low_half_maximum(method, threshold, mean, sd)),
    )


def wall_of(stack: Stack, segmentation: Segmentation) -> BoolArray:
    """``(z, y, x)`` wall of which scar may be a part; raises as `scar` does."""
    if stack.shape != segmentation.labels.shape or stack.shape[0] != 1:
        raise GeometryError("Scar needs one phase of images with labels of their shape.")
    wall: BoolArray = np.isin(segmentation.labels[0], WALL)
    if not wall.any():
        raise InputError("There is no myocardium in the labels; scar is a part of it.")
    return wall


def _low_half_maximum(
    method: ScarMethod, threshold: float, mean: float, sd: float
) -> tuple[Finding, ...]:
    """Half of the maximum parts scar from wall only where healthy wall is nulled."""
    if method is not ScarMethod.FWHM or threshold >= mean + 2 * sd:
        return ()
    return (
        Finding(
            HALF_MAXIMUM_TOO_LOW,
            "Half of the wall's maximum lies within the remote wall's own signal, as in images "
            "whose zero is not nulled wall (phase-sensitive, or rescaled).",
            "FWHM does not apply to these images; use n-SD.",
        ),
    )


def _remote(stack: Stack, segmentation: Segmentation, given: BoolArray | Remote | None) -> Remote:
    if given is None:
        return automatic_remote(stack, segmentation)
    region = given if isinstance(given, Remote) else Remote(given, by_hand=True)
    if region.mask.shape != segmentation.labels.shape[1:]:
        raise GeometryError(
            f"The remote region has the grid {region.mask.shape} (slice, row, column), the images "
            f"{segmentation.labels.shape[1:]}; draw it on these images."
        )
    return region


@dataclass(frozen=True)
class Extent:
    """Scar in one segment.

    Parameters
    ----------
    area_percent
        Scar, of the segment's wall.
    transmurality_percent
        Mean over the radial lines that meet scar of the share of wall that is scar; 0 where
        there is none.
    """

    area_percent: float
    transmurality_percent: float


def scar_by_segment(
    segmentation: Segmentation, mask: BoolArray, model: aha.SegmentModel
) -> Mapping[int, Extent]:
    """Extent and transmurality of scar in the segments.

    The extent is the enhanced share of a segment's area, as graded in quarters by Kim RJ et
    al., N Engl J Med 2000;343:1445. Transmurality is counted along radial lines of 3 degrees.
    """
    labels = segmentation.labels[0]
    spacing = segmentation.geometry.pixel_spacing
    segments = aha.segment_map(segmentation, 0, model)
    weight = relative_slabs(segmentation.geometry)[:, None, None] * np.ones(labels.shape)
    lines = np.zeros(labels.shape, np.intp)
    for z in model.rings:
        there = segments[z] > 0
        if there.any():
            offsets = np.argwhere(there) * np.array(spacing) - aha.lv_centre(labels[z], spacing)
            lines[z][there] = z * 120 + np.floor(np.rad2deg(angle_of(offsets)) / 3).astype(int)
    return {
        int(s): _extent(mask[at], lines[at], weight[at])
        for s in np.unique(segments)
        if s and (at := segments == s).any()
    }


def _extent(scarred: BoolArray, lines: npt.NDArray[np.intp], weight: FloatArray) -> Extent:
    area = 100 * float(weight[scarred].sum() / weight.sum())
    total = np.bincount(lines)
    hit = np.bincount(lines, weights=scarred)
    met = hit > 0
    across = 100 * float((hit[met] / total[met]).mean()) if met.any() else 0.0
    return Extent(area, across)


def _threshold(method: ScarMethod, mean: float, sd: float, wall: FloatArray) -> float:
    if method.deviations is not None:
        return mean + method.deviations * sd
    top = float(wall.max())
    return top / 2 if top > mean + 5 * sd else top


def _enclosed(bright: BoolArray) -> BoolArray:
    filled = np.stack([scipy.ndimage.binary_fill_holes(plane) for plane in bright])
    return np.asarray(filled & ~bright)


def _measured(
    segmentation: Segmentation, method: ScarMethod, mask: BoolArray, mvo: BoolArray, wall: BoolArray
) -> Scar:
    slabs = relative_slabs(segmentation.geometry)
    scar_units, mvo_units, wall_units = (
        float(part.sum(axis=(1, 2)) @ slabs) for part in (mask, mvo, wall)
    )
    try:
        grams = millilitres_per_unit(segmentation.geometry) * MYOCARDIAL_DENSITY_G_PER_ML
    except SpacingUnknownError:
        grams = None
    scar_g, mvo_g, wall_g = (
        None if grams is None else u * grams for u in (scar_units, mvo_units, wall_units)
    )
    return Scar(
        method,
        None,
        None,
        None,
        mask,
        100 * scar_units / wall_units,
        100 * mvo_units / wall_units,
        scar_g,
        mvo_g,
        wall_g,
    )
