"""Who may write: a lock on a file that ends with its owner, however that ends."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

EVERY_S = 0.1
DYING_S = 30.0
"""How long a killed owner is waited for. Linux frees its memory before it lets go of its files, and
leaves that to whichever thread is the last, for a window one of the least priority: 8 and 16 s were
seen on a busy machine."""
_EXITING = 0x4  # PF_EXITING, the ninth field of Linux's /proc/PID/stat


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
        if self.held:
            _sign(self._descriptor)

    def owner_is_dying(self) -> bool:
        """Whether who has it was killed and can do nothing any more; False where nobody knows."""
        return _is_dying(os.pread(self._descriptor, 32, 0)) if _CAN_TELL else False

    def release(self) -> None:
        """Let others write."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self.held = -1, False


def lock_within(file: Path, seconds: float) -> FolderLock | None:
    """The lock, tried again for so long; None if others have it all the while.

    An owner that was killed is waited for until its end, half a minute at most.

    Raises
    ------
    OSError
        If the file cannot be made or opened.
    """
    begun = time.monotonic()
    while True:
        lock = FolderLock(file)
        if lock.held:
            return lock
        patience = max(seconds, DYING_S) if lock.owner_is_dying() else seconds
        lock.release()
        if time.monotonic() - begun >= patience:
            return None
        time.sleep(EVERY_S)


_CAN_TELL = sys.platform == "linux"


def _sign(descriptor: int) -> None:
    """Write whose it is, for `FolderLock.owner_is_dying`."""
    if _CAN_TELL:
        with suppress(OSError):  # a full disk, which others will tell of
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _is_dying(signed: bytes) -> bool:
    if not signed.isdigit():
        return False
    try:
        stat = Path(f"/proc/{int(signed)}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return True  # or it is of another container, which costs patience alone
    except OSError:
        return False
    state, *fields = stat.rpartition(")")[2].split()
    return state in "ZX" or bool(int(fields[5]) & _EXITING)


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
