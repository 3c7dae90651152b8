"""Whether there is a display that a window can open on."""

from __future__ import annotations

import os
import re
import socket
import sys
from contextlib import closing

_X11 = re.compile(r"(?P<host>.*):(?P<number>\d+)(\.\d+)?$")
_TIMEOUT_S = 2.0


def has_display() -> bool:
    """True on a desktop; on X11 only if the server that ``DISPLAY`` names answers.

    Qt ends the whole process where it does not, as after a lost remote session.
    """
    if sys.platform in ("darwin", "win32") or os.environ.get("WAYLAND_DISPLAY"):
        return True
    named = _X11.match(os.environ.get("DISPLAY", ""))
    return named is not None and _answers(named["host"], int(named["number"]))


def _answers(host: str, number: int) -> bool:
    path = f"/tmp/.X11-unix/X{number}"  # noqa: S108  where X servers listen
    if host in ("", "unix"):
        return any(_connects(socket.AF_UNIX, address) for address in (path, f"\0{path}"))
    try:
        with closing(socket.create_connection((host, 6000 + number), timeout=_TIMEOUT_S)):
            return True
    except OSError:
        return False


def _connects(family: socket.AddressFamily, address: str) -> bool:
    with closing(socket.socket(family)) as connection:
        connection.settimeout(_TIMEOUT_S)
        try:
            connection.connect(address)
        except OSError:
            return False
        return True
