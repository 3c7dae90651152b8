"""Slices that a stack lacks: which ones, and what that means for its volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_cmr.core import Finding, FloatArray
from napari_cmr.io.grouping import centre_of
from napari_cmr.io.header import Header

_SAME_DIRECTION = 1e-2
_OFF_AXIS_MM = 50.0


def whereabouts(lost: Sequence[float], kept: Sequence[float]) -> str:
    """Where lost positions lie along a stack that kept others, mm from base to apex."""
    places = []
    if min(lost) < min(kept):
        places.append("before the first slice")
    if any(min(kept) < place < max(kept) for place in lost):
        places.append("between slices")
    if max(lost) > max(kept):
        places.append("after the last slice")
    return " and ".join(places)


def consequence(lost: Sequence[float], kept: Sequence[float]) -> str:
    """What volumes make of it: they bridge a gap, and end where the slices end."""
    if min(lost) < min(kept) or max(lost) > max(kept):
        return "volumes and mass lack what they show"
    return "volumes and mass bridge the gap"


def lost_images_finding(
    lost: Sequence[Header],
    images: Sequence[Header],
    normal: FloatArray,
    elsewhere: Sequence[Header] = (),
) -> Finding | None:
    """That images whose pixels could not be read leave a stack without slices; None if not.

    Parameters
    ----------
    lost
        Headers of unreadable images of any stack.
    images
        One readable image of each slice, from base to apex.
    normal
        ``(3,)`` from base to apex.
    elsewhere
        Readable images of other stacks; a slice that is one of them is not lost.
    """
    kept = [float(centre_of(h) @ normal) for h in images]
    apart = [float(centre_of(h) @ normal) for h in elsewhere if _belongs(h, images[0], normal)]
    if len(kept) < 2:
        return None
    step = float(np.median(np.diff(kept)))
    own = [h for h in lost if _belongs(h, images[0], normal)]
    gone: list[float] = []
    n_images = 0
    for place in sorted(float(centre_of(h) @ normal) for h in own):
        if min(abs(place - k) for k in kept + apart) < 0.3 * step:
            continue  # the slice is there: another run of it, or it lacks a phase and is told so
        n_images += 1
        if not gone or place - gone[-1] > 0.3 * step:
            gone.append(place)
    if not gone:
        return None
    return Finding(
        "lost-slice",
        f"{len(gone)} slice(s) {whereabouts(gone, kept)} are missing: none of their {n_images} "
        "image(s) here can be read.",
        f"They are left out, and {consequence(gone, kept)}; fetch the study again.",
    )


def _belongs(lost: Header, kept: Header, normal: FloatArray) -> bool:
    """Whether a lost image is of the same kind and direction, and lies over the others."""
    if lost.position is None or lost.orientation is None or kept.orientation is None:
        return False
    own = (lost.study, lost.rows, lost.columns, lost.component, lost.kind, lost.pixel_spacing)
    other = (kept.study, kept.rows, kept.columns, kept.component, kept.kind, kept.pixel_spacing)
    turned = float(np.max(np.abs(np.subtract(lost.orientation, kept.orientation))))
    if own != other or turned > _SAME_DIRECTION:
        return False
    apart = centre_of(lost) - centre_of(kept)
    return float(np.linalg.norm(apart - normal * (apart @ normal))) < _OFF_AXIS_MM
