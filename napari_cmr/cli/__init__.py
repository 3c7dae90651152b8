"""The same verbs for the terminal."""

from napari_cmr.cli.app import main

__all__ = ["main"]
