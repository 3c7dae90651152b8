"""Irregularities met while reading, each with what was done about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One irregularity.

    Parameters
    ----------
    code
        Short stable identifier in kebab case, for example ``repeated-slice``.
    message
        One sentence for a reader: what was met.
    action
        One sentence: what was done about it.
    """

    code: str
    message: str
    action: str = ""

    def __str__(self) -> str:
        return f"{self.message} {self.action}".strip()
