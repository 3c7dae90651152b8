"""Studies in and out. The only room that imports pydicom or nibabel.

What reads a format is imported when its name is first used, so that a command that reads nothing
does not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_cmr.io.catalogue import Catalogue, Entry
    from napari_cmr.io.deidentify import deidentified_copy
    from napari_cmr.io.demo import demo_study
    from napari_cmr.io.loading import load, open_stack, sax_cine
    from napari_cmr.io.scanning import scan

_HOMES = {
    "Catalogue": "catalogue",
    "Entry": "catalogue",
    "deidentified_copy": "deidentify",
    "demo_study": "demo",
    "load": "loading",
    "open_stack": "loading",
    "sax_cine": "loading",
    "scan": "scanning",
}
__all__ = [
    "Catalogue",
    "Entry",
    "deidentified_copy",
    "demo_study",
    "load",
    "open_stack",
    "sax_cine",
    "scan",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
