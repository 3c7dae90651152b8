"""Named tables from label value to structure; everything inside uses the map ``cmr``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core.errors import InputError

LabelArray = npt.NDArray[np.uint8]
_SHOWN = 8  # unknown values in a sentence; a picture in place of labels has hundreds


class Structure(IntEnum):
    """Values of the canonical label map ``cmr``."""

    BACKGROUND = 0
    LV = 1
    MYO = 2
    RV = 3
    LA = 4
    RA = 5
    INFARCT = 6
    MVO = 7

    @property
    def title(self) -> str:
        """Name for a reader."""
        return _TITLES[self]


_TITLES = {
    Structure.BACKGROUND: "background",
    Structure.LV: "LV cavity",
    Structure.MYO: "LV myocardium",
    Structure.RV: "RV cavity",
    Structure.LA: "left atrium",
    Structure.RA: "right atrium",
    Structure.INFARCT: "infarct",
    Structure.MVO: "microvascular obstruction",
}


@dataclass(frozen=True)
class LabelMap:
    """How a data set numbers its structures.

    Parameters
    ----------
    name
        Name used in manifests and on the command line.
    values
        Foreign value to canonical structure. Every value an image of this map may hold
        must be present.
    """

    name: str
    values: Mapping[int, Structure] = field(hash=False)

    def to_cmr(self, labels: npt.NDArray[np.generic]) -> LabelArray:
        """Convert an array of any shape to the canonical map.

        Raises
        ------
        InputError
            If the array holds a value that this map does not name.
        """
        found = np.unique(labels)
        if not np.all(np.isfinite(found.astype(np.float64))) or np.any(found != np.round(found)):
            raise InputError(
                "The label image holds values that are not whole numbers; give a label file, "
                "not a picture."
            )
        unknown = [int(v) for v in found if int(v) not in self.values]
        if unknown:
            listed = ", ".join(map(str, unknown[:_SHOWN])) + (", ..." * (len(unknown) > _SHOWN))
            raise InputError(
                f"The label image holds the value(s) {listed}, "
                f"which the label map '{self.name}' does not name; give the right --label-map."
            )
        table = np.zeros(int(found.max(initial=0)) + 1, np.uint8)
        for value, structure in self.values.items():
            if value < table.size:
                table[value] = structure
        return table[labels.astype(np.intp)]

    def from_cmr(self, labels: LabelArray) -> npt.NDArray[Any]:
        """Convert a canonical array of any shape to this map: uint8, or uint16 if need be.

        Raises
        ------
        InputError
            If the array holds a structure that this map cannot say.
        """
        table = np.zeros(256, np.uint8 if max(self.values) < 256 else np.uint16)
        inverse = {structure: value for value, structure in self.values.items()}
        for value in np.unique(labels):
            if Structure(int(value)) not in inverse:
                raise InputError(
                    f"The label map '{self.name}' has no value for {Structure(int(value)).title}."
                )
            table[value] = inverse[Structure(int(value))]
        return table[labels]


_S = Structure
LABEL_MAPS: Mapping[str, LabelMap] = {
    m.name: m
    for m in (
        LabelMap("cmr", {int(s): s for s in Structure}),
        LabelMap("acdc", {0: _S.BACKGROUND, 1: _S.RV, 2: _S.MYO, 3: _S.LV}),
        LabelMap("mnms", {0: _S.BACKGROUND, 1: _S.LV, 2: _S.MYO, 3: _S.RV}),
        LabelMap("mnms2", {0: _S.BACKGROUND, 1: _S.LV, 2: _S.MYO, 3: _S.RV}),
        LabelMap("ukbb", {0: _S.BACKGROUND, 1: _S.LV, 2: _S.MYO, 3: _S.RV}),
        LabelMap("emidec", {0: _S.BACKGROUND, 1: _S.LV, 2: _S.MYO, 3: _S.INFARCT, 4: _S.MVO}),
        LabelMap("camus", {0: _S.BACKGROUND, 1: _S.LV, 2: _S.MYO, 3: _S.LA}),
        # Oedema (1220) lies in the wall and counts as wall; 200 comes last, so that wall is
        # written as wall.
        LabelMap(
            "myops",
            {
                0: _S.BACKGROUND,
                1220: _S.MYO,
                2221: _S.INFARCT,
                200: _S.MYO,
                500: _S.LV,
                600: _S.RV,
            },
        ),
    )
}


def label_map(name: str) -> LabelMap:
    """Look a label map up by name.

    Raises
    ------
    InputError
        If there is no map of that name.
    """
    try:
        return LABEL_MAPS[name]
    except KeyError:
        raise InputError(
            f"There is no label map '{name}'; known are {', '.join(LABEL_MAPS)}."
        ) from None
