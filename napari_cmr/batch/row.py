"""What one study gives: a row of the table, and how the table is written."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from napari_cmr.core import Measures, replacing

Value: TypeAlias = str | int | float | None

_MEASURES = (
    "ed_phase",
    "es_phase",
    "edv_ml",
    "esv_ml",
    "sv_ml",
    "ef_percent",
    "mass_g",
    "rv_edv_ml",
    "rv_esv_ml",
    "rv_sv_ml",
    "rv_ef_percent",
    "heart_rate_bpm",
    "cardiac_output_l_min",
    "phases_set_by",
    "papillary_convention",
)
_IMAGES = ("stack", "n_phases", "n_slices")
_REMARKS = ("findings", "notes", "labels", "seconds")
COLUMNS = ("id", "path", "state", "reason", "model", *_IMAGES, *_MEASURES, *_REMARKS)


class State(StrEnum):
    """How a study ended: measured, not measurable, or without a short-axis cine."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Row:
    """One study in the table.

    Parameters
    ----------
    study
        Its id; two studies may share one, their paths differ.
    path
        Where it lies, relative to the cohort's folder.
    reason
        Why it was not measured; one sentence.
    values
        The further columns of the table; units are in their names. Absent ones are unknown.
    """

    study: str
    path: str
    state: State
    reason: str = ""
    values: Mapping[str, Value] = field(default_factory=dict, hash=False)

    def as_dict(self) -> dict[str, Value]:
        """All columns, in the table's order; unknown ones are None."""
        own = {"id": self.study, "path": self.path, "state": str(self.state)}
        known = own | {"reason": self.reason} | dict(self.values)
        return {column: known.get(column) for column in COLUMNS}

    @classmethod
    def from_dict(cls, columns: Mapping[str, Any]) -> Row:
        """The row that `as_dict` described.

        Raises
        ------
        KeyError, ValueError
            If it is none.
        """
        own = ("id", "path", "state", "reason")
        values = {k: v for k, v in columns.items() if k not in own and v is not None}
        study, path, state, reason = (columns[name] for name in own)
        return cls(study, path, State(state), reason, values)


def measured_values(measures: Measures) -> dict[str, Value]:
    """The measures that the table shows; curves are left out."""
    plain = measures.as_dict()
    return {name: plain[name] for name in _MEASURES} | {"notes": " ".join(measures.notes)}


def write_table(rows: Iterable[Row], path: Path) -> None:
    """Write rows as CSV, whole or not at all.

    Raises
    ------
    InputError
        If the place cannot be written to.
    """
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(row.as_dict() for row in rows)
