"""Reference ranges: a small shipped table, or a hospital's own."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from napari_cmr.core import InputError
from napari_cmr.core.measures import PAPILLARY_IN_CAVITY
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


_PETERSEN = (
    "Petersen SE et al., J Cardiovasc Magn Reson 2017;19:18 (UK Biobank, healthy Caucasians, "
    "1.5 T bSSFP): mean ± 1.96 SD of the published mean and SD"
)
# Means and SDs of the abstract (58 ± 5 % in men, 61 ± 5 % in women), rounded to whole percent.
SHIPPED = (
    ReferenceRow("lv_ef_percent", 48, 68, Sex.MALE, 45, 74, CAVITY, None, _PETERSEN),
    ReferenceRow("lv_ef_percent", 51, 71, Sex.FEMALE, 45, 74, CAVITY, None, _PETERSEN),
)
"""Only what was certain of a publication; a range that might be wrong is worse than none."""


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
    """Read a hospital's own table.

    A CSV with the columns name, low, high, sex (F, M), age_from, age_to, papillary (cavity,
    mass), bsa (Mosteller, Du Bois or empty), source.

    Raises
    ------
    InputError
        If it cannot be read or a row is not complete.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [c for c in _COLUMNS if c not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path.name} lacks the column(s) {', '.join(missing)}.")
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The reference table {path} cannot be read; give a CSV file.") from error
    return tuple(_row(row, f"{path.name}, row {i}") for i, row in enumerate(rows, start=2))


def _row(row: dict[str, str], where: str) -> ReferenceRow:
    try:
        low, high, first, last = (float(row[c]) for c in ("low", "high", "age_from", "age_to"))
        bsa = BsaFormula(row["bsa"]) if row["bsa"] else None
    except (TypeError, ValueError):
        raise InputError(f"{where}: a limit or age is no number, or bsa no formula.") from None
    sex = Sex.parse(row["sex"])
    if sex is None or row["papillary"] not in (CAVITY, MASS) or not row["source"]:
        raise InputError(f"{where} needs sex (F, M), papillary (cavity, mass) and a source.")
    if not (low < high and first <= last):
        raise InputError(f"{where}: the lower limit is not below the upper one.")
    return ReferenceRow(
        row["name"], low, high, sex, first, last, row["papillary"], bsa, row["source"]
    )
