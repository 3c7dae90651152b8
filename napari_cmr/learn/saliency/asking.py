"""From words to a question: ``ef``, ``volume:LV``, ``disease:DCM``, ``sequence``, ``feature``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_cmr.core import InputError, Segmentation, Stack, Structure
from napari_cmr.learn.heads.over_manifest import load_head
from napari_cmr.learn.saliency.class_targets import disease, feature, picture_class, scar
from napari_cmr.learn.saliency.question import Question
from napari_cmr.learn.saliency.targets import SegmenterView, ejection_fraction, mass, volume
from napari_cmr.nets import find_heart, load_model
from napari_cmr.nets.encoders import load_encoder

ENCODER = "cmr-vit-mim"


def ask(
    stack: Stack,
    target: str,
    *,
    segmentation: Segmentation | None,
    ed: int,
    es: int,
    phases: Sequence[int],
    model: str | Path | None = None,
) -> tuple[Question, str]:
    """The question that a target's words mean, and the model that it is put to.

    Parameters
    ----------
    target
        A kind, and after a colon what of it: see `TARGETS`.
    segmentation, ed, es
        Of the stack; only `disease` reads the labels.
    phases
        What a volume is explained in; the first of them for `feature`.
    model
        Name or folder; the shelf's best of the target's task if None.

    Raises
    ------
    InputError
        If the words mean nothing, or the stack or the model does not allow the question.
    """
    kind, _, what = target.partition(":")
    if kind not in TARGETS:
        raise InputError(f"There is no target '{target}'; there are {', '.join(TARGETS)}.")
    if kind in ("volume", "ef", "mass"):
        return _of_segmenter(stack, kind, what, ed, es, phases, model)
    if kind == "feature":
        return _of_encoder(stack, phases[0], model)
    head = load_head(TASKS[kind], model)
    if kind == "disease":
        if segmentation is None:
            raise InputError("Disease is told from labels; segment the stack first.")
        view = SegmenterView.of(stack, load_model())
        return disease(view, segmentation, head, what), head.title
    if kind == "scar":
        return scar(stack, head, what), head.title
    return picture_class(stack, head, what), head.title


TARGETS = {
    "volume": "volume:LV, volume:MYO or volume:RV, by phase",
    "ef": "what moves the LV ejection fraction",
    "mass": "the LV's mass",
    "disease": "disease, or disease:DCM and so on: one of the five groups",
    "sequence": "sequence, or sequence:cine and so on",
    "view": "view, or view:4CH and so on",
    "scar": "scar, or scar:pathological: late enhancement",
    "feature": "what an encoder without a head sees",
}
"""Kind -> what it means."""

TASKS = {
    "disease": "disease",
    "sequence": "sequence_cls",
    "view": "view_cls",
    "scar": "lge_pathology",
}


def _of_segmenter(
    stack: Stack,
    kind: str,
    what: str,
    ed: int,
    es: int,
    phases: Sequence[int],
    model: str | Path | None,
) -> tuple[Question, str]:
    view = SegmenterView.of(stack, load_model(model))
    if kind == "ef":
        return ejection_fraction(view, ed, es), view.model.title
    if kind == "mass":
        return mass(view, ed), view.model.title
    name = (what or "LV").upper()
    if name not in Structure.__members__:
        raise InputError(f"There is no structure '{what}'; say volume:LV, volume:MYO or volume:RV.")
    return volume(view, name, phases), view.model.title


def _of_encoder(stack: Stack, phase: int, model: str | Path | None) -> tuple[Question, str]:
    card, encoder, _ = load_encoder(model or ENCODER)
    heart = find_heart(stack, load_model())
    question = feature(stack, card, encoder, heart, phase)
    return question, f"{card.name} {card.version}"
