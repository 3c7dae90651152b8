"""The left ventricle in an apical plane over a beat: a truncated ellipse with closed forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from napari_cmr.core import FloatArray
from napari_cmr.io.echonet import Tracing

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Contraction = Annotated[float, Field(ge=0, le=0.7)]
N_DISCS = 20
FIRST_DISC = 0.02  # where EchoNet's readers begin, as a share of the axis; they end at its end


class UltrasoundConfig(BaseModel):
    """A heart, a window on it, and a machine; every number has its unit in its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0, description="Seed of speckle and dropout.")
    view: Literal["4CH", "2CH"] = "4CH"

    lv_length_mm: Positive = Field(default=84.0, description="Apex to annulus at end diastole.")
    lv_radius_mm: Positive = Field(default=23.0, description="Widest half-width at end diastole.")
    base_cut: Annotated[float, Field(ge=0, lt=0.95)] = Field(
        default=0.5, description="How far the annulus lies beyond the widest place, relative to a."
    )
    shortening: Contraction = Field(default=0.14, description="Of the length in systole.")
    narrowing: Contraction = Field(default=0.26, description="Of the radius in systole.")
    thickening: Share = Field(default=0.35, description="Of the wall in systole.")
    wall_mm: Positive = 9.0
    bend_mm: Finite = Field(default=4.0, description="How far the base is bent sideways.")
    tilt_deg: Annotated[float, Field(ge=-45, le=45)] = Field(
        default=-12.0, description="Of the long axis against the middle beam; base to the right < 0"
    )
    apex_mm: tuple[Finite, Positive] = Field(
        default=(6.0, 26.0), description="The apex, right of and below the probe's tip."
    )
    systole_fraction: Annotated[float, Field(gt=0.1, lt=0.9)] = 0.36

    n_frames: Annotated[int, Field(ge=2, le=2048)] = 32
    frames_a_beat: Annotated[int, Field(ge=2)] = 32
    frames_a_second: Annotated[int, Field(ge=1)] = 50
    rows: Annotated[int, Field(ge=16, le=2048)] = 112
    columns: Annotated[int, Field(ge=16, le=2048)] = 112
    depth_mm: Positive = 150.0
    sector_deg: Annotated[float, Field(gt=10, le=120)] = 88.0

    speckle_depth_mm: Positive = Field(default=1.0, description="Length along the beam.")
    speckle_beam_deg: Positive = Field(default=1.4, description="Width across the beams.")
    speckle_stays: Share = Field(default=0.8, description="Correlation of one frame with the next.")
    dropout: Share = Field(default=0.5, description="How much some beams lose beyond some depth.")
    haze: Share = Field(default=0.4, description="Clutter near the probe.")
    blood: Positive = Field(default=0.04, description="Echo of blood, relative to myocardium.")
    noise: Annotated[float, Field(ge=0)] = 0.02
    range_db: Positive = Field(default=48.0, description="Dynamic range shown.")
    gain_db: Finite = -12.0

    @property
    def pixel_mm(self) -> float:
        """Step of rows and columns; the sector is as deep as the picture is high."""
        return self.depth_mm / self.rows

    @classmethod
    def random(cls, seed: int, **given: object) -> UltrasoundConfig:
        """A plausible heart, window and machine; ``given`` fields are kept as they are."""
        rng = np.random.default_rng(seed)
        length = float(rng.uniform(66, 100))
        drawn: dict[str, object] = {
            "seed": seed,
            "lv_length_mm": length,
            "lv_radius_mm": float(length * rng.uniform(0.2, 0.36)),
            "base_cut": float(rng.uniform(0.15, 0.75)),
            "shortening": float(rng.uniform(0.04, 0.22)),
            "narrowing": float(rng.uniform(0.06, 0.4)),
            "thickening": float(rng.uniform(0.1, 0.6)),
            "wall_mm": float(rng.uniform(7, 14)),
            "bend_mm": float(rng.uniform(-6, 10)),
            "tilt_deg": float(rng.uniform(-22, 8)),
            "apex_mm": (float(rng.uniform(-14, 8)), float(rng.uniform(14, 36))),
            "depth_mm": float(rng.uniform(130, 180)),
            "sector_deg": float(rng.uniform(70, 100)),
            "speckle_depth_mm": float(rng.uniform(0.6, 1.8)),
            "speckle_beam_deg": float(rng.uniform(0.8, 2.5)),
            "dropout": float(rng.uniform(0.1, 0.95)),
            "haze": float(rng.uniform(0.0, 0.9)),
            "blood": float(np.exp(rng.uniform(np.log(0.01), np.log(0.15)))),
            "noise": float(rng.uniform(0.003, 0.05)),
            "range_db": float(shown := rng.uniform(34, 58)),
            "gain_db": float(-shown * rng.uniform(0.08, 0.42)),
        }
        return cls.model_validate(drawn | given)


