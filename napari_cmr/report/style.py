"""Colours and words that all pictures of the report share."""

from __future__ import annotations

RESEARCH_USE = "For research use only. Not for diagnosis."

# From the palette of Okabe and Ito (2008), which readers of any colour vision tell apart;
# vermilion is lightened to stand out on black.
ENDOCARDIUM = "#FF7033"
EPICARDIUM = "#56B4E9"
RV = "#F0E442"
TEXT = "#E8E8E8"
QUIET = "#A8A8A8"
BACKGROUND = "black"


def number(value: float | None, unit: str, decimals: int = 0) -> str:
    """A number with its unit for a reader; a dash where it is unknown."""
    if value is None:
        return "\N{EN DASH}"
    space = "" if unit == "%" else " "
    return f"{value:.{decimals}f}{space}{unit}"
