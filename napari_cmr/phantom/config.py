"""What a phantom is made of: one heart, one chest, one protocol."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=4096)]


class PhantomConfig(BaseModel):
    """A beating heart and how it is imaged; every number has its unit in its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0, description="Seed of the noise.")

    lv_edv_ml: Positive = 140.0
    lv_ef_percent: Annotated[float, Field(ge=0, lt=95)] = 60.0
    lv_mass_g: Positive = 110.0
    lv_length_mm: Positive = Field(
        default=88.0, description="Cavity from base to apex at end diastole."
    )
    apex_wall_mm: Positive = 8.0
    shortening_mm: Annotated[float, Field(ge=0)] = Field(
        default=14.0, description="How far the base moves towards the apex in systole."
    )
    twist_deg: Finite = Field(default=14.0, description="Rotation of the apex against the base.")
    ellipticity: Annotated[float, Field(ge=0.8, le=1.25)] = Field(
        default=1.05, description="Stretch of the cross-section along its longer axis."
    )
    rv_edv_ml: Positive = 150.0
    rv_ef_percent: Annotated[float, Field(ge=0, lt=95)] = 55.0
    systole_fraction: Annotated[float, Field(gt=0.1, lt=0.9)] = Field(
        default=0.35, description="End systole as a fraction of the cycle."
    )
    papillary_muscles: bool = True
    label_atria: bool = Field(default=False, description="Label the left atrium, not only draw it.")

    n_phases: Count = 20
    n_slices: Count = 12
    rows: Count = 192
    columns: Count = 192
    pixel_mm: tuple[Positive, Positive] = Field(
        default=(1.4, 1.4), description="Row and column step."
    )
    slice_step_mm: Positive = 8.0
    slice_thickness_mm: Positive = 8.0
    slice_positions_mm: tuple[Finite, ...] | None = Field(
        default=None,
        description="Distances from the base at end diastole; otherwise evenly centred.",
    )
    slices_from: Literal["base", "apex"] = "base"
    rr_ms: Positive = 900.0
    rr_spread_ms: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="How far the cycle's length differs from the first slice to the last.",
    )
    trigger_delay_ms: Annotated[float, Field(ge=0)] = 0.0

    long_axis_lps: tuple[Finite, Finite, Finite] = Field(
        default=(0.62, -0.52, -0.58), description="Direction from base to apex in the patient."
    )
    heart_offset_mm: tuple[Finite, Finite] = Field(
        default=(0.0, 0.0),
        description="Row and column distance of the heart from the picture's centre.",
    )
    rotation_deg: Finite = Field(default=0.0, description="Turn of the pictures in their plane.")
    tilt_deg: Annotated[float, Field(ge=-45, le=45)] = Field(
        default=0.0, description="Angle between the short-axis normal and the true long axis."
    )
    long_axes: bool = Field(default=False, description="Also image 2CH, 3CH and 4CH planes.")

    signal_to_noise: Positive = Field(default=30.0, description="Blood signal over noise sigma.")
    coil_bias: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.5,
        description="Signal lost from the chest wall's coil to the far side of the heart.",
    )

    @classmethod
    def random(cls, seed: int, **given: object) -> PhantomConfig:
        """A plausible heart, patient and protocol; ``given`` fields are kept as they are."""
        rng = np.random.default_rng(seed)
        edv = float(rng.uniform(90, 230))
        step = float(rng.choice([6.0, 8.0, 8.0, 10.0]))
        length = float(72 * (edv / 100) ** (1 / 3) + rng.uniform(-4, 8))
        apex_wall = float(rng.uniform(6, 10))
        drawn: dict[str, object] = {
            "seed": seed,
            "lv_edv_ml": edv,
            "lv_ef_percent": float(rng.uniform(20, 70)),
            "lv_mass_g": float(edv * rng.uniform(0.65, 1.0)),
            "lv_length_mm": length,
            "apex_wall_mm": apex_wall,
            "shortening_mm": float(rng.uniform(6, 17)),
            "twist_deg": float(rng.uniform(4, 20)),
            "ellipticity": float(rng.uniform(0.95, 1.08)),
            "rv_edv_ml": float(edv * rng.uniform(0.85, 1.2)),
            "rv_ef_percent": float(rng.uniform(30, 65)),
            "slice_step_mm": step,
            "slice_thickness_mm": min(step, 8.0),
            "n_slices": int(np.ceil((length + apex_wall) / step)) + int(rng.integers(0, 3)),
            "pixel_mm": (float(pixel := rng.uniform(1.1, 1.8)), float(pixel)),
            "slices_from": str(rng.choice(["base", "apex"])),
            "rr_ms": float(rng.uniform(650, 1150)),
            "heart_offset_mm": tuple(float(v) for v in rng.uniform(-25, 25, 2)),
            "rotation_deg": float(rng.uniform(-25, 25)),
            "tilt_deg": float(rng.uniform(-8, 8)),
            "signal_to_noise": float(rng.uniform(12, 40)),
            "coil_bias": float(rng.uniform(0.2, 0.7)),
        }
        return cls.model_validate(drawn | given)
