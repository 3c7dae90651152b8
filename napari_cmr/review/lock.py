"""Who may write: a lock on a file that ends with its owner, however that ends."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

EVERY_S = 0.1


class FolderLock:
    """The right to write to a folder; one process, and one session of it, has it at a time.

    Raises
    ------
    OSError
        If the file cannot be made or opened.
    """

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self.held = _take(self._descriptor)
        """Whether it was free."""

    def release(self) -> None:
        """Let others write."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self.held = -1, False


def lock_within(file: Path, seconds: float) -> FolderLock | None:
    """The lock, tried again for so long; None if others have it all the while.

    Raises
    ------
    OSError
        If the file cannot be made or opened.
    """
    end = time.monotonic() + seconds
    while True:
        lock = FolderLock(file)
        if lock.held:
            return lock
        lock.release()
        if time.monotonic() >= end:
            return None
        time.sleep(EVERY_S)


def _take(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
