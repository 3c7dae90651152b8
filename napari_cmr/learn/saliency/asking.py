"""From words to a question: ``ef``, ``volume:LV``, ``disease:DCM``, ``sequence``, ``feature``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_cmr.core import InputError, Segmentation, Stack, Structure
from napari_cmr.learn.heads.over_manifest import load_head
from napari_cmr.learn.saliency.class_targets import disease, feature, picture_class, scar
from napari_cmr.learn.saliency.question import Question
from napari_cmr.learn.saliency.targets import SegmenterView, ejection_fraction, mass, volume
from napari_cmr.nets import Model, find_card, find_heart, load_model
from napari_cmr.nets.encoders import load_encoder
from napari_cmr.nets.segmenter_tasks import CINE, task_of

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
        Name or folder; the shelf's best of the target's task if None. A volume or mass of late
        enhancement is the late-enhancement segmenter's.

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
    "volume": "volume:LV, volume:MYO or volume:RV, by phase; INFARCT, MVO of late enhancement",
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
    view = SegmenterView.of(stack, _segmenter(stack, model))
    if kind == "ef":
        return ejection_fraction(view, ed, es), view.model.title
    if kind == "mass":
        return mass(view, ed), view.model.title
    name = (what or "LV").upper()
    if name not in Structure.__members__:
        raise InputError(f"There is no structure '{what}'; say volume:LV, volume:MYO or volume:RV.")
    return volume(view, name, phases), view.model.title


def _segmenter(stack: Stack, model: str | Path | None) -> Model:
    """The segmenter of the stack's task; a cine model that is named is taken for what it is."""
    task = task_of(stack)
    if model is not None and find_card(model).task == CINE:
        task = CINE
    return load_model(model, task=task)


def _of_encoder(stack: Stack, phase: int, model: str | Path | None) -> tuple[Question, str]:
    card, encoder, _ = load_encoder(model or ENCODER)
    heart = find_heart(stack, load_model(task=task_of(stack)))
    question = feature(stack, card, encoder, heart, phase)
    return question, f"{card.name} {card.version}"
