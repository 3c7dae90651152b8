"""How long work reports and is asked to stop."""

from __future__ import annotations

from collections.abc import Callable

from napari_cmr.core.errors import CancelledError

Progress = Callable[[int, int], None]
"""Called with (done, total)."""

Cancel = Callable[[], bool]
"""Returns True when the user asked to stop."""


def check_cancel(cancel: Cancel | None) -> None:
    """Raise CancelledError if the user asked to stop."""
    if cancel is not None and cancel():
        raise CancelledError("Cancelled.")
