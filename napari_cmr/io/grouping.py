"""Which images belong together: by what is in the picture and how it lies, not by series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_cmr.core import FloatArray
from napari_cmr.io.header import Header

_SPACING_TOLERANCE = 1e-3
_ORIENTATION_TOLERANCE = 1e-2
_ECHO_TOLERANCE_MS = 0.3


def groups_of(headers: Iterable[Header]) -> list[list[Header]]:
    """Split images by study, size, pixel spacing, echo time, component, kind and orientation.

    Neither series numbers nor frames of reference split. Images whose place in the patient is
    unknown are kept apart by series, since nothing else tells them apart.
    """
    ordered = sorted(headers, key=canonical)
    first: dict[Any, list[Header]] = defaultdict(list)
    for h in ordered:
        placed = h.position is not None and h.orientation is not None
        key = (h.study, h.rows, h.columns, h.component, h.kind, placed, "" if placed else h.series)
        first[key].append(h)
    groups = list(first.values())
    groups = _refine(groups, lambda h: h.pixel_spacing, _SPACING_TOLERANCE)
    groups = _refine(groups, lambda h: h.echo_ms, _ECHO_TOLERANCE_MS)
    return _refine(groups, lambda h: h.orientation, _ORIENTATION_TOLERANCE)


def canonical(h: Header) -> tuple[Any, ...]:
    """An order of images that file names and instance numbers have no part in."""
    return (h.study, h.uid, h.series, h.position or (), h.trigger_ms or 0.0)


def without_copies(headers: Iterable[Header]) -> tuple[list[Header], int]:
    """Drop images that say all the same as another; returns how many were dropped.

    Different images that share a UID, as careless de-identifiers leave them, are all kept.
    """
    seen: dict[str, set[Header]] = defaultdict(set)
    kept = []
    n_copies = 0
    for h in headers:
        said = replace(h, pixels=None)
        if h.uid and said in seen[h.uid]:
            n_copies += 1
            continue
        shared = bool(h.uid and seen[h.uid])
        seen[h.uid].add(said)
        kept.append(replace(h, irregular=(*h.irregular, "shared-uid")) if shared else h)
    return kept, n_copies


def normal_of(h: Header) -> FloatArray:
    """``(3,)`` unit normal of a placed image."""
    assert h.orientation is not None
    normal = np.cross(h.orientation[:3], h.orientation[3:])
    return np.asarray(normal / np.linalg.norm(normal), np.float64)


def centre_of(h: Header) -> FloatArray:
    """``(3,)`` LPS millimetres of the middle of a placed image."""
    assert h.orientation is not None
    assert h.position is not None
    row_step, column_step = h.pixel_spacing or (1.0, 1.0)
    along_columns = np.array(h.orientation[:3]) * column_step * (h.columns - 1) / 2
    along_rows = np.array(h.orientation[3:]) * row_step * (h.rows - 1) / 2
    return np.asarray(np.array(h.position) + along_columns + along_rows, np.float64)


def _refine(
    groups: list[list[Header]],
    value_of: Callable[[Header], float | Sequence[float] | None],
    tolerance: float,
) -> list[list[Header]]:
    """Split each group where a value differs from all that were met before by more."""
    return [part for group in groups for part in _split(group, value_of, tolerance)]


def _split(
    group: list[Header],
    value_of: Callable[[Header], float | Sequence[float] | None],
    tolerance: float,
) -> list[list[Header]]:
    parts: list[tuple[FloatArray | None, list[Header]]] = []
    by_value: dict[Any, list[Header]] = defaultdict(list)
    for h in group:
        by_value[value_of(h)].append(h)
    # Sorted by value, so that which of several near values comes first depends on nothing else.
    for value in sorted(by_value, key=lambda v: (v is not None, v)):
        array = None if value is None else np.atleast_1d(np.array(value, np.float64))
        for representative, members in parts:
            if _near(representative, array, tolerance):
                members.extend(by_value[value])
                break
        else:
            parts.append((array, list(by_value[value])))
    return [sorted(members, key=canonical) for _, members in parts]


def _near(a: FloatArray | None, b: FloatArray | None, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.max(np.abs(a - b)) <= tolerance)
