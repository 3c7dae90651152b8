"""Contours drawn on DICOM images: outlines to labels, drawn slices to a stack of their own.

Only slices that were drawn on are taken, at their true positions: an empty slice may mean "no
heart here" as well as "not drawn", and the files do not say which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_cmr.core import (
    Finding,
    FloatArray,
    LabelArray,
    Segmentation,
    Stack,
    Structure,
    View,
)
from napari_cmr.core import Sequence as MrSequence
from napari_cmr.io.dicom_headers import read_headers
from napari_cmr.io.dicom_pixels import DicomFrames
from napari_cmr.io.header import Header
from napari_cmr.io.pixel_extent import SkipError, read_head
from napari_cmr.io.polygon import polygon_mask
from napari_cmr.io.sorter import SortedStack

_PAINTED_IN_TURN = (Structure.RA, Structure.LA, Structure.RV, Structure.MYO, Structure.LV)
_EVEN = 0.1  # of the gap between slices


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed curve on one image; the outer border of the wall says ``MYO``.

    Parameters
    ----------
    points
        ``(n, 2)`` of x and y in pixels, a whole number being a pixel's centre.
    """

    structure: Structure
    points: FloatArray


def headers_of(files: Iterable[Path]) -> list[Header]:
    """Headers of all MR images among files; what is no image is passed over."""
    headers: list[Header] = []
    for path in files:
        try:
            headers += read_headers(read_head(path))
        except (SkipError, OSError):
            continue
    return headers


def without_hollow_walls(outlines: Sequence[Outline]) -> list[Outline]:
    """Leave out an outer border that has no inner one: where its cavity ends is not said."""
    drawn = {o.structure for o in outlines}
    return [o for o in outlines if o.structure is not Structure.MYO or Structure.LV in drawn]


def painted(outlines: Iterable[Outline], shape: tuple[int, int]) -> LabelArray:
    """``(y, x)`` labels: the wall covers the right ventricle, the LV cavity covers the wall.

    Raises
    ------
    InputError
        If an outline is no polygon.
    """
    labels = np.zeros(shape, np.uint8)
    for outline in sorted(outlines, key=lambda o: _PAINTED_IN_TURN.index(o.structure)):
        labels[polygon_mask(outline.points, shape)] = outline.structure
    return labels


def drawn_phase(
    stack: SortedStack,
    t: int,
    drawn: Mapping[Header, Sequence[Outline]],
    *,
    subject: str,
    view: View,
) -> tuple[Stack, Segmentation] | None:
    """Images and labels of one phase, of the slices drawn on; None if there are none.

    Raises
    ------
    InputError
        If pixels cannot be read, or an outline is no polygon.
    """
    chosen = [z for z, header in enumerate(stack.frames[t]) if drawn.get(header)]
    if not chosen:
        return None
    frames = [stack.frames[t][z] for z in chosen]
    geometry = stack.geometry.take(chosen)
    images = Stack(
        DicomFrames((tuple(h.pixels for h in frames if h.pixels),)).read(None, None),
        geometry,
        subject=subject,
        view=view,
        sequence=MrSequence.CINE,
        findings=_uneven(geometry.positions),
    )
    labels = np.stack([painted(drawn[h], images.shape[2:]) for h in frames])[None]
    return images, Segmentation.on(images, labels)


def _uneven(positions: FloatArray) -> tuple[Finding, ...]:
    gaps = np.abs(np.diff(positions))
    if len(gaps) < 2 or np.ptp(gaps) <= _EVEN * float(np.median(gaps)):
        return ()
    message = f"The drawn slices lie {gaps.min():.1f} to {gaps.max():.1f} mm apart."
    return (Finding("uneven-gaps", message, "The file written gives all the mean gap."),)


def phase_names(cavities_px: Mapping[int, float]) -> dict[int, str]:
    """ED and ES of the labelled phases: the largest and the smallest mean LV area a slice.

    A phase between them is not named, nor is a phase alone.
    """
    with_cavity = {t: area for t, area in cavities_px.items() if area > 0}
    names = dict.fromkeys(cavities_px, "")
    if len(with_cavity) > 1:
        names[max(with_cavity, key=with_cavity.__getitem__)] = "ED"
        names[min(with_cavity, key=with_cavity.__getitem__)] = "ES"
    return names


def cavity_px(segmentation: Segmentation) -> float:
    """Mean LV area in pixels over the slices that show a cavity."""
    areas = np.sum(segmentation.labels == Structure.LV, axis=(0, 2, 3))
    return float(areas[areas > 0].mean()) if areas.any() else 0.0
