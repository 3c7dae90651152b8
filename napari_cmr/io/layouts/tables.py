"""The tables of subjects that come with a data set."""

from __future__ import annotations

import csv
from pathlib import Path

from napari_cmr.core import InputError


def read_table(path: Path, key: str) -> dict[str, dict[str, str]]:
    """Records of a CSV by the value of one column; names of columns in small letters.

    Raises
    ------
    InputError
        If it is no CSV in UTF-8 or lacks the column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            records = [
                {k.strip().lower(): (v or "").strip() for k, v in r.items() if isinstance(k, str)}
                for r in csv.DictReader(file)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} cannot be read as a CSV file in UTF-8.") from error
    if not records or key not in records[0]:
        raise InputError(f"{path.name} lacks the column '{key}'; restore the data set's own file.")
    return {record[key]: record for record in records if record.get(key)}


def number(text: str) -> float | None:
    """A positive number, or None where the table leaves it open."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def columns(**values: float | str | None) -> dict[str, str]:
    """Manifest columns of the values that are known."""
    named = {k: f"{v:g}" if isinstance(v, float) else v for k, v in values.items() if v is not None}
    return {k: v for k, v in named.items() if v}