@dataclass(frozen=True)
class ApicalShape:
    """The heart in one frame; lengths in mm.

    In the LV's own plane ``s`` runs along the axis from the apex (0) to the annulus
    (``length``), ``r`` across it to the right. The cavity is an ellipse with the half-axes
    ``half_length`` and ``radius``, cut off at the annulus and then sheared along ``r``, which
    changes neither area nor disc volume.
    """

    half_length: float
    radius: float
    base_cut: float
    wall: float
    bend: float
    systole: float

    @classmethod
    def at(cls, config: UltrasoundConfig, frame: int) -> ApicalShape:
        """The shape in a frame; frame 0 is end diastole."""
        systole = contraction(config, frame)
        length = config.lv_length_mm * (1 - config.shortening * systole)
        return cls(
            half_length=length / (1 + config.base_cut),
            radius=config.lv_radius_mm * (1 - config.narrowing * systole),
            base_cut=config.base_cut,
            wall=config.wall_mm * (1 + config.thickening * systole),
            bend=config.bend_mm,
            systole=systole,
        )

    @property
    def length(self) -> float:
        """Apex to annulus."""
        return self.half_length * (1 + self.base_cut)

    @property
    def area_mm2(self) -> float:
        """Of the cavity: a b (pi / 2 + asin k + k sqrt(1 - k^2)), k being the cut."""
        k = self.base_cut
        return (
            self.half_length * self.radius * (math.pi / 2 + math.asin(k) + k * math.sqrt(1 - k * k))
        )

    @property
    def volume_ml(self) -> float:
        """Of round discs of the cavity's width: pi a b^2 (2 / 3 + k - k^3 / 3)."""
        k = self.base_cut
        return math.pi * self.half_length * self.radius**2 * (2 / 3 + k - k**3 / 3) / 1000

    def half_width(self, s: FloatArray, outer: float = 0.0) -> FloatArray:
        """Of the cavity, or of what lies ``outer`` mm round it; 0 beyond its ends."""
        u = (s - self.half_length) / (self.half_length + outer)
        return np.asarray((self.radius + outer) * np.sqrt(np.clip(1 - u * u, 0, None)))

    def middle(self, s: FloatArray) -> FloatArray:
        """How far the cavity's middle is bent off the axis."""
        return np.asarray(self.bend * (s / self.length) ** 2)


@dataclass(frozen=True)
class Window:
    """Where the LV lies in the picture."""

    apex: tuple[float, float]
    tilt: float
    pixel_mm: float
    columns: int

    @classmethod
    def of(cls, config: UltrasoundConfig) -> Window:
        """The window of a configuration."""
        tilt = math.radians(config.tilt_deg)
        return cls(config.apex_mm, tilt, config.pixel_mm, config.columns)

    def to_heart(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """From mm right of and below the probe's tip to (s, r)."""
        sin, cos = math.sin(self.tilt), math.cos(self.tilt)
        dx, dy = x - self.apex[0], y - self.apex[1]
        return np.asarray(dy * cos - dx * sin), np.asarray(dx * cos + dy * sin)

    def to_pixels(self, s: FloatArray, r: FloatArray) -> FloatArray:
        """(s, r) to (column, row) of pixel centres, ``(..., 2)``."""
        sin, cos = math.sin(self.tilt), math.cos(self.tilt)
        x = self.apex[0] + r * cos - s * sin
        y = self.apex[1] + r * sin + s * cos
        return np.stack([x / self.pixel_mm + self.columns / 2, y / self.pixel_mm], axis=-1) - 0.5


def contraction(config: UltrasoundConfig, frame: int) -> float:
    """0 at end diastole, 1 at end systole, smooth between."""
    phase = frame % config.frames_a_beat / config.frames_a_beat
    end = config.systole_fraction
    along = phase / end if phase <= end else (1 - phase) / (1 - end)
    return 0.5 - 0.5 * math.cos(math.pi * along)


def trace(config: UltrasoundConfig, frame: int) -> Tracing:
    """The cavity's border as an expert of EchoNet-Dynamic would trace it, without error."""
    shape, window = ApicalShape.at(config, frame), Window.of(config)
    s = np.linspace(FIRST_DISC, 1, N_DISCS) * shape.length
    middle, half = shape.middle(s), shape.half_width(s)
    ends = np.stack([window.to_pixels(s, middle - half), window.to_pixels(s, middle + half)], 1)
    along = np.array([0.0, shape.length])
    return Tracing(frame, window.to_pixels(along, np.zeros(2)), ends)
