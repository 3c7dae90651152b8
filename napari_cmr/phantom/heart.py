"""The beating heart: shapes with closed-form volumes, in the heart's own coordinates.

``w`` runs along the long axis from the base at end diastole (0) to the apex; ``u`` points from
the LV to the RV, ``v`` across. All lengths are millimetres.

LV cavity and epicardium are each two half ellipsoids of one radius that meet at the equator, a
flat one towards the base and a long one towards the apex. They share the basal half's height,
so that the wall thins out to nothing at the top, as towards the mitral valve. A flat base
instead would make every mask wrong by up to half a slice. The RV is the crescent between
the epicardium's radius r and r * sqrt(1 + bulge * taper(w) * cos(pi/2 * angle/span)) over the
angles within the span: its cross-section is r^2 / 2 * bulge * taper * (4 span / pi).

Twist and the elliptic cross-section are maps that keep area within each cross-section, so that
volumes stay those of the untwisted round heart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from napari_cmr.core import FloatArray
from napari_cmr.phantom.config import PhantomConfig

MYOCARDIAL_DENSITY_G_PER_ML = 1.05
_BASAL_SHARE = 0.28  # of the cavity's length, above the equator
_RV_REACH = 0.92  # of the epicardium's apical half, down to the RV's apex
_RV_SPAN = 1.15  # rad, from the middle of the septum to an insertion point
_RV_WALL_MM = 3.0
_FAT_MM = 5.0

Float32 = npt.NDArray[np.float32]


class Tissue(IntEnum):
    """What a point of the heart is made of."""

    OUTSIDE = 0
    LV_BLOOD = 1
    MYOCARDIUM = 2
    RV_BLOOD = 3
    PAPILLARY = 4
    RV_WALL = 5
    LA_BLOOD = 6
    FAT = 7


@dataclass(frozen=True)
class Truth:
    """Closed-form volumes, ``(t,)`` mL each, and what follows from them."""

    lv_ml: FloatArray
    rv_ml: FloatArray
    myo_ml: FloatArray
    mass_g: float

    @property
    def es_phase(self) -> int:
        """Phase of the smallest LV volume; that of the largest is 0."""
        return int(np.argmin(self.lv_ml))

    @property
    def ef_percent(self) -> float:
        """LV ejection fraction between the imaged phases."""
        return float(100 * (1 - self.lv_ml.min() / self.lv_ml[0]))


def contraction(config: PhantomConfig) -> FloatArray:
    """``(t,)`` how far each phase is contracted: 0 at end diastole, 1 at end systole.

    Systole is a raised cosine; diastole fills early, rests, and fills again with the atrium.
    """
    p = np.arange(config.n_phases) / config.n_phases
    systole = (1 - np.cos(np.pi * p / config.systole_fraction)) / 2
    q = (p - config.systole_fraction) / (1 - config.systole_fraction)
    filled = 0.75 * _smooth_step(q / 0.5) + 0.25 * _smooth_step((q - 0.7) / 0.3)
    return np.where(p < config.systole_fraction, systole, 1 - filled)


def truth(config: PhantomConfig) -> Truth:
    """The volumes by closed form: the radii of every phase are solved from them."""
    s = contraction(config)
    wall_ml = config.lv_mass_g / MYOCARDIAL_DENSITY_G_PER_ML
    return Truth(
        lv_ml=config.lv_edv_ml * (1 - config.lv_ef_percent / 100 * s),
        rv_ml=config.rv_edv_ml * (1 - config.rv_ef_percent / 100 * s),
        myo_ml=np.full(config.n_phases, wall_ml),
        mass_g=config.lv_mass_g,
    )


@dataclass(frozen=True)
class HeartShape:
    """The heart at one phase."""

    base: float
    equator: float
    basal: float  # height of the basal halves
    endo_apical: float  # length of the apical halves
    epi_apical: float
    endo_radius: float
    epi_radius: float
    rv_bulge: float
    twist: float  # rad over the cavity's length at end diastole
    length: float
    ellipticity: float
    papillary: bool

    @classmethod
    def at(cls, config: PhantomConfig, phase: int) -> HeartShape:
        """Solve the radii of one phase from its volumes."""
        s = float(contraction(config)[phase])
        volumes = truth(config)
        base = config.shortening_mm * s
        length = config.lv_length_mm - base
        basal = _BASAL_SHARE * length
        endo_apical = length - basal
        epi_apical = endo_apical + config.apex_wall_mm
        lv_mm3 = 1000 * float(volumes.lv_ml[phase])
        epi_mm3 = lv_mm3 + 1000 * float(volumes.myo_ml[phase])
        # Two half ellipsoids of one radius r: V = 2/3 pi r^2 (basal + apical).
        endo_radius = np.sqrt(lv_mm3 / (2 / 3 * np.pi * length))
        epi_radius = np.sqrt(epi_mm3 / (2 / 3 * np.pi * (basal + epi_apical)))
        unit_bulge = _crescent_mm3_per_bulge(epi_radius, basal, epi_apical)
        return cls(
            base=base,
            equator=base + basal,
            basal=basal,
            endo_apical=endo_apical,
            epi_apical=epi_apical,
            endo_radius=float(endo_radius),
            epi_radius=float(epi_radius),
            rv_bulge=1000 * float(volumes.rv_ml[phase]) / unit_bulge,
            twist=np.deg2rad(config.twist_deg) * s,
            length=config.lv_length_mm,
            ellipticity=config.ellipticity,
            papillary=config.papillary_muscles,
        )

    def tissue(self, u: Float32, v: Float32, w: Float32) -> npt.NDArray[np.uint8]:
        """What lies at points of the heart's coordinates, any one shape; see `Tissue`."""
        rho2, angle = self._untwisted(u, v, w)
        x = w - self.equator
        endo2 = self.endo_radius**2 * _profile(x, self.basal, self.endo_apical)
        epi2 = self.epi_radius**2 * _profile(x, self.basal, self.epi_apical)
        rv2 = epi2 * (1 + self._bulge(x, angle))
        found = np.full(u.shape, Tissue.OUTSIDE, np.uint8)
        self._paint_surroundings(found, rho2, angle, rv2, w)
        found[rho2 < rv2] = Tissue.RV_BLOOD
        found[rho2 < epi2] = Tissue.MYOCARDIUM
        found[rho2 < endo2] = Tissue.LV_BLOOD
        if self.papillary:
            found[self._papillary(rho2, angle, w) & (rho2 < endo2)] = Tissue.PAPILLARY
        return found

    def _untwisted(self, u: Float32, v: Float32, w: Float32) -> tuple[Float32, Float32]:
        """Squared radius and angle from the septum in the round, untwisted heart."""
        turn = self.twist * (w / self.length - 0.35)
        cos, sin = np.cos(turn), np.sin(turn)
        across = (u * cos + v * sin) / self.ellipticity
        along = (v * cos - u * sin) * self.ellipticity
        return across**2 + along**2, np.arctan2(along, across)

    def _bulge(self, x: Float32, angle: Float32) -> Float32:
        reach = _RV_REACH * self.epi_apical
        taper = np.clip(1 - np.clip(x / reach, 0, 1) ** 2, 0, 1)
        crescent = np.where(np.abs(angle) < _RV_SPAN, np.cos(np.pi / 2 * angle / _RV_SPAN), 0)
        return np.asarray(self.rv_bulge * taper * crescent, np.float32)

    def _papillary(self, rho2: Float32, angle: Float32, w: Float32) -> npt.NDArray[np.bool_]:
        """Two columns from the lateral wall, half-way down the cavity."""
        depth = (w - self.base) / (self.endo_apical + self.basal)
        at = 0.62 * self.endo_radius
        thick = 0.15 * self.epi_radius
        where = (depth > 0.3) & (depth < 0.7)
        near = np.zeros(rho2.shape, bool)
        for place in (2.2, -2.2):  # rad from the septum
            distance2 = rho2 + at**2 - 2 * np.sqrt(rho2) * at * np.cos(angle - place)
            near |= distance2 < thick**2
        return near & where

    def _paint_surroundings(
        self,
        found: npt.NDArray[np.uint8],
        rho2: Float32,
        angle: Float32,
        rv2: Float32,
        w: Float32,
    ) -> None:
        """Fat, the RV's wall and the left atrium: drawn, not measured."""
        outer = np.sqrt(np.maximum(rv2, 0))
        inside_ends = rv2 > 0
        rho = np.sqrt(rho2)
        fat = inside_ends & (np.abs(angle) < 1.7) & (rho < outer + _RV_WALL_MM + _FAT_MM)
        found[fat] = Tissue.FAT
        rim = inside_ends & (np.abs(angle) < _RV_SPAN) & (rho < outer + _RV_WALL_MM)
        found[rim] = Tissue.RV_WALL
        atrium = (rho2 / 24**2 + (w - self.base + 22) ** 2 / 22**2) < 1
        found[atrium] = Tissue.LA_BLOOD


def _profile(x: Float32, basal: float, apical: float) -> Float32:
    """Squared radius over squared equatorial radius; negative outside the ends."""
    return np.asarray(1 - np.where(x < 0, x / basal, x / apical) ** 2, np.float32)


def _crescent_mm3_per_bulge(radius: float, basal: float, apical: float) -> float:
    """Volume of the RV for a bulge of one.

    (2 span / pi) * integral of r(x)^2 taper(x), where r^2 = radius^2 (1 - x^2/basal^2) and
    taper = 1 above the equator, r^2 = radius^2 (1 - x^2/apical^2) and taper = 1 - x^2/reach^2
    below it, down to the reach.
    """
    reach = _RV_REACH * apical
    above = 2 / 3 * basal
    below = reach * (2 / 3 - 2 / 15 * (reach / apical) ** 2)
    return 2 * _RV_SPAN / np.pi * radius**2 * (above + below)


def _smooth_step(x: FloatArray) -> FloatArray:
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))
