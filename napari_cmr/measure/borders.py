"""Borders of a region as a closed curve round its middle, finer than a pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy  # its parts come when first used: a dock that opens must not wait for them

from napari_cmr.core import FloatArray

BoolArray = npt.NDArray[np.bool_]

N_RAYS = 180
_HARMONICS = 8
_BLUR_PIXELS = 0.7
_STEP_PIXELS = 0.25


def centre_mm(mask: BoolArray, pixel_spacing: tuple[float, float]) -> FloatArray:
    """``(2,)`` centre of gravity of a ``(y, x)`` mask: row and column millimetres."""
    return np.asarray(np.argwhere(mask).mean(axis=0) * np.array(pixel_spacing), np.float64)


def border_radii(
    mask: BoolArray, centre: FloatArray, pixel_spacing: tuple[float, float]
) -> FloatArray:
    """Distance of a region's outermost border from a point inside it, ray by ray.

    The mask is blurred a little, followed along rays to its half height, and the curve is kept
    to its first harmonics, which takes off the pixels' stairs. Smoothing would shrink it, so it
    is scaled to the area that the pixels have.

    Parameters
    ----------
    mask
        ``(y, x)`` region, not empty.
    centre
        Row and column millimetres.
    pixel_spacing
        Row and column step, millimetres.

    Returns
    -------
    ``(N_RAYS,)`` millimetres at the angles of `ray_angles`.
    """
    soft = scipy.ndimage.gaussian_filter(mask.astype(np.float32), _BLUR_PIXELS, mode="constant")
    step = min(pixel_spacing) * _STEP_PIXELS
    ends = np.argwhere(mask) * np.array(pixel_spacing) - centre
    along = np.arange(0, np.linalg.norm(ends, axis=1).max() + 3 * max(pixel_spacing), step)
    directions = ray_directions()
    points = centre[:, None, None] + directions.T[:, :, None] * along
    values = scipy.ndimage.map_coordinates(
        soft, points / np.array(pixel_spacing)[:, None, None], order=1, mode="constant"
    )
    inside = values >= 0.5
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    last = np.where(inside.any(axis=1), np.minimum(last, len(along) - 2), 0)
    rays = np.arange(N_RAYS)
    high, low = values[rays, last], values[rays, last + 1]
    part = np.where(high > low, (high - 0.5) / np.where(high > low, high - low, 1), 0)
    radii = (last + np.clip(part, 0, 1)) * step
    return _with_area(_low_pass(radii), float(mask.sum()) * pixel_spacing[0] * pixel_spacing[1])


def ray_angles() -> FloatArray:
    """``(N_RAYS,)`` radians, counter-clockwise as seen in the picture, from its right side."""
    return np.asarray(np.arange(N_RAYS) * 2 * np.pi / N_RAYS)


def ray_directions() -> FloatArray:
    """``(N_RAYS, 2)`` unit vectors (row, column) of `ray_angles`."""
    angles = ray_angles()
    return np.stack([-np.sin(angles), np.cos(angles)], axis=1)


def angle_of(offsets: FloatArray) -> FloatArray:
    """Angles as of `ray_angles` of ``(..., 2)`` (row, column) offsets; 0 to 2 pi."""
    return np.asarray(np.mod(np.arctan2(-offsets[..., 0], offsets[..., 1]), 2 * np.pi))


def radius_at(radii: FloatArray, angles: FloatArray) -> FloatArray:
    """A curve's radius at any angles, linear between its rays."""
    turned = angles * N_RAYS / (2 * np.pi)
    return np.asarray(np.interp(turned, np.arange(N_RAYS), radii, period=N_RAYS))


def _low_pass(radii: FloatArray) -> FloatArray:
    spectrum = np.fft.rfft(radii)
    spectrum[_HARMONICS + 1 :] = 0
    return np.maximum(np.fft.irfft(spectrum, N_RAYS), 0)


def _with_area(radii: FloatArray, area: float) -> FloatArray:
    """Scale a curve so that it encloses an area: integral of r^2 / 2 over the angle."""
    found = float((radii**2).sum() / 2 * 2 * np.pi / N_RAYS)
    return radii * np.sqrt(area / found) if found > 0 else radii
