"""Stacks and segmentations as napari layers: (phase, slice, row, column) in mm."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from napari_cmr.core import Segmentation, Stack
from napari_cmr.core.palette import COLOURS
from napari_cmr.io import Catalogue
from napari_cmr.ui.orientation import edges

SOURCE = "napari-cmr"
"""Key of the `Source` in a layer's metadata."""

AXIS_LABELS = ("phase", "slice", "row", "column")
LayerData = tuple[Any, dict[str, Any], str]


@dataclass(frozen=True, eq=False)
class Source:
    """What a layer shows, and of which study."""

    catalogue: Catalogue
    stack: Stack


def image_layer(source: Source) -> LayerData:
    """Layer data of a stack's images.

    Scale is (1, slice step, row, column) with the steps in mm, so a phase counts one. Rows run
    down and columns to the right, as stored; how the patient lay stands in the metadata.
    """
    stack = source.stack
    return (
        stack.pixels,
        {
            "name": _title(stack),
            "colormap": "gray",
            "contrast_limits": contrast_limits(stack),
            "interpolation2d": "linear",
            "metadata": _metadata(source),
            **image_grid(stack),
        },
        "image",
    )


def labels_layer(source: Source, segmentation: Segmentation) -> LayerData:
    """Layer data of a segmentation, drawn as contours on the images of its stack."""
    return (
        segmentation.labels,
        {
            "name": f"{source.stack.stack_id} contours",
            "metadata": {**_metadata(source), "model": segmentation.model},
            "opacity": 1.0,
            **image_grid(source.stack),
        },
        "labels",
    )


def label_colours() -> dict[int | None, str]:
    """Colour of each label value; what is not named stays clear."""
    clear: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    return clear | {int(structure): colour for structure, colour in COLOURS.items()}


def contrast_limits(stack: Stack) -> tuple[float, float]:
    """1st and 99th percentile of the middle slice over all phases."""
    sample = stack.pixels[:, stack.shape[1] // 2]
    low, high = (float(v) for v in np.percentile(sample, (1, 99)))
    return (low, high) if high > low else (low, low + 1)


def _title(stack: Stack) -> str:
    return f"{stack.stack_id} {stack.view} {stack.sequence}"


def image_grid(stack: Stack) -> dict[str, Any]:
    """Scale, units and axis labels that every layer on a stack's pictures needs."""
    known = stack.geometry.spacing_known
    return {
        "scale": (1.0, *stack.geometry.spacing),
        "units": ("pixel", *(("mm",) * 3 if known else ("pixel",) * 3)),
        "axis_labels": AXIS_LABELS,
    }


def _metadata(source: Source) -> dict[str, Any]:
    stack = source.stack
    sides = edges(stack.geometry, stack.shape[1] // 2)
    return {
        SOURCE: source,
        "stack_id": stack.stack_id,
        "view": str(stack.view),
        "view_basis": stack.view_basis,
        "sequence": str(stack.sequence),
        "findings": [str(finding) for finding in stack.findings],
        "affine_lps": stack.geometry.affine,
        "patient_orientation": asdict(sides) if sides else None,
    }
