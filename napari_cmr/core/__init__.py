"""What a study is. numpy only; imports nothing of ours."""

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
from napari_cmr.core.geometry import FloatArray, Geometry
from napari_cmr.core.labels import LABEL_MAPS, LabelArray, LabelMap, Structure, label_map
from napari_cmr.core.measures import Measures
from napari_cmr.core.progress import Cancel, Progress, check_cancel
from napari_cmr.core.segmentation import Segmentation
from napari_cmr.core.stack import Layout, Sequence, Stack, Study, View
from napari_cmr.core.uncertainty import Uncertainty
from napari_cmr.core.writing import placing, replacing

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
