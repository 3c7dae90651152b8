"""An ultrasound-like beating heart: sector, speckle, dropout, and the truth in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cmr.core import FloatArray, LabelArray, Structure
from napari_cmr.phantom.apical import ApicalShape, UltrasoundConfig, Window

N_BEAMS = 144
N_SAMPLES = 256
Picture = npt.NDArray[np.uint8]


class Tissue(IntEnum):
    """What an ultrasound beam meets."""

    OUTSIDE = 0
    LV_BLOOD = 1
    WALL = 2
    LA_BLOOD = 3
    RIGHT_BLOOD = 4
    VALVE = 5


_LABEL = np.zeros(len(Tissue), np.uint8)
_LABEL[Tissue.LV_BLOOD] = Structure.LV
_LABEL[Tissue.WALL] = Structure.MYO
_LABEL[Tissue.LA_BLOOD] = Structure.LA


@dataclass(frozen=True, eq=False)
class UltrasoundStudy:
    """One loop and its truth.

    Parameters
    ----------
    frames, labels
        ``(t, y, x)`` uint8; labels in map ``cmr``, each pixel what lies at its centre.
    area_mm2, volume_ml
        ``(t,)`` of the LV cavity, in closed form.
    """

    config: UltrasoundConfig
    frames: Picture
    labels: LabelArray
    area_mm2: FloatArray
    volume_ml: FloatArray

    @property
    def ed(self) -> int:
        """The frame with the largest cavity."""
        return int(self.volume_ml.argmax())

    @property
    def es(self) -> int:
        """The frame with the smallest cavity."""
        return int(self.volume_ml.argmin())

    @property
    def ef_percent(self) -> float:
        """Of the closed-form volumes."""
        return float(100 * (1 - self.volume_ml.min() / self.volume_ml.max()))


def image_heart(config: UltrasoundConfig) -> UltrasoundStudy:
    """Image the beating heart.

    Scatterers of random phase, as strong as their tissue, are blurred along and across the beam;
    the envelope of the sum has a Rayleigh distribution (Wagner et al., IEEE Trans Sonics
    Ultrason 1983;30:156). Beams then lose strength, the logarithm is shown, and the beams are
    laid out as a sector.
    """
    shapes = [ApicalShape.at(config, t) for t in range(config.n_frames)]
    window = Window.of(config)
    x, y = _pixel_centres(config)
    labels = np.stack([_LABEL[tissue(config, shape, *window.to_heart(x, y))] for shape in shapes])
    labels[:, ~_inside(config, x, y)] = Structure.BACKGROUND
    return UltrasoundStudy(
        config,
        np.stack([_scan_converted(config, beams, x, y) for beams in _beams(config, shapes)]),
        labels,
        np.array([shape.area_mm2 for shape in shapes]),
        np.array([shape.volume_ml for shape in shapes]),
    )


def tissue(
    config: UltrasoundConfig, shape: ApicalShape, s: FloatArray, r: FloatArray
) -> npt.NDArray[np.uint8]:
    """What lies at points of the LV's plane; see :class:`ApicalShape`."""
    found = np.full(s.shape, Tissue.OUTSIDE, np.uint8)
    r = r - shape.middle(s)
    below = s - shape.length
    if config.view == "4CH":
        found[_right_heart(shape, s, r, below)] = Tissue.RIGHT_BLOOD
    ventricle = below <= 0
    found[ventricle & (np.abs(r) < shape.half_width(s, shape.wall))] = Tissue.WALL
    found[ventricle & (np.abs(r) < shape.half_width(s)) & (s > 0)] = Tissue.LV_BLOOD
    annulus = float(shape.half_width(np.array(shape.length)))
    long, wide = 19 + 5 * shape.systole, max(annulus, 12.0) * (0.95 + 0.2 * shape.systole)
    atrium = ((below - long) / long) ** 2 + (r / wide) ** 2
    found[(below > 0) & (atrium < ((long + 3) / long) ** 2)] = Tissue.WALL
    found[(below > 0) & (atrium < 1)] = Tissue.LA_BLOOD
    found[_leaflets(shape, below, r, annulus)] = Tissue.VALVE
    # The wall beside the atrium is thin and no part of the myocardium's label.
    beside = (found == Tissue.WALL) & (below > 0)
    found[beside] = Tissue.OUTSIDE
    return found


