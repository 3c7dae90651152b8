"""The study that comes with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def demo_study() -> Path:
    """Folder of the bundled study: a person's cine, de-identified; see ``demo/README.md``."""
    return Path(str(files("napari_cmr") / "demo" / "study"))
