"""What all DICOM objects say that are made here from images: who made them, in which words."""

from __future__ import annotations

from typing import Any

from pydicom.uid import generate_uid

from napari_cmr import __version__
from napari_cmr.core import InputError

EQUIPMENT = "napari-cmr"
_LONGEST = 64  # characters of a long string and of a person's name (PS3.5, 6.2)


def equipment() -> dict[str, str]:
    """The program as a maker of DICOM objects, in highdicom's words."""
    return {
        "manufacturer": EQUIPMENT,
        "manufacturer_model_name": EQUIPMENT,
        "software_versions": __version__,
        "device_serial_number": "1",
    }


def phase_of_series(series_uid: str, series_number: int, t: int, n_phases: int) -> dict[str, Any]:
    """Which object of which series one phase is, and what it is for."""
    return {
        "series_instance_uid": series_uid,
        "series_number": series_number,
        "sop_instance_uid": str(generate_uid()),
        "instance_number": t + 1,
        "content_description": f"Phase {t + 1} of {n_phases}, for research use only",
        **equipment(),
    }


def check_text(what: str, text: str) -> None:
    """Refuse a text that a DICOM element could not hold.

    Raises
    ------
    InputError
        If it is too long or holds a backslash or a control character.
    """
    if len(text) > _LONGEST:
        raise InputError(f"{what} has {len(text)} characters, DICOM takes {_LONGEST}; shorten it.")
    if "\\" in text or any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise InputError(f"{what} holds a backslash or a control character; leave it out.")