def _right_heart(
    shape: ApicalShape, s: FloatArray, r: FloatArray, below: FloatArray
) -> npt.NDArray[np.bool_]:
    middle = -(shape.radius + shape.wall + 13)
    ventricle = ((s - 0.7 * shape.length) / (0.45 * shape.length)) ** 2
    ventricle += ((r - middle) / (17 - 4 * shape.systole)) ** 2
    atrium = ((below - 20) / 19) ** 2 + ((r - middle + 2) / 18) ** 2
    return np.asarray(((ventricle < 1) & (below < 0)) | ((atrium < 1) & (below > 2)))


def _leaflets(
    shape: ApicalShape, below: FloatArray, r: FloatArray, annulus: float
) -> npt.NDArray[np.bool_]:
    """Closed across the annulus in systole, swung to the walls' sides in diastole.

    They are drawn on the atrium's side, so that the cavity's closed form stays true.
    """
    opening = 1 - min(1.0, 2.5 * shape.systole)
    reach = annulus * (1 - 0.75 * opening)
    near_wall = annulus - np.abs(r)
    on_leaflet = (near_wall >= 0) & (near_wall <= reach)
    return np.asarray(on_leaflet & (np.abs(below - 1.2) < 1.2))


def _beams(config: UltrasoundConfig, shapes: list[ApicalShape]) -> Iterator[FloatArray]:
    """``(beam, sample)`` envelopes of each frame."""
    rng = np.random.default_rng(config.seed)
    angles, depths = _beam_grid(config)
    x, y = np.sin(angles) * depths, np.cos(angles) * depths
    window = Window.of(config)
    echo = _echo_of_tissue(config, rng)
    clutter = config.haze * np.exp(-((depths / (0.16 * config.depth_mm)) ** 2))
    loss = _loss(config, rng, depths)
    # Soft tissue around the heart is not even.
    patches = np.exp(0.7 * _smooth(rng, (N_BEAMS, N_SAMPLES), (14, 20)))
    scatterers = _scatterers(rng)
    for shape in shapes:
        s, r = window.to_heart(x, y)
        kinds = tissue(config, shape, s, r)
        strength = echo[kinds] * np.where(kinds == Tissue.OUTSIDE, patches, 1.0)
        strength = strength + _specular(kinds, config) + clutter
        envelope = _envelope(config, strength, scatterers) * loss
        noise = np.abs(_scatterers(rng)) * config.noise
        yield np.hypot(envelope, noise)
        stays = config.speckle_stays
        scatterers = stays * scatterers + math.sqrt(1 - stays**2) * _scatterers(rng)


def _echo_of_tissue(config: UltrasoundConfig, rng: np.random.Generator) -> FloatArray:
    echo = np.empty(len(Tissue))
    echo[Tissue.OUTSIDE] = rng.uniform(0.25, 1.2)
    echo[[Tissue.LV_BLOOD, Tissue.LA_BLOOD, Tissue.RIGHT_BLOOD]] = config.blood
    echo[Tissue.WALL] = rng.uniform(0.4, 1.3)
    echo[Tissue.VALVE] = rng.uniform(1.0, 3.0)
    return echo


def _specular(kinds: npt.NDArray[np.uint8], config: UltrasoundConfig) -> FloatArray:
    """Borders that lie across the beam shine; those along it do not."""
    blood = np.isin(kinds, (Tissue.LV_BLOOD, Tissue.LA_BLOOD, Tissue.RIGHT_BLOOD))
    step_mm = config.depth_mm / N_SAMPLES
    edge = ndimage.gaussian_filter1d(blood.astype(np.float64), 1.2 / step_mm, axis=1, order=1)
    return np.asarray(3.0 * np.abs(edge))


