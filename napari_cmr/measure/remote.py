"""Healthy wall to compare late enhancement with: chosen automatically, or moved by a reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from napari_cmr.core import Finding, FloatArray, InputError, Segmentation, Stack
from napari_cmr.measure import aha
from napari_cmr.measure.borders import BoolArray, angle_of
from napari_cmr.measure.region import pixels_in
from napari_cmr.measure.volumes import WALL

FEWEST_REMOTE = 20
"""Pixels; fewer give no standard deviation worth a threshold."""
_SECTORS = 36
_SECTOR_DEG = 60.0


@dataclass(frozen=True)
class Remote:
    """Healthy wall to compare with.

    Parameters
    ----------
    mask
        ``(z, y, x)`` pixels; only those in the wall count.
    by_hand
        Whether a reader chose it.
    where
        Its place in words, for the method of a number.
    """

    mask: BoolArray
    by_hand: bool
    where: str = "a region drawn by a reader"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A region that nobody chose is told, with its place, so that a reader can move it."""
        if self.by_hand:
            return ()
        return (
            Finding(
                "remote-automatic",
                f"The remote wall was chosen automatically: {self.where}, the darkest 60 degrees.",
                "Choose a remote region by hand where scar is spread out.",
            ),
        )


@dataclass(frozen=True)
class Outline:
    """A rectangle, or the ellipse in it, as a reader drew it on one slice.

    Parameters
    ----------
    index
        The slice, zero-based.
    corners
        Four (row, column) in pixels, one after the other round the rectangle.
    is_round
        Whether the ellipse is meant.
    """

    index: int
    corners: tuple[tuple[float, float], ...]
    is_round: bool = True


def drawn_remote(outlines: Iterable[Outline], grid: tuple[int, int, int]) -> Remote:
    """The wall inside what a reader drew.

    Parameters
    ----------
    outlines
        All of them together are the region.
    grid
        ``(z, y, x)`` of the images.

    Raises
    ------
    InputError
        If one lies on a slice that does not exist.
    """
    mask = np.zeros(grid, np.bool_)
    slices = set()
    for outline in outlines:
        if not 0 <= outline.index < grid[0]:
            raise InputError(f"There is no slice {outline.index}; draw the region on these images.")
        corners = np.array(outline.corners, float)
        mask[outline.index] |= pixels_in(corners, grid[1:], round_shape=outline.is_round)
        slices.add(outline.index)
    named = f"slice{'s' if len(slices) > 1 else ''} {', '.join(map(str, sorted(slices)))}"
    return Remote(mask, by_hand=True, where=f"drawn by hand in {named}")


def remote_sector(
    segmentation: Segmentation, start: float, end: float, slices: Sequence[int] | None = None
) -> Remote:
    """The wall between two angles, as a reader moved it.

    Parameters
    ----------
    segmentation
        One phase with a wall.
    start, end
        Degrees round the LV's middle in the picture: 0 is its right side, 90 its top; the sector
        runs counter-clockwise from the first to the second.
    slices
        Zero-based; all if None.

    Raises
    ------
    InputError
        If an angle is no number, the sector is empty, or a slice does not exist.
    """
    if not np.isfinite([start, end]).all() or (end - start) % 360 == 0:
        raise InputError("A remote sector needs two different angles in degrees, such as 30,90.")
    n_slices = segmentation.labels.shape[1]
    chosen = range(n_slices) if slices is None else slices
    outside = [z for z in chosen if not 0 <= z < n_slices]
    if outside:
        raise InputError(f"There is no slice {outside[0]}; slices count from 0 to {n_slices - 1}.")
    angles = _wall_angles(segmentation)
    mask = np.mod(np.nan_to_num(angles) - start, 360) < (end - start) % 360
    mask &= np.isfinite(angles)
    mask[[z for z in range(n_slices) if z not in set(chosen)]] = False
    where = f"{start:g} to {end:g} degrees in the picture, chosen by a reader"
    if slices is not None:
        where += ", slices " + ", ".join(map(str, slices))
    return Remote(mask, by_hand=True, where=where)


def automatic_remote(stack: Stack, segmentation: Segmentation) -> Remote:
    """The 60 degrees of the wall, over all slices, whose mean signal is lowest.

    Healthy wall is nulled, so it is the darkest. Choosing the darkest makes the mean a little
    too low; a reader's own region is better.
    """
    angles = _wall_angles(segmentation)
    wall = np.isfinite(angles)
    at, values = angles[wall], np.asarray(stack.pixels[0][wall], np.float64)
    best: tuple[float, float, BoolArray] | None = None
    for start in np.arange(_SECTORS) * 360 / _SECTORS:
        inside = np.mod(at - start, 360) < _SECTOR_DEG
        if inside.sum() < FEWEST_REMOTE:
            continue
        mean = float(values[inside].mean())
        if best is None or mean < best[0]:
            best = mean, float(start), inside
    if best is None:
        return Remote(wall, by_hand=False, where="the whole wall, which is small")
    _, start, inside = best
    sector = np.zeros_like(wall)
    sector[wall] = inside
    where = f"{start:g} to {(start + _SECTOR_DEG) % 360:g} degrees in the picture"
    return Remote(sector, by_hand=False, where=where)


def _wall_angles(segmentation: Segmentation) -> FloatArray:
    """``(z, y, x)`` degrees of `remote_sector` in the wall, NaN elsewhere."""
    labels = segmentation.labels[0]
    spacing = segmentation.geometry.pixel_spacing
    angles = np.full(labels.shape, np.nan)
    for z in range(len(labels)):
        there = np.isin(labels[z], WALL)
        if there.any():
            offsets = np.argwhere(there) * np.array(spacing) - aha.lv_centre(labels[z], spacing)
            angles[z][there] = np.rad2deg(angle_of(offsets))
    return angles
