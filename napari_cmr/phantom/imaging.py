"""Pictures and labels of the heart in given planes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cmr.core import FloatArray, Geometry, LabelArray, Structure
from napari_cmr.phantom import torso
from napari_cmr.phantom.config import PhantomConfig
from napari_cmr.phantom.heart import HeartShape, Tissue
from napari_cmr.phantom.planes import HeartFrame

_SUBSLICES = np.array([-1 / 3, 0.0, 1 / 3])  # of the thickness; the middle one is labelled
_POINT_SPREAD_PIXELS = 0.5

_SIGNAL = np.zeros(len(Tissue), np.float32)
_SIGNAL[[Tissue.LV_BLOOD, Tissue.RV_BLOOD, Tissue.LA_BLOOD]] = torso.BLOOD
_SIGNAL[[Tissue.MYOCARDIUM, Tissue.PAPILLARY, Tissue.RV_WALL]] = torso.MYOCARDIUM
_SIGNAL[Tissue.FAT] = torso.FAT

_LABEL = np.zeros(len(Tissue), np.uint8)
_LABEL[[Tissue.LV_BLOOD, Tissue.PAPILLARY]] = Structure.LV
_LABEL[Tissue.MYOCARDIUM] = Structure.MYO
_LABEL[Tissue.RV_BLOOD] = Structure.RV


@dataclass(frozen=True)
class Images:
    """``(t, z, y, x)`` noisy magnitude pixels and the labels of their planes."""

    pixels: npt.NDArray[np.uint16]
    labels: LabelArray


def image(config: PhantomConfig, geometry: Geometry, seed: int) -> Images:
    """Image the beating heart.

    Signal is the mean over three planes within the slice's thickness, blurred by half a pixel,
    weighted by the coil, with Rician noise. A pixel's label is the structure at its centre in
    the slice's middle plane.

    Parameters
    ----------
    geometry
        The slices to image, ``config.rows`` by ``config.columns`` pixels each.
    seed
        Of the noise.
    """
    shapes = [HeartShape.at(config, t) for t in range(config.n_phases)]
    frame = HeartFrame.of(config)
    shape = (config.n_phases, geometry.n_slices, config.rows, config.columns)
    signal = np.empty(shape, np.float32)
    labels = np.zeros(shape, np.uint8)
    table = _LABEL.copy()
    if config.label_atria:
        table[Tissue.LA_BLOOD] = Structure.LA
    for z in range(geometry.n_slices):
        points = _slice_points(config, geometry, z)
        background = torso.chest_signal(*_split(points)).mean(axis=0)
        heart = frame.from_lps(points)
        box = _box_of_the_heart(config, heart)
        u, v, w = _split(heart[(slice(None), *box)])
        signal[:, z] = background
        for t, heart_shape in enumerate(shapes):
            tissue = heart_shape.tissue(u, v, w)
            labels[(t, z, *box)] = table[tissue[1]]
            drawn = np.where(tissue == Tissue.OUTSIDE, background[box], _SIGNAL[tissue])
            signal[(t, z, *box)] = drawn.mean(axis=0)
        x, y, _ = _split(points[1])
        signal[:, z] *= torso.coil_sensitivity(x, y, config.coil_bias)
    ndimage.gaussian_filter(
        signal, (0, 0, _POINT_SPREAD_PIXELS, _POINT_SPREAD_PIXELS), output=signal
    )
    return Images(_with_rician_noise(signal, config.signal_to_noise, seed), labels)


def _slice_points(config: PhantomConfig, geometry: Geometry, z: int) -> FloatArray:
    """``(3, y, x, 3)`` LPS points of the planes within one slice's thickness."""
    row, column = geometry.axes[z]
    down, right = geometry.pixel_spacing
    plane = (
        geometry.origins[z]
        + (np.arange(config.rows) * down)[:, None, None] * row
        + (np.arange(config.columns) * right)[None, :, None] * column
    )
    depths = _SUBSLICES * config.slice_thickness_mm
    normal = np.cross(column, row)
    return np.asarray(plane[None] + depths[:, None, None, None] * normal)


def _box_of_the_heart(config: PhantomConfig, heart: FloatArray) -> tuple[slice, slice]:
    """Rows and columns that may hold the heart in any phase."""
    near = (np.abs(heart[..., 0]) < 110) & (np.abs(heart[..., 1]) < 110)
    near &= (heart[..., 2] > -60) & (heart[..., 2] < config.lv_length_mm + 40)
    found = ndimage.find_objects(near.any(axis=0).astype(np.uint8))
    return (found[0][0], found[0][1]) if found else (slice(0, 0), slice(0, 0))


def _split(
    points: FloatArray,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    x, y, z = np.moveaxis(points.astype(np.float32), -1, 0)
    return x, y, z


def _with_rician_noise(
    signal: npt.NDArray[np.float32], signal_to_noise: float, seed: int
) -> npt.NDArray[np.uint16]:
    """Magnitude of the signal with complex Gaussian noise (Gudbjartsson and Patz, 1995)."""
    rng = np.random.default_rng(seed)
    sigma = np.float32(torso.BLOOD / signal_to_noise)
    real = signal + sigma * rng.standard_normal(signal.shape, np.float32)
    imaginary = sigma * rng.standard_normal(signal.shape, np.float32)
    magnitude: npt.NDArray[np.float32] = np.hypot(real, imaginary)
    return magnitude.round().astype(np.uint16)
