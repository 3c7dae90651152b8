"""The program's verbs in this process, and where identity was asked for."""

from __future__ import annotations

import sys
from unittest import mock

from napari_cmr.cli import main

IDENTIFIED = "identified"
"""Folder of what was exported or fetched with identity, on request."""


def call(*arguments: object, code: int = 0) -> None:
    """Run a verb as the program does."""
    with mock.patch.object(sys, "argv", ["napari-cmr", *map(str, arguments)]):
        ended: object = 0
        try:
            main()
        except SystemExit as left:
            ended = left.code or 0
        assert ended == code, f"{arguments} ended with {ended}"
