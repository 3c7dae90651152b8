"""Public data sets as their own folders lie: each layout found by its shape, read by one file."""

from napari_cmr.io.layouts.data_set import Case, DataSet, Drawn, Subject, Tree
from napari_cmr.io.layouts.finding import LAYOUTS, detect, open_data_set
from napari_cmr.io.layouts.manifest import Written, make_manifest

__all__ = [
    "LAYOUTS",
    "Case",
    "DataSet",
    "Drawn",
    "Subject",
    "Tree",
    "Written",
    "detect",
    "make_manifest",
    "open_data_set",
]
