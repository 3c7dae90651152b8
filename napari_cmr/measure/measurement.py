"""Numbers of one kind of stack together, and how they become files."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_cmr.core import Finding, replacing
from napari_cmr.measure.number import Number

COLUMNS = (
    "name",
    "title",
    "value",
    "unit",
    "method",
    "phases",
    "papillary",
    "range_low",
    "range_high",
    "range_source",
)


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was measured on one stack.

    Parameters
    ----------
    kind
        What was measured: ``cine``, ``lge``, ``t1``, ``t2``, ``ecv`` or ``4ch``.
    numbers
        In the order of a report; unknown ones have no value.
    findings
        What a reader should know before using the numbers.
    """

    kind: str
    numbers: tuple[Number, ...]
    findings: tuple[Finding, ...] = ()

    def __getitem__(self, name: str) -> Number:
        """The number of a name; KeyError if there is none."""
        for number in self.numbers:
            if number.name == name:
                return number
        raise KeyError(name)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind,
            "numbers": [number.as_dict() for number in self.numbers],
            "findings": [
                {"code": f.code, "message": f.message, "action": f.action} for f in self.findings
            ],
        }


def write_numbers_json(
    path: str | Path, measurement: Measurement, more: Mapping[str, Any] | None = None
) -> None:
    """Write a measurement as one JSON object; unknown values are null.

    Parameters
    ----------
    more
        Further plain values at the top of the object.

    Raises
    ------
    InputError
        If the place cannot be written to.
    """
    result = {**(more or {}), **measurement.as_dict()}
    with replacing(path) as partial:
        text = json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def write_numbers_csv(path: str | Path, measurement: Measurement) -> None:
    """Write one row a number with the columns `COLUMNS`; unknown values are empty.

    Raises
    ------
    InputError
        If the place cannot be written to.
    """
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        rows.writerows(_row(number) for number in measurement.numbers)


def _row(number: Number) -> list[Any]:
    limits = number.range
    known = number.value is not None and math.isfinite(number.value)
    return [
        number.name,
        number.title,
        round(number.value, 4) if known and number.value is not None else "",
        number.unit,
        number.method,
        number.phases,
        number.papillary,
        *(("", "", "") if limits is None else (limits.low, limits.high, limits.source)),
    ]
