"""Colours and words that all pictures of the report share."""

from __future__ import annotations

from napari_cmr.core import Structure
from napari_cmr.core.palette import COLOURS

RESEARCH_USE = "For research use only. Not for diagnosis."

ENDOCARDIUM = COLOURS[Structure.LV]
EPICARDIUM = COLOURS[Structure.MYO]
RV = COLOURS[Structure.RV]
TEXT = "#E8E8E8"
QUIET = "#A8A8A8"
BACKGROUND = "black"


def number(value: float | None, unit: str, decimals: int = 0) -> str:
    """A number with its unit for a reader; a dash where it is unknown."""
    if value is None:
        return "\N{EN DASH}"
    space = "" if unit == "%" else " "
    return f"{value:.{decimals}f}{space}{unit}"