def _loss(config: UltrasoundConfig, rng: np.random.Generator, depths: FloatArray) -> FloatArray:
    """What is left of each beam: shadows of ribs and lung, and an uneven gain over depth."""
    left = np.exp(0.25 * _smooth(rng, (1, N_SAMPLES), (0, 24))) * np.ones((N_BEAMS, 1))
    for _ in range(int(rng.integers(1, 5))):
        middle, wide = rng.uniform(0, N_BEAMS), rng.uniform(3, 22)
        begins = rng.uniform(-0.2, 0.7) * config.depth_mm
        across = np.exp(-(((np.arange(N_BEAMS) - middle) / wide) ** 2))[:, None]
        behind = 1 / (1 + np.exp(-(depths - begins) / 6))
        left *= 1 - config.dropout * rng.uniform(0.5, 1) * across * behind
    return np.asarray(left)


def _envelope(
    config: UltrasoundConfig, strength: FloatArray, scatterers: npt.NDArray[np.complex128]
) -> FloatArray:
    wide = config.speckle_beam_deg / (config.sector_deg / N_BEAMS)
    long = config.speckle_depth_mm / (config.depth_mm / N_SAMPLES)
    field = strength * scatterers
    blurred = [ndimage.gaussian_filter(part, (wide, long)) for part in (field.real, field.imag)]
    # Blurring white noise lowers its spread; this brings it back to what the tissue gave.
    scale = math.sqrt(4 * math.pi * max(wide, 0.3) * max(long, 0.3))
    return np.asarray(np.hypot(*blurred) * scale)


def _scan_converted(
    config: UltrasoundConfig, beams: FloatArray, x: FloatArray, y: FloatArray
) -> Picture:
    """Beams to grey values on the picture's pixels, black outside the sector."""
    decibel = 20 * np.log10(np.maximum(beams, 1e-6)) + config.gain_db
    grey = np.clip(1 + (decibel - 6) / config.range_db, 0, 1)
    half = math.radians(config.sector_deg) / 2
    beam = (np.arctan2(x, y) / half + 1) / 2 * (N_BEAMS - 1)
    sample = np.hypot(x, y) / config.depth_mm * (N_SAMPLES - 1)
    picture = ndimage.map_coordinates(grey, np.stack([beam, sample]), order=1, mode="nearest")
    picture[~_inside(config, x, y)] = 0
    return np.asarray((picture * 255).round(), np.uint8)


def _inside(config: UltrasoundConfig, x: FloatArray, y: FloatArray) -> npt.NDArray[np.bool_]:
    half = math.radians(config.sector_deg) / 2
    return np.asarray((np.abs(np.arctan2(x, y)) <= half) & (np.hypot(x, y) <= config.depth_mm))


def _beam_grid(config: UltrasoundConfig) -> tuple[FloatArray, FloatArray]:
    half = math.radians(config.sector_deg) / 2
    angles = np.linspace(-half, half, N_BEAMS)[:, None]
    return angles, np.linspace(0, config.depth_mm, N_SAMPLES)[None, :]


def _pixel_centres(config: UltrasoundConfig) -> tuple[FloatArray, FloatArray]:
    """Right of and below the probe's tip in mm, each ``(y, x)``."""
    rows, columns = np.mgrid[: config.rows, : config.columns] + 0.5
    return (columns - config.columns / 2) * config.pixel_mm, rows * config.pixel_mm


def _scatterers(rng: np.random.Generator) -> npt.NDArray[np.complex128]:
    real, imaginary = rng.standard_normal((2, N_BEAMS, N_SAMPLES))
    return np.asarray((real + 1j * imaginary) / math.sqrt(2))


def _smooth(
    rng: np.random.Generator, shape: tuple[int, int], sigma: tuple[float, float]
) -> FloatArray:
    """Gaussian noise of unit spread, smooth over so many beams and samples."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma)
    return np.asarray(field / field.std())
