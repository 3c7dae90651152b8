"""How far found landmarks lie from those that the rule has in the expert's mask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from napari_cmr.core import FloatArray, Stack
from napari_cmr.io.manifest import (
    ManifestRow,
    join_slices,
    labelled_slices,
    load_image,
    load_label,
)
from napari_cmr.learn.evaluate import SubjectMetrics, summarise
from napari_cmr.learn.label_faults import described, refuse_labels_under_wrong_map
from napari_cmr.learn.landmarks.kinds import LandmarkKind
from napari_cmr.nets import Metric
from napari_cmr.nets.heat_maps import LandmarkModel, find_landmarks

Errors = dict[str, list[float]]


def measure_landmarks(
    rows: Sequence[ManifestRow],
    kind: LandmarkKind,
    model: LandmarkModel,
    *,
    done: Callable[[], None] = lambda: None,
) -> tuple[dict[str, SubjectMetrics], dict[str, Metric]]:
    """Distances in the plane, over all described slices whose mask has the landmarks.

    Returns
    -------
    subjects, mean
        ``landmark_mm`` (all points), ``POINT_mm``; where the spacing is unknown ``_px`` in place
        of ``_mm``. Beside them ``heat_...``: the heat maps alone, and ``by_contours``, the share
        of slices in which the segmenter's contours told.

    Raises
    ------
    InputError
        If a file is at fault, or labels cannot be those of the map they are said to be in.
    """
    errors: dict[str, Errors] = defaultdict(lambda: defaultdict(list))
    for row in join_slices([row for row in rows if row.label is not None]):
        stack = load_image(row)
        phases, truth = load_label(row, stack)
        refuse_labels_under_wrong_map([(row.subject, described(row, truth.labels))])
        spacing = stack.geometry.pixel_spacing
        found = find_landmarks(stack, model, phases=phases)
        for phase, masks in zip(phases, truth.labels, strict=True):
            for z in labelled_slices(row, len(masks)):
                true = kind.rule(masks[z], spacing)
                if true is None:
                    continue
                of = errors[row.subject]
                _note(of, "", kind, stack, found[phase].places[z] - true)
                _note(of, "heat_", kind, stack, found[phase].peaks[z] - true)
                of["by_contours"].append(float(found[phase].by_contours[z]))
        done()
    subjects = {
        subject: {name: float(np.mean(values)) for name, values in of.items()}
        for subject, of in errors.items()
    }
    return subjects, summarise(subjects)


def _note(of: Errors, prefix: str, kind: LandmarkKind, stack: Stack, off: FloatArray) -> None:
    """Add the distances of one slice's points from where they should be, ``(k, 2)`` pixels."""
    known = stack.geometry.spacing_known
    unit = "mm" if known else "px"
    step = np.array(stack.geometry.pixel_spacing if known else (1.0, 1.0))
    distances = np.linalg.norm(off * step, axis=1)
    for point, distance in zip(kind.points, distances, strict=True):
        of[f"{prefix}{point}_{unit}"].append(float(distance))
    of[f"{prefix}landmark_{unit}"].append(float(distances.mean()))
