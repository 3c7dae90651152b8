"""What can go wrong with a PACS: what happened, and what to do about it.

No sentence holds a login, an address's query or anything of a patient.
"""

from __future__ import annotations

from pathlib import Path

from napari_cmr.core import InputError


class PacsError(InputError):
    """The PACS or the way to it is at fault.

    Parameters
    ----------
    what
        What happened.
    advice
        What to do about it.
    """

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what}; {advice}.")
        self.what = what
        self.advice = advice


class LoginError(PacsError):
    """No login, or one that the server refuses."""


class CertificateError(PacsError):
    """The server could not prove that it is the one that was named."""


class UnreachableError(PacsError):
    """No answer, not in time, or not to its end."""


class UnsupportedFilterError(PacsError):
    """The server cannot search by this; that says nothing of whether there is a match."""


class AnsweredError(PacsError):
    """The server answered that it would not.

    Parameters
    ----------
    status
        Of HTTP.
    failure
        DICOM's failure reason, where the server gave one.
    """

    def __init__(self, what: str, advice: str, status: int, failure: int | None = None) -> None:
        super().__init__(what, advice)
        self.status = status
        self.failure = failure


class IncompleteFetchError(PacsError):
    """Not all images of a study arrived; those that did are kept.

    Parameters
    ----------
    arrived, total
        How many files are in the folder, and how many images the study has.
    """

    def __init__(self, what: str, arrived: int, total: int, folder: Path) -> None:
        kept = f"{arrived} of {total} files are kept in {folder}"
        super().__init__(what, f"{kept}, and the same call again fetches the rest")
        self.arrived = arrived
        self.total = total
