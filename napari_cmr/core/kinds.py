"""What planes and sequences there are."""

from enum import StrEnum


class View(StrEnum):
    """What plane a stack shows; LAX is a long axis not told apart."""

    SAX = "SAX"
    CH2 = "2CH"
    CH3 = "3CH"
    CH4 = "4CH"
    RV2CH = "RV2CH"
    RVOT = "RVOT"
    LAX = "LAX"
    UNKNOWN = "unknown"


class Sequence(StrEnum):
    """How a stack was acquired; echo is ultrasound."""

    CINE = "cine"
    LGE = "LGE"
    T1 = "T1"
    T2 = "T2"
    ECHO = "echo"
    OTHER = "other"
