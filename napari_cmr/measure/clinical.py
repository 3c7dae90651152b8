"""All numbers of one short-axis cine, each with its method and conventions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from napari_cmr.core import Finding, Measures, Segmentation
from napari_cmr.measure import wall
from napari_cmr.measure.aha import TITLES
from napari_cmr.measure.methods import HEART_RATE, MASS, OUTPUT, RATIO, STROKE, VOLUME, phases_of
from napari_cmr.measure.number import Number
from napari_cmr.measure.person import BsaFormula, Person
from napari_cmr.measure.rates import Rates, lv_rates
from napari_cmr.measure.reference import SHIPPED, ReferenceRow, reference_range
from napari_cmr.measure.wall import Septa, WallMotion, wall_motion


@dataclass(frozen=True, eq=False)
class Clinical:
    """What one short-axis cine tells.

    Parameters
    ----------
    numbers
        In the order of a report; unknown ones have no value.
    wall
        Thickness by segment; None where the spacing is unknown.
    person
        What was entered or known of the person.
    bsa_m2, bsa_formula
        Body surface area, where height and weight are known.
    findings
        What a reader should know before using the numbers.
    """

    numbers: tuple[Number, ...]
    wall: WallMotion | None
    person: Person
    bsa_m2: float | None
    bsa_formula: BsaFormula
    findings: tuple[Finding, ...]

    def __getitem__(self, name: str) -> Number:
        """The number of a name; KeyError if there is none."""
        for number in self.numbers:
            if number.name == name:
                return number
        raise KeyError(name)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        segments: dict[str, dict[str, float]] = {}
        if self.wall is not None:
            for key, values in (
                ("thickness_ed_mm", self.wall.ed_mm),
                ("thickness_es_mm", self.wall.es_mm),
                ("thickening_percent", self.wall.thickening_percent),
            ):
                segments[key] = {str(s): round(v, 3) for s, v in values.items()}
        return {
            "numbers": [number.as_dict() for number in self.numbers],
            "aha_segments": segments,
            "findings": [
                {"code": f.code, "message": f.message, "action": f.action} for f in self.findings
            ],
        }


def clinical_numbers(
    segmentation: Segmentation,
    measures: Measures,
    person: Person | None = None,
    *,
    bsa_formula: BsaFormula = BsaFormula.MOSTELLER,
    reference: Iterable[ReferenceRow] = SHIPPED,
    septa: Septa | None = None,
) -> Clinical:
    """Everything that a short-axis cine's labels allow.

    Numbers are those that the SCMR recommends to report (Hundley WG et al., J Cardiovasc Magn
    Reson 2022;24:29; Schulz-Menger J et al., 2020;22:19).

    Parameters
    ----------
    segmentation, measures
        Labels and what `napari_cmr.measure.function` made of them.
    person
        Entered by the reader; height, weight and heart rate that are not entered come from the
        images where those tell them.
    bsa_formula
        What numbers are indexed by.
    reference
        Rows of reference ranges.
    septa
        Phase to slice to RV insertion points where a reader placed some; the segments follow them.
    """
    person = _completed(person or Person(), segmentation, measures)
    motion = None
    if segmentation.geometry.spacing_known:
        motion = wall_motion(segmentation, measures, septa)
    rates, no_rates = lv_rates(replace(measures, heart_rate_bpm=_cine_rate(segmentation, measures)))
    bsa = person.bsa_m2(bsa_formula)
    table = tuple(reference)
    stamp = _Stamp(measures, person, bsa, bsa_formula, table)
    numbers = [
        *stamp.ventricle("lv", "LV", measures.edv_ml, measures.esv_ml, measures.ef_percent),
        *stamp.mass(measures.mass_g),
        *stamp.ventricle(
            "rv", "RV", measures.rv_edv_ml, measures.rv_esv_ml, measures.rv_ef_percent
        ),
        *_wall_numbers(stamp, motion),
        *_rate_numbers(stamp, rates),
        *_body_numbers(stamp),
    ]
    findings = [
        *([] if motion is None else motion.findings),
        *([no_rates] if no_rates else []),
        *(Finding("measures", note) for note in measures.notes),
    ]
    return Clinical(tuple(numbers), motion, person, bsa, bsa_formula, tuple(findings))


@dataclass(frozen=True)
class _Stamp:
    """Makes numbers that carry the same conventions."""

    measures: Measures
    person: Person
    bsa: float | None
    formula: BsaFormula
    table: tuple[ReferenceRow, ...]

    def number(
        self, name: str, title: str, value: float | None, unit: str, decimals: int, method: str
    ) -> Number:
        indexed = self.formula if name.endswith("_m2") and name != "bsa_m2" else None
        papillary = self.measures.papillary_convention
        found = reference_range(
            name, self.person, papillary=papillary, bsa=indexed, table=self.table
        )
        phases = phases_of(self.measures)
        return Number(name, title, value, unit, decimals, method, phases, papillary, found)

    def with_index(
        self, name: str, title: str, value: float | None, unit: str, decimals: int, method: str
    ) -> Iterator[Number]:
        """A number and the same per square metre of body surface."""
        yield self.number(name, title, value, unit, decimals, method)
        per = None if value is None or self.bsa is None else value / self.bsa
        yield self.number(
            f"{name}_per_m2",
            f"{title} index",
            per,
            f"{unit}/m²",
            max(decimals, 1) if unit == "L/min" else 0,
            f"{method}; per body surface area ({self.formula})",
        )

    def ventricle(
        self, key: str, title: str, edv: float | None, esv: float | None, ef: float | None
    ) -> Iterator[Number]:
        sv = None if edv is None or esv is None or ef is None else edv - esv
        rate = self.person.heart_rate_bpm
        output = None if sv is None or rate is None else sv * rate / 1000
        yield from self.with_index(f"{key}_edv_ml", f"{title} EDV", edv, "mL", 0, VOLUME)
        yield from self.with_index(f"{key}_esv_ml", f"{title} ESV", esv, "mL", 0, VOLUME)
        yield from self.with_index(f"{key}_sv_ml", f"{title} SV", sv, "mL", 0, STROKE)
        yield self.number(f"{key}_ef_percent", f"{title} EF", ef, "%", 0, RATIO)
        yield from self.with_index(f"{key}_co_l_min", f"{title} CO", output, "L/min", 1, OUTPUT)

    def mass(self, grams: float | None) -> Iterator[Number]:
        yield from self.with_index("lv_mass_g", "LV mass", grams, "g", 0, MASS)


def _wall_numbers(stamp: _Stamp, motion: WallMotion | None) -> Iterator[Number]:
    greatest = None if motion is None else motion.greatest
    where = "" if greatest is None else f" ({TITLES[greatest[0] - 1]})"
    yield stamp.number(
        "greatest_wall_ed_mm",
        f"Thickest segment at ED{where}",
        None if greatest is None else greatest[1],
        "mm",
        1,
        wall.METHOD_THICKNESS,
    )
    thickening = {} if motion is None else motion.thickening_percent
    yield stamp.number(
        "mean_thickening_percent",
        "Mean wall thickening",
        sum(thickening.values()) / len(thickening) if thickening else None,
        "%",
        0,
        f"{wall.METHOD_THICKENING}, mean over {len(thickening)} segments",
    )


def _rate_numbers(stamp: _Stamp, rates: Rates | None) -> Iterator[Number]:
    method = "derivative of a periodic Fourier fit" if rates is None else rates.method
    for name, title, unit, decimals in (
        ("ejection_ml_s", "LV peak ejection rate", "mL/s", 0),
        ("ejection_edv_s", "LV peak ejection rate / EDV", "1/s", 1),
        ("filling_ml_s", "LV peak filling rate", "mL/s", 0),
        ("filling_edv_s", "LV peak filling rate / EDV", "1/s", 1),
    ):
        value = None if rates is None else getattr(rates, name)
        yield stamp.number(f"lv_peak_{name}", title, value, unit, decimals, method)


def _body_numbers(stamp: _Stamp) -> Iterator[Number]:
    person = stamp.person
    yield stamp.number(
        "heart_rate_bpm", "Heart rate", person.heart_rate_bpm, "1/min", 0, HEART_RATE
    )
    yield stamp.number("height_cm", "Height", person.height_cm, "cm", 0, "entered, or the images'")
    yield stamp.number("weight_kg", "Weight", person.weight_kg, "kg", 0, "entered, or the images'")
    yield stamp.number("bsa_m2", "Body surface area", stamp.bsa, "m²", 2, str(stamp.formula))


def _completed(person: Person, segmentation: Segmentation, measures: Measures) -> Person:
    """Fill in what the images tell and the reader did not enter."""
    return replace(
        person,
        height_cm=person.height_cm or segmentation.height_cm,
        weight_kg=person.weight_kg or segmentation.weight_kg,
        heart_rate_bpm=person.heart_rate_bpm or measures.heart_rate_bpm,
    )


def _cine_rate(segmentation: Segmentation, measures: Measures) -> float | None:
    """The rate at which the phases were timed; one entered for the output may be another."""
    return 60_000 / segmentation.rr_ms if segmentation.rr_ms else measures.heart_rate_bpm
