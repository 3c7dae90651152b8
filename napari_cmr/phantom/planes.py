"""Where the heart lies in the patient and how the pictures cut it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cmr.core import FloatArray, Geometry, View
from napari_cmr.phantom.config import PhantomConfig

HEART_CENTRE_LPS = np.array([32.0, -18.0, 0.0])
"""Middle of the LV in the chest, whose own middle is the origin."""

_TO_RV_LPS = np.array([-0.87, -0.27, -0.41])  # made perpendicular to the long axis
_LONG_AXES = {View.CH4: 0.0, View.CH3: 120.0, View.CH2: 60.0}  # degrees from the septum


@dataclass(frozen=True)
class HeartFrame:
    """The heart's coordinates in the patient: rows of ``axes`` are u, v, w in LPS."""

    origin: FloatArray
    axes: FloatArray

    @classmethod
    def of(cls, config: PhantomConfig) -> HeartFrame:
        """The frame whose origin is the base at end diastole."""
        w = _unit(np.array(config.long_axis_lps))
        u = _unit(_TO_RV_LPS - (_TO_RV_LPS @ w) * w)
        v = np.cross(w, u)
        if v[2] > 0:  # towards the feet, down the picture
            v = -v
        middle = (config.lv_length_mm + config.apex_wall_mm) / 2
        return cls(HEART_CENTRE_LPS - middle * w, np.stack([u, v, w]))

    def from_lps(self, points: FloatArray) -> FloatArray:
        """Turn ``(..., 3)`` LPS points to (u, v, w)."""
        return np.asarray((points - self.origin) @ self.axes.T)


def sax_geometry(config: PhantomConfig) -> Geometry:
    """The short-axis slices: RV on the left of the picture, the feet below."""
    frame = HeartFrame.of(config)
    u, v, w = frame.axes
    normal = _turn(w, v, config.tilt_deg)
    column = _turn(-u, v, config.tilt_deg)
    row = _turn(v, normal, config.rotation_deg)
    column = _turn(column, normal, config.rotation_deg)
    middle = (config.lv_length_mm + config.apex_wall_mm) / 2
    positions = _positions(config, middle)
    centres = HEART_CENTRE_LPS + (positions - middle)[:, None] * normal
    return _geometry(config, centres, row, column)


def long_axis_geometry(config: PhantomConfig, view: View) -> Geometry:
    """One plane through the long axis, laid out as radiologists expect."""
    u, v, w = HeartFrame.of(config).axes
    angle = np.deg2rad(_LONG_AXES[view])
    across = np.cos(angle) * u + np.sin(angle) * v
    normal = np.cross(across, w)
    column = _within(np.array([1.0, 0.6, 0.0]), normal)
    row = np.cross(normal, column)
    if row @ np.array([0.0, 0.5, -1.0]) < 0:
        row = -row
    return _geometry(config, HEART_CENTRE_LPS[None], row, column)


def _positions(config: PhantomConfig, middle: float) -> FloatArray:
    """Distances from the base, in the order of the slices."""
    if config.slice_positions_mm is not None:
        along = np.array(config.slice_positions_mm, np.float64)
    else:
        reach = (config.n_slices - 1) / 2 * config.slice_step_mm
        along = np.linspace(middle - reach, middle + reach, config.n_slices)
    return along if config.slices_from == "base" else along[::-1]


def _geometry(
    config: PhantomConfig, centres: FloatArray, row: FloatArray, column: FloatArray
) -> Geometry:
    """Slices of which each shows its centre point where the heart is to lie in the picture."""
    step_row, step_column = config.pixel_mm
    down = (config.rows - 1) / 2 * step_row + config.heart_offset_mm[0]
    right = (config.columns - 1) / 2 * step_column + config.heart_offset_mm[1]
    origins = centres - down * row - right * column
    axes = np.tile(np.stack([row, column]), (len(centres), 1, 1))
    return Geometry(origins, axes, config.pixel_mm, config.slice_thickness_mm)


def _within(direction: FloatArray, normal: FloatArray) -> FloatArray:
    return _unit(direction - (direction @ normal) * normal)


def _turn(vector: FloatArray, about: FloatArray, degrees: float) -> FloatArray:
    """Rotate a vector about a unit axis (Rodrigues)."""
    a = np.deg2rad(degrees)
    return np.asarray(
        vector * np.cos(a)
        + np.cross(about, vector) * np.sin(a)
        + about * (about @ vector) * (1 - np.cos(a))
    )


def _unit(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector))
