"""The numbers as files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_cmr.core import Measures, replacing
from napari_cmr.measure.methods import OF_MEASURES, phases_of

COLUMNS = ("name", "value", "unit", "method", "phases", "papillary")
_UNITS = {
    "_l_min": "L/min",
    "_percent": "%",
    "_ml": "mL",
    "_bpm": "beats/min",
    "_ms": "ms",
    "_g": "g",
    "_phase": "zero-based index",
}


def write_json(path: str | Path, measures: Measures) -> None:
    """Write all numbers as one JSON object with the ``methods`` behind them; unknown ones are null.

    Raises
    ------
    InputError
        If the place cannot be written to.
    """
    with replacing(path) as partial:
        told = measures.as_dict() | {"methods": dict(OF_MEASURES)}
        partial.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def write_csv(path: str | Path, measures: Measures) -> None:
    """Write one row a number with the columns `COLUMNS`; unknown ones are empty.

    Curves take one row a phase, ``lv_volumes_ml[0]`` and so on; notes one row each.

    Raises
    ------
    InputError
        If the place cannot be written to.
    """
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for name, value in measures.as_dict().items():
            method = OF_MEASURES.get(name, "")
            how = (method, phases_of(measures), measures.papillary_convention) if method else ()
            rows.writerows((*row, *how) for row in _rows(name, value))


def unit_of(name: str) -> str:
    """The unit in a measure's name; empty where it has none."""
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")


def _rows(name: str, value: Any) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, list):
        for i, one in enumerate(value):
            yield f"{name}[{i}]", "" if one is None else one, unit_of(name)
    else:
        yield name, "" if value is None else value, unit_of(name)
