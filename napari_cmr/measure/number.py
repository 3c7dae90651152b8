"""One number for a reader, with all that is needed to judge it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ReferenceRange:
    """Limits found in healthy people, and whose they are.

    Parameters
    ----------
    low, high
        In the unit of the number that they stand beside.
    source
        Publication, people and kind of limits, for a footnote.
    """

    low: float
    high: float
    source: str

    def holds(self, value: float) -> bool:
        """Whether a value lies within the limits."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Number:
    """One measured number.

    Parameters
    ----------
    name
        Stable key that ends in the unit.
    title
        Name for a reader.
    value
        None where it is unknown.
    unit
        Unit as printed.
    decimals
        Digits after the point that mean something.
    method
        How it was measured, with the formula's source where there is one.
    phases
        Which phases are ED and ES and who chose them.
    papillary
        To which compartment papillary muscles and trabeculae count.
    range
        Reference range, only where all conventions agree.
    """

    name: str
    title: str
    value: float | None
    unit: str
    decimals: int
    method: str
    phases: str
    papillary: str
    range: ReferenceRange | None = None

    @property
    def text(self) -> str:
        """The value as printed, without its unit; a dash where it is unknown."""
        return "\N{EN DASH}" if self.value is None else f"{self.value:.{self.decimals}f}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a number that is not finite becomes None."""
        value = self.value
        return {
            "name": self.name,
            "title": self.title,
            "value": round(value, 4) if value is not None and math.isfinite(value) else None,
            "unit": self.unit,
            "method": self.method,
            "phases": self.phases,
            "papillary": self.papillary,
            "range": None
            if self.range is None
            else {"low": self.range.low, "high": self.range.high, "source": self.range.source},
        }
