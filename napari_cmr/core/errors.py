"""Errors that a user can act on."""

from __future__ import annotations


class InputError(Exception):
    """The input is at fault: one sentence that says what is wrong and what to do.

    The terminal prints the sentence and exits with code 2; the window shows it in a dialog.
    """


class NothingToReadError(InputError):
    """No image could be read at the given place."""


class GeometryError(InputError):
    """Positions, orientation or spacing are missing or contradict each other."""


class SpacingUnknownError(GeometryError):
    """Millimetres were asked for where the source does not give them."""


class ModelError(InputError):
    """A model is missing, altered or does not fit the task."""


class WriteError(InputError):
    """A file could not be written.

    Parameters
    ----------
    sentence
        What is wrong and what to do.
    reason
        The system's own words, such as "No space left on device".
    """

    def __init__(self, sentence: str, reason: str = "") -> None:
        super().__init__(sentence)
        self.reason = reason


class CancelledError(Exception):
    """The user cancelled; nothing was written."""
