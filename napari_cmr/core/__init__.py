"""What a study is. numpy only; imports nothing of ours.

What needs numpy is imported when it is first used, so the terminal's help does not wait.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_cmr.core.errors import (
    CancelledError,
    GeometryError,
    InputError,
    ModelError,
    NothingToReadError,
    SpacingUnknownError,
    WriteError,
)
from napari_cmr.core.finding import Finding
from napari_cmr.core.kinds import Sequence, View
from napari_cmr.core.progress import Cancel, Progress, check_cancel
from napari_cmr.core.writing import placing, replacing

if TYPE_CHECKING:
    from napari_cmr.core.geometry import FloatArray, Geometry
    from napari_cmr.core.labels import LABEL_MAPS, LabelArray, LabelMap, Structure, label_map
    from napari_cmr.core.measures import Measures
    from napari_cmr.core.segmentation import Segmentation
    from napari_cmr.core.stack import Layout, Stack, Study
    from napari_cmr.core.uncertainty import Uncertainty

_HOMES = {
    "FloatArray": "geometry",
    "Geometry": "geometry",
    "LABEL_MAPS": "labels",
    "LabelArray": "labels",
    "LabelMap": "labels",
    "Layout": "stack",
    "Measures": "measures",
    "Segmentation": "segmentation",
    "Stack": "stack",
    "Structure": "labels",
    "Study": "stack",
    "Uncertainty": "uncertainty",
    "label_map": "labels",
}
__all__ = [
    "LABEL_MAPS",
    "Cancel",
    "CancelledError",
    "Finding",
    "FloatArray",
    "Geometry",
    "GeometryError",
    "InputError",
    "LabelArray",
    "LabelMap",
    "Layout",
    "Measures",
    "ModelError",
    "NothingToReadError",
    "Progress",
    "Segmentation",
    "Sequence",
    "SpacingUnknownError",
    "Stack",
    "Structure",
    "Study",
    "Uncertainty",
    "View",
    "WriteError",
    "check_cancel",
    "label_map",
    "placing",
    "replacing",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
