"""Reference ranges: a small shipped table, or a hospital's own."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from napari_cmr.core import InputError
from napari_cmr.core.measures import PAPILLARY_IN_CAVITY
from napari_cmr.measure import shipped_ranges
from napari_cmr.measure.number import ReferenceRange
from napari_cmr.measure.person import BsaFormula, Person, Sex

CAVITY, MASS = "cavity", "mass"
_COLUMNS = ("name", "low", "high", "sex", "age_from", "age_to", "papillary", "bsa", "source")


@dataclass(frozen=True)
class ReferenceRow:
    """Limits of one number in one group of healthy people.

    Parameters
    ----------
    name
        The number's name, as `Number.name`.
    low, high
        In its unit.
    sex
        Whose they are.
    age_from, age_to
        Whole years, both included.
    papillary
        ``cavity`` or ``mass``: to which papillary muscles counted.
    bsa
        Formula that indexed numbers were indexed by; None for numbers that are not.
    source
        Publication, people and kind of limits.
    """

    name: str
    low: float
    high: float
    sex: Sex
    age_from: float
    age_to: float
    papillary: str
    bsa: BsaFormula | None
    source: str


def _shipped() -> tuple[ReferenceRow, ...]:
    return tuple(
        ReferenceRow(
            name,
            round(mean - 1.96 * sd),
            round(mean + 1.96 * sd),
            sex,
            shipped_ranges.AGE_FROM,
            shipped_ranges.AGE_TO,
            CAVITY,
            None,
            shipped_ranges.SOURCE,
        )
        for (name, sex), (mean, sd) in shipped_ranges.MEANS.items()
    )


SHIPPED = _shipped()
"""Only what was read of a publication; a range that might be wrong is worse than none."""

_VOLUMES = tuple(
    f"{v}_{n}" for v in ("lv", "rv") for n in ("edv_ml", "esv_ml", "sv_ml", "co_l_min")
)
INDEXED = frozenset(f"{name}_per_m2" for name in (*_VOLUMES, "lv_mass_g"))
NAMES = INDEXED | frozenset(
    (
        *_VOLUMES,
        "lv_mass_g",
        "lv_ef_percent",
        "rv_ef_percent",
        "greatest_wall_ed_mm",
        "mean_thickening_percent",
        "lv_peak_ejection_ml_s",
        "lv_peak_ejection_edv_s",
        "lv_peak_filling_ml_s",
        "lv_peak_filling_edv_s",
    )
)
"""Numbers of a short-axis cine that a range can stand beside."""


def reference_range(
    name: str,
    person: Person,
    *,
    papillary: str,
    bsa: BsaFormula | None,
    table: Iterable[ReferenceRow] = SHIPPED,
) -> ReferenceRange | None:
    """The range for a number, where sex and age are known and every convention agrees.

    Parameters
    ----------
    name
        As `Number.name`.
    person
        Sex and age decide the row.
    papillary
        The convention of the measures, as `Measures.papillary_convention`.
    bsa
        Formula by which the number was indexed; None if it was not.
    """
    if person.sex is None or person.age_years is None:
        return None
    ours = CAVITY if papillary == PAPILLARY_IN_CAVITY else MASS
    for row in table:
        fits = row.name == name and row.sex is person.sex and row.papillary == ours
        if fits and row.bsa is bsa and row.age_from <= int(person.age_years) <= row.age_to:
            return ReferenceRange(row.low, row.high, row.source)
    return None


def read_reference_table(path: Path) -> tuple[ReferenceRow, ...]:
    """Read a hospital's own table; it replaces the shipped one.

    A CSV with the columns name (one of `NAMES`), low, high, sex (F, M), age_from, age_to (whole
    years, both included), papillary (cavity, mass), bsa (Mosteller or Du Bois for numbers that
    end in ``_per_m2``, else empty), source.

    Raises
    ------
    InputError
        If it cannot be read, a row is not complete, names no number, or two rows would both fit
        one person.
    """
    if not path.is_file():
        raise InputError(f"There is no reference table {path}; give a CSV file.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [c for c in _COLUMNS if c not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path.name} lacks the column(s) {', '.join(missing)}.")
            records = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The reference table {path} cannot be read; give a CSV file.") from error
    if not records:
        raise InputError(f"{path.name} has no rows; give a table with a range in each.")
    rows: list[ReferenceRow] = []
    for i, record in enumerate(records, start=2):
        row = _row(record, f"{path.name}, row {i}")
        for j, other in enumerate(rows, start=2):
            if _both_fit(row, other):
                raise InputError(
                    f"{path.name}: rows {j} and {i} both give {row.name} for the same people; "
                    "keep one."
                )
        rows.append(row)
    return tuple(rows)


def _both_fit(a: ReferenceRow, b: ReferenceRow) -> bool:
    same = (a.name, a.sex, a.papillary, a.bsa) == (b.name, b.sex, b.papillary, b.bsa)
    return same and a.age_from <= b.age_to and b.age_from <= a.age_to


def _row(record: dict[str, str | None], where: str) -> ReferenceRow:
    cells = {c: (record[c] or "").strip() for c in _COLUMNS}
    try:
        numbers = [float(cells[c]) for c in ("low", "high", "age_from", "age_to")]
        bsa = BsaFormula.parse(cells["bsa"]) if cells["bsa"] else None
    except (ValueError, InputError):
        raise InputError(f"{where}: a limit or age is no number, or bsa no formula.") from None
    low, high, first, last = numbers
    if not all(map(math.isfinite, numbers)) or first != int(first) or last != int(last):
        raise InputError(f"{where}: limits are numbers, and ages whole years.")
    if cells["name"] not in NAMES:
        raise InputError(
            f"{where}: there is no number '{cells['name']}'; names are those of numbers.json, "
            "such as lv_edv_ml_per_m2."
        )
    sex = Sex.parse(cells["sex"])
    if sex is None or cells["papillary"] not in (CAVITY, MASS) or not cells["source"]:
        raise InputError(f"{where} needs sex (F, M), papillary (cavity, mass) and a source.")
    if not (low < high and first <= last):
        raise InputError(f"{where}: the lower limit is not below the upper one.")
    if (bsa is not None) != (cells["name"] in INDEXED):
        raise InputError(
            f"{where}: numbers per m2 need the formula of the body surface area in the column bsa, "
            "others none."
        )
    return ReferenceRow(
        cells["name"], low, high, sex, first, last, cells["papillary"], bsa, cells["source"]
    )
