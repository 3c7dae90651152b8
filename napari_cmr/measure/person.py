"""Who was examined, as far as numbers need it; no identifying text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from napari_cmr.core import InputError


class Sex(StrEnum):
    """The sex that a reference range is for."""

    FEMALE = "F"
    MALE = "M"

    @classmethod
    def parse(cls, text: str | None) -> Sex | None:
        """Read F, M, female or male in any case; None and the empty text are unknown.

        Raises
        ------
        InputError
            For anything else.
        """
        if not text:
            return None
        word = text.strip().upper()
        if word in ("F", "FEMALE"):
            return cls.FEMALE
        if word in ("M", "MALE"):
            return cls.MALE
        raise InputError(f"The sex is given as F or M, not '{text}'.")


class BsaFormula(StrEnum):
    """Formulas of the body surface area, by their authors."""

    MOSTELLER = "Mosteller"
    DU_BOIS = "Du Bois"

    @classmethod
    def parse(cls, text: str) -> BsaFormula:
        """Read an author's name in any case, with or without spaces.

        Raises
        ------
        InputError
            If no formula is by that author.
        """
        word = text.replace(" ", "").replace("-", "").lower()
        for formula in cls:
            if formula.replace(" ", "").lower() == word:
                return formula
        raise InputError(f"There is no formula '{text}'; there are {', '.join(cls)}.")


@dataclass(frozen=True)
class Person:
    """What a reader enters about the person; None where it is unknown.

    Parameters
    ----------
    height_cm, weight_kg
        Body size, for indexed numbers.
    heart_rate_bpm
        Beats a minute; wins over the heart rate that the images tell.
    sex, age_years
        For reference ranges.
    haematocrit
        Fraction from 0 to 1, for the extracellular volume.

    Raises
    ------
    InputError
        If a number cannot be a person's in the unit that its name says.
    """

    height_cm: float | None = None
    weight_kg: float | None = None
    heart_rate_bpm: float | None = None
    sex: Sex | None = None
    age_years: float | None = None
    haematocrit: float | None = None

    def __post_init__(self) -> None:
        for value, what, low, high in (
            (self.height_cm, "height in centimetres", 30, 260),
            (self.weight_kg, "weight in kilograms", 1, 400),
            (self.heart_rate_bpm, "heart rate in beats a minute", 15, 350),
            (self.age_years, "age in years", 0, 125),
            (self.haematocrit, "haematocrit as a fraction", 0.05, 0.8),
        ):
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                raise InputError(
                    f"{value:g} cannot be a {what}; give a number from {low} to {high}."
                )

    def bsa_m2(self, formula: BsaFormula = BsaFormula.MOSTELLER) -> float | None:
        """Body surface area in m2, or None where height or weight is unknown."""
        if self.height_cm is None or self.weight_kg is None:
            return None
        return body_surface_area_m2(self.height_cm, self.weight_kg, formula)


def body_surface_area_m2(
    height_cm: float, weight_kg: float, formula: BsaFormula = BsaFormula.MOSTELLER
) -> float:
    """Body surface area.

    Mosteller: sqrt(height x weight / 3600) (Mosteller RD, N Engl J Med 1987;317:1098).
    Du Bois: 0.007184 x height^0.725 x weight^0.425 (Du Bois D, Du Bois EF, Arch Intern Med
    1916;17:863).

    Parameters
    ----------
    height_cm, weight_kg
        Centimetres and kilograms.

    Returns
    -------
    Square metres.
    """
    if formula is BsaFormula.MOSTELLER:
        return math.sqrt(height_cm * weight_kg / 3600)
    return float(0.007184 * height_cm**0.725 * weight_kg**0.425)
