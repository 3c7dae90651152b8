"""Long work in two halves, so that a window can do the first half in another thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from napari_cmr.core import Cancel, Progress

Result = TypeVar("Result")


@dataclass(frozen=True)
class Task(Generic[Result]):
    """Work that may take long, and what it changes once it is done.

    Parameters
    ----------
    title
        What is being done, for a progress bar.
    run
        The work. It changes nothing, so any thread may do it, and cancelling it or failing
        in it leaves everything as it was.
    commit
        Puts the result into the session and tells listeners; for the thread that owns the
        session.
    """

    title: str
    run: Callable[[Progress | None, Cancel | None], Result]
    commit: Callable[[Result], None]

    def __call__(self, progress: Progress | None = None, cancel: Cancel | None = None) -> Result:
        """Do both halves here and now."""
        result = self.run(progress, cancel)
        self.commit(result)
        return result
