"""Pixels of one view and sequence, always (phase, slice, row, column)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core.errors import GeometryError, InputError
from napari_cmr.core.finding import Finding
from napari_cmr.core.geometry import FloatArray, Geometry
from napari_cmr.core.kinds import Sequence, View

EVEN_TIMES = Finding(
    "times-by-heart-rate",
    "Phase times are unknown: by the heart rate given, the phases lie evenly in the cycle.",
    "Rates of filling and ejection rest on that; leave the heart rate out if it is not so.",
)


@dataclass(frozen=True)
class Layout:
    """How a source file's array differs from the picture, so that labels go back onto its grid.

    The picture's (row, column) is the file's (y, x), transposed first if ``transposed``, then
    flipped; ``affine`` is the file's own RAS affine, or None where the stack is the grid.
    """

    transposed: bool = False
    flip_rows: bool = False
    flip_columns: bool = False
    affine: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Stack:
    """One stack of images.

    Parameters
    ----------
    pixels
        ``(t, z, y, x)``, any real dtype, already rescaled to the modality's values.
    geometry
        Where the ``z`` slices lie.
    stack_id
        Name of the stack within its study, for example ``sax-1``.
    subject
        Salted hash or file stem; never identifying text.
    view, sequence
        What it shows. ``view_basis`` says what the view rests on.
    times_ms
        ``(t, z)`` milliseconds after the R wave, or None where unknown.
    rr_ms
        Length of the cardiac cycle, milliseconds, where known.
    height_cm, weight_kg
        Of the person, where known.
    """

    pixels: npt.NDArray[Any]
    geometry: Geometry
    stack_id: str = "stack"
    subject: str = ""
    view: View = View.UNKNOWN
    sequence: Sequence = Sequence.OTHER
    view_basis: str = ""
    times_ms: FloatArray | None = None
    rr_ms: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    findings: tuple[Finding, ...] = ()
    layout: Layout = field(default_factory=Layout)

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4:
            raise GeometryError(f"A stack has four axes, not {self.pixels.ndim}.")
        if self.pixels.shape[1] != self.geometry.n_slices:
            raise GeometryError("A stack needs as many positions as slices.")
        if self.times_ms is not None and self.times_ms.shape != self.pixels.shape[:2]:
            raise GeometryError("A stack's times must be one for each phase and slice.")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(t, z, y, x)."""
        t, z, y, x = self.pixels.shape
        return t, z, y, x

    @property
    def phase_ms(self) -> FloatArray | None:
        """``(t,)`` times of the middle slice; other slices may differ."""
        return None if self.times_ms is None else self.times_ms[:, self.shape[1] // 2]

    @property
    def heart_rate_bpm(self) -> float | None:
        """Beats a minute, where the length of the cycle is known."""
        return 60_000 / self.rr_ms if self.rr_ms else None

    def at_heart_rate(self, bpm: float) -> Stack:
        """A copy at so many beats a minute; phases without times lie evenly in the cycle.

        Raises
        ------
        InputError
            If no heart beats so, the source says its rate, or its phases last longer.
        """
        if not 15 <= bpm <= 350:
            raise InputError(f"A heart rate of {bpm:g} beats a minute cannot be; give 15 to 350.")
        if self.heart_rate_bpm is not None:
            raise InputError(
                f"The images say a heart rate of {self.heart_rate_bpm:.0f} beats a minute "
                "themselves; leave it out, or give another one to measure."
            )
        rr_ms = 60_000 / bpm
        t, z = self.shape[:2]
        if self.times_ms is not None and np.ptp(self.times_ms, axis=0).max() > rr_ms:
            raise InputError(f"The phases last longer than a beat at {bpm:g} beats a minute.")
        if self.times_ms is not None or t == 1:
            return replace(self, rr_ms=rr_ms)
        times = np.repeat(np.arange(t)[:, None] * rr_ms / t, z, axis=1)
        return replace(self, rr_ms=rr_ms, times_ms=times).with_findings(EVEN_TIMES)

    def with_findings(self, *findings: Finding) -> Stack:
        """A copy with more findings."""
        return replace(self, findings=self.findings + findings)


@dataclass(frozen=True, eq=False)
class Study:
    """What one examination produced."""

    subject: str
    stacks: tuple[Stack, ...]
