"""What a report says, once, so that paper and screen say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from napari_cmr.core import Finding, Measures, Segmentation, Stack
from napari_cmr.measure import Clinical, Number
from napari_cmr.report.parts import SCAR_COLOURS, BullsEye, Picture, cell
from napari_cmr.report.reviewing import ReviewRecord, review_lines

HEADINGS = ("", "LV", "LV/m²", "RV", "RV/m²")
TITLE = "Cardiac MR: ventricular function"


@dataclass(frozen=True)
class Line:
    """One line of the table of ventricles: LV, LV per body surface, RV, RV per body surface."""

    title: str
    unit: str
    numbers: tuple[Number | None, ...]


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything on the page.

    Parameters
    ----------
    stack, segmentation, measures, clinical
        What was read, found and measured; pictures and curve come from these.
    review
        Who corrected and accepted, oldest first.
    bulls_eyes
        Plots of the segments.
    made_at
        When the report was made.
    """

    stack: Stack
    segmentation: Segmentation
    measures: Measures
    clinical: Clinical
    review: tuple[ReviewRecord, ...]
    bulls_eyes: tuple[BullsEye, ...]
    made_at: datetime = field(default_factory=datetime.now)

    title = TITLE
    headings = HEADINGS
    others_title = "Wall and rates"

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """A row for ED and one for ES."""
        return tuple(Picture(title, phase) for title, phase in self.phases)

    @property
    def curve_of(self) -> Measures | None:
        """What the volume-time curve shows; None where there is one phase."""
        return self.measures if self.stack.shape[0] > 1 else None

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The table of ventricles."""
        return tuple(
            (f"{line.title} ({line.unit})", *(cell(n) for n in line.numbers))
            for line in self.ventricles
        )

    @property
    def subtitle(self) -> str:
        """Whose images, and which."""
        t, z, _, _ = self.stack.shape
        view = f"{self.stack.view} {self.stack.sequence}"
        name = self.stack.subject or self.stack.stack_id
        return f"{name}: {view}, {t} phases x {z} slices. Report of {_minute(self.made_at)}."

    @property
    def person(self) -> str:
        """Body size, sex, age and heart rate, as far as they are known."""
        p, parts = self.clinical.person, []
        if p.sex is not None:
            parts.append("female" if p.sex == "F" else "male")
        for value, text in (
            (p.age_years, "{:.0f} years"),
            (p.height_cm, "{:.0f} cm"),
            (p.weight_kg, "{:.0f} kg"),
            (self.clinical.bsa_m2, f"BSA {{:.2f}} m² ({self.clinical.bsa_formula})"),
            (p.heart_rate_bpm, "heart rate {:.0f}/min"),
        ):
            if value is not None:
                parts.append(text.format(value))
        if self.clinical.bsa_m2 is None:
            parts.append("no index per body surface: height or weight is unknown")
        return "; ".join(parts)

    @property
    def phases(self) -> tuple[tuple[str, int], ...]:
        """What pictures show: a title and a phase each; one only where ED and ES are the same."""
        m = self.measures
        both = (("End diastole", m.ed_phase), ("End systole", m.es_phase))
        shown = both[:1] if m.ed_phase == m.es_phase else both
        times = m.phase_ms
        return tuple(
            (f"{name}: phase {p}" + (f", {times[p]:.0f} ms" if times is not None else ""), p)
            for name, p in shown
        )

    @property
    def ventricles(self) -> tuple[Line, ...]:
        """LV, LV per BSA, RV and RV per BSA, a line each."""
        lines = []
        for title, key, unit in (
            ("EDV", "edv_ml", "mL"),
            ("ESV", "esv_ml", "mL"),
            ("SV", "sv_ml", "mL"),
            ("EF", "ef_percent", "%"),
            ("CO", "co_l_min", "L/min"),
            ("Mass", "mass_g", "g"),
        ):
            sides = [self._pair(side, key) for side in ("lv", "rv")]
            lines.append(Line(title, unit, (*sides[0], *sides[1])))
        return tuple(lines)

    @property
    def others(self) -> tuple[Number, ...]:
        """Wall and rates, one number a line."""
        return tuple(
            self.clinical[name]
            for name in (
                "greatest_wall_ed_mm",
                "mean_thickening_percent",
                "lv_peak_ejection_ml_s",
                "lv_peak_ejection_edv_s",
                "lv_peak_filling_ml_s",
                "lv_peak_filling_edv_s",
            )
        )

    @property
    def findings(self) -> tuple[str, ...]:
        """What a reader should know first, one sentence or two each."""
        found: tuple[Finding, ...] = (
            *self.clinical.findings,
            *self.segmentation.findings,
            *self.stack.findings,
        )
        return tuple(dict.fromkeys(map(str, found)))

    def provenance(self, most_records: int | None = None) -> tuple[tuple[str, str], ...]:
        """How the numbers came about: a heading and a sentence each.

        Parameters
        ----------
        most_records
            How many records of the review to write out; the rest is counted.
        """
        m = self.measures
        t, z, _, _ = self.stack.shape
        return (
            ("Contours", self.segmentation.model or "given labels, origin not stated"),
            *review_lines(self.review, t * z, most_records),
            (
                "ED and ES",
                f"phases {m.ed_phase} and {m.es_phase}, counted from 0, by {m.phases_set_by}",
            ),
            ("Convention", f"{m.papillary_convention}."),
            ("Methods", self._methods),
        )

    @property
    def _methods(self) -> str:
        numbers = self.clinical.numbers
        by_name = {n.name: n.method for n in numbers if n.value is not None}
        wanted = (
            ("volumes", "lv_edv_ml"),
            ("mass", "lv_mass_g"),
            ("wall", "greatest_wall_ed_mm"),
            ("rates", "lv_peak_filling_ml_s"),
        )
        parts = [f"{word}: {by_name[name]}" for word, name in wanted if name in by_name]
        if self.bulls_eyes:
            parts.append("segments: AHA 17 (Cerqueira 2002) from the RV insertion points")
        return "; ".join(parts) + "." if parts else "ratios only."

    @property
    def sources(self) -> tuple[str, ...]:
        """Publications behind the ranges shown; says so where there is none."""
        used = [n.range.source for n in self.clinical.numbers if n.range is not None]
        if used:
            return tuple(
                f"In brackets, reference ranges: {source}." for source in dict.fromkeys(used)
            )
        if self.clinical.person.sex is None or self.clinical.person.age_years is None:
            return ("No reference ranges: sex or age is unknown.",)
        return ("No reference range fits this sex, age and these conventions.",)

    def _pair(self, side: str, key: str) -> tuple[Number | None, Number | None]:
        by_name = {n.name: n for n in self.clinical.numbers}
        return by_name.get(f"{side}_{key}"), by_name.get(f"{side}_{key}_per_m2")


def compose(
    stack: Stack,
    segmentation: Segmentation,
    measures: Measures,
    clinical: Clinical,
    *,
    review: tuple[ReviewRecord, ...] = (),
    infarct_percent: Mapping[int, float] | None = None,
) -> ReportContent:
    """Put a report together.

    Parameters
    ----------
    review
        Who corrected and accepted, oldest first.
    infarct_percent
        AHA segment to the infarcted share of its wall, where there is late enhancement.
    """
    plots = []
    wall = clinical.wall
    if wall is not None and wall.ed_mm:
        plots.append(
            BullsEye("Wall thickness at ED", "mm", wall.ed_mm, 0, 0, 20, ("#f7fbff", "#2171b5"))
        )
    if wall is not None and wall.es_mm:
        plots.append(
            BullsEye(
                "Systolic wall thickening",
                "%",
                wall.thickening_percent,
                0,
                0,
                100,
                ("#fdae61", "#f4f9f1"),
            )
        )
    if infarct_percent:
        plots.append(
            BullsEye(
                "Infarct, share of the wall",
                "%",
                infarct_percent,
                0,
                0,
                100,
                SCAR_COLOURS,
            )
        )
    return ReportContent(stack, segmentation, measures, clinical, review, tuple(plots))


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
