"""Where the slices of a stack lie, and what is irregular about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_cmr.core import Finding, FloatArray, Geometry
from napari_cmr.io.grouping import centre_of, normal_of
from napari_cmr.io.header import Header


def geometry_of(
    images: Sequence[Header], normal: FloatArray | None
) -> tuple[Geometry, list[Finding]]:
    """Geometry of one image a slice, from base to apex, and what it lacks or is uneven in."""
    first = images[0]
    spacing = first.pixel_spacing
    findings = []
    if spacing is None:
        findings.append(
            Finding(
                "spacing-unknown",
                "The images do not say, or not credibly, how many millimetres a pixel is.",
                "EF and ratios are reported, volumes and mass are not; give the spacing.",
            )
        )
    if normal is None:
        findings.append(
            Finding(
                "orientation-missing",
                "The images do not say, or not credibly, how they lie in the patient.",
                "Slices are in the order of their locations."
                if first.slice_location is not None
                else "They are taken as one slice.",
            )
        )
        origins = np.zeros((len(images), 3))
        origins[:, 2] = [h.slice_location or 0.0 for h in images]
        axes = np.tile([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], (len(images), 1, 1))
    else:
        origins = np.array([h.position for h in images], np.float64)
        axes = np.array([[h.orientation[3:], h.orientation[:3]] for h in images if h.orientation])
        axes /= np.linalg.norm(axes, axis=2, keepdims=True)
    geometry = Geometry(
        origins,
        axes,
        spacing or (1.0, 1.0),
        first.thickness_mm,
        spacing_known=spacing is not None,
        oriented=normal is not None,
        grid=(first.rows, first.columns),
    )
    return geometry, findings + _uneven(images, normal)


def _uneven(images: Sequence[Header], normal: FloatArray | None) -> list[Finding]:
    """Findings for gaps that differ and for slices that are turned."""
    if normal is None or len(images) < 2:
        return []
    findings = uneven_gaps(np.array([float(centre_of(h) @ normal) for h in images]))
    turned = sum(abs(float(normal_of(h) @ normal)) < np.cos(np.radians(1)) for h in images)
    if turned:
        findings.append(
            Finding(
                "rotated-slice",
                f"{turned} slice(s) are turned against the others.",
                "They stay in the stack at their true positions.",
            )
        )
    return findings


def uneven_gaps(positions: FloatArray) -> list[Finding]:
    """That slices do not lie at one step; none where they do.

    Parameters
    ----------
    positions
        ``(z,)`` mm along the normal, in order.
    """
    gaps = np.abs(np.diff(positions))
    if len(gaps) < 2 or np.max(np.abs(gaps - np.median(gaps))) <= 0.1 * np.median(gaps):
        return []
    return [
        Finding(
            "uneven-gaps",
            f"The slices lie {gaps.min():.1f} to {gaps.max():.1f} mm apart.",
            "Volumes use the true positions; a NIfTI of them can only say their mean step.",
        )
    ]
