"""How DICOM names what we segment: SNOMED CT where it has a word, else a code of our own."""

from __future__ import annotations

from types import MappingProxyType

from pydicom.sr.coding import Code

from napari_cmr.core import Structure

ANATOMY = Code("91723000", "SCT", "Anatomical Structure")
ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
HEART = Code("80891009", "SCT", "Heart")
LEFT_VENTRICLE = Code("87878005", "SCT", "Left ventricle")
RIGHT_VENTRICLE = Code("53085002", "SCT", "Right ventricle")
LV_MYOCARDIUM = Code("49848007", "SCT", "Left Ventricle Myocardium")

TYPES = MappingProxyType(
    {
        Structure.LV: LEFT_VENTRICLE,
        Structure.MYO: LV_MYOCARDIUM,
        Structure.RV: RIGHT_VENTRICLE,
        Structure.LA: Code("82471001", "SCT", "Left atrium"),
        Structure.RA: Code("73829009", "SCT", "Right atrium"),
        Structure.INFARCT: Code("55641003", "SCT", "Infarct"),
        # DICOM's own lists (PS3.16) have no code for it.
        Structure.MVO: Code("MVO", "99NAPARICMR", "Microvascular obstruction"),
    }
)
"""Segmented property type of a structure (CID 7151 and CID 12305 of PS3.16)."""

# What other programs write for the same.
_ALSO = {("74281007", "SCT"): Structure.MYO}  # myocardium of either ventricle
_STRUCTURES = {(code.value, code.scheme_designator): s for s, code in TYPES.items()} | _ALSO


def category_of(structure: Structure) -> Code:
    """Segmented property category (CID 7150)."""
    return ABNORMAL if structure in (Structure.INFARCT, Structure.MVO) else ANATOMY


def region_of(structure: Structure) -> Code:
    """Where it lies."""
    return LV_MYOCARDIUM if category_of(structure) is ABNORMAL else HEART


def structure_of(value: str, scheme: str) -> Structure | None:
    """The structure that a segmented property type means, None for one not known here."""
    return _STRUCTURES.get((value, scheme))
