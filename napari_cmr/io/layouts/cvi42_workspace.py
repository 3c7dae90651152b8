"""The XML of a cvi42 workspace: named contours by the SOPInstanceUID of their image."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_cmr.core import FloatArray, InputError

_DEEPEST = 100


@dataclass(frozen=True, eq=False)
class Contour:
    """One contour as the program names it; ``points`` are ``(n, 2)`` x and y in pixels."""

    name: str
    points: FloatArray


def read_workspace(path: Path) -> dict[str, list[Contour]]:
    """Contours of three or more points by SOPInstanceUID.

    Points are stored in units of a pixel over ``SubpixelResolution`` and are divided by it.

    Raises
    ------
    InputError
        If the file is no such XML, as the binary ``.cvi42ws`` is not.
    """
    found: dict[str, list[Contour]] = defaultdict(list)
    keys: list[str] = []
    try:
        # The parser limits how far entities grow and fetches nothing from outside.
        for event, element in ET.iterparse(path, events=("start", "end")):  # noqa: S314
            if event == "start":
                keys.append(_key(element))
                if len(keys) > _DEEPEST:
                    raise InputError(f"{path.name} is nested too deeply to be a workspace.")
                continue
            if keys[-2:-1] == ["Contours"]:
                contour = _contour(keys[-1], element)
                if contour is not None and len(keys) > 2:
                    found[keys[-3]].append(contour)
            if "Contours" not in keys[:-1] or keys[-2:-1] == ["Contours"]:
                element.clear()  # a workspace is large, its contours are not
            keys.pop()
    except (ET.ParseError, LookupError, OSError, ValueError) as error:  # LookupError: encoding
        raise InputError(
            f"{path.name} is no cvi42 workspace in XML; export it as .cvi42wsx once more."
        ) from error
    if not found:
        raise InputError(f"{path.name} holds no contour; draw some and export the workspace.")
    return dict(found)


def _contour(name: str, element: ET.Element) -> Contour | None:
    subpixel, points = 1.0, np.zeros((0, 2))
    for item in element:
        if _key(item) == "SubpixelResolution":
            subpixel = float(item.text or "")
        if _key(item) == "Points":
            points = _points(item)
    if not (np.isfinite(subpixel) and subpixel > 0):
        raise ValueError
    return Contour(name, points / subpixel) if len(points) >= 3 else None


def _points(element: ET.Element) -> FloatArray:
    rows = []
    for item in element:
        values = {_local(child.tag): child.text for child in item}
        rows.append([float(values.get("x") or ""), float(values.get("y") or "")])
    return np.array(rows, np.float64).reshape(-1, 2)


def _key(element: ET.Element) -> str:
    """The element's ``Hash:key``, whatever the prefix."""
    return next((v for k, v in element.attrib.items() if _local(k) == "key"), "")


def _local(name: str) -> str:
    return name.rpartition("}")[2]
