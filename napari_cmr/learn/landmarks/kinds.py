"""Which landmarks a view has, by which rule, and on which segmenter they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_cmr.core import InputError, ModelError, View
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.measure.landmarks import (
    LAX_LANDMARKS,
    SAX_LANDMARKS,
    lax_landmarks,
    sax_landmarks,
)
from napari_cmr.nets import list_models, load_model
from napari_cmr.nets.below import find_below
from napari_cmr.nets.card import ModelName
from napari_cmr.nets.heat_maps import LandmarkModel, Rule

TASK = "landmarks"


@dataclass(frozen=True)
class LandmarkKind:
    """The landmarks of one view."""

    view: View
    points: tuple[str, ...]
    rule: Rule
    segmenter_task: str
    model: str
    intended_use: str
    bad_at: tuple[str, ...]


KINDS: Mapping[View, LandmarkKind] = {
    kind.view: kind
    for kind in (
        LandmarkKind(
            View.SAX,
            SAX_LANDMARKS,
            sax_landmarks,
            "cine_sax_seg",
            "sax-landmarks",
            "Short-axis cine: the LV's middle and the two RV insertion points. Research only.",
            ("slices without RV or wall, whose points mean nothing", "sequences other than cine"),
        ),
        LandmarkKind(
            View.CH4,
            LAX_LANDMARKS,
            lax_landmarks,
            "cine_lax_seg",
            "lax-landmarks",
            "Four-chamber cine: the LV's apex and the ends of the mitral annulus. Research only.",
            ("two- and three-chamber views, which it never saw",),
        ),
    )
}
"""View -> what is found there."""


def kind_of(rows: Sequence[ManifestRow]) -> LandmarkKind:
    """What the rows of a manifest ask for; short axis where they do not say their view.

    Raises
    ------
    InputError
        If the view has no landmarks, or rows differ.
    """
    views = {row.view or str(View.SAX) for row in rows}
    if len(views) > 1:
        raise InputError(
            f"The manifest mixes the views {', '.join(sorted(views))}; give one a manifest."
        )
    view = views.pop()
    if view not in set(KINDS):
        raise InputError(f"There are landmarks of {' and '.join(KINDS)}, not of {view}.")
    return KINDS[View(view)]


def load_landmarks(kind: LandmarkKind, model: str | Path | None = None) -> LandmarkModel:
    """Load a head and the segmenter that its card names; the shelf's for the view if None.

    Raises
    ------
    ModelError
        If there is none, it is of another view, or the segmenter is not the one that it was
        trained on.
    """
    name = model or next(
        (
            card.name
            for card in list_models()
            if card.task == TASK and card.test_time.get("view") == kind.view
        ),
        None,
    )
    if name is None:
        raise ModelError(f"No model for landmarks of {kind.view} is installed; name one.")
    head = load_model(name, task=TASK)
    if head.card.test_time.get("view") != kind.view:
        raise ModelError(
            f"The model {head.card.name} is for {head.card.test_time.get('view')}, "
            f"the manifest shows {kind.view}."
        )
    wanted = ModelName.model_validate(head.card.test_time.get("segmenter"))
    segmenter = load_model(find_below(name, wanted.name), task=kind.segmenter_task)
    if ModelName.of(segmenter.card) != wanted:
        raise ModelError(
            f"The landmarks of {head.title} sit on {wanted.title}, but {segmenter.title} is "
            "installed; train them again."
        )
    return LandmarkModel(head, segmenter, kind.rule)
