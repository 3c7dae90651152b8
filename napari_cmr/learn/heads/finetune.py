"""Train a light head: seconds once the features are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from napari_cmr.core import InputError
from napari_cmr.io.manifest import ManifestRow, read_manifest
from napari_cmr.learn.finetune import TERMS, hardware, manifest_hash, refuse_overlap
from napari_cmr.learn.heads.biomarkers import BIOMARKERS
from napari_cmr.learn.heads.embedding import GRID
from napari_cmr.learn.heads.enhancement import CASE_NUMBERS, load_segmenter
from napari_cmr.learn.heads.fitting import (
    fit_disease,
    fit_fused_disease,
    fit_pictures,
    fit_scar,
    set_name,
)
from napari_cmr.learn.heads.fusing import PICTURES, PICTURES_WEIGHT
from napari_cmr.learn.heads.reading import Features
from napari_cmr.learn.heads.tasks import DISEASE, HEAD_TASKS, SCAR, HeadTask
from napari_cmr.nets import Card, InputGrid, Model, Network, TrainingData, load_model, save_model
from napari_cmr.nets.below import keep_below
from napari_cmr.nets.card import ModelName
from napari_cmr.nets.card_shelf import refuse_other_task
from napari_cmr.nets.features import SIDE, FrozenEncoder, load_frozen
from napari_cmr.nets.linear_head import LINEAR

ENCODER, SEGMENTER = "cmr-unet-pcl", "lge-sax-unet"


def finetune_head(
    task: str,
    manifests: Sequence[Path],
    out: Path,
    *,
    encoder: str | Path | None = None,
    name: str | None = None,
    version: str = "1.0.0",
    seed: int = 0,
    threads: int = 2,
    cache: Features | None = None,
    terms: str = TERMS,
    say: Callable[[str], None] = print,
) -> Card:
    """Train a head on the ``train`` rows that say the truth and measure it on ``validation``.

    The penalty is chosen by the log loss on training subjects left out, ten folds by subject;
    what the head chosen so says of them is on the card, beside the validation subjects.

    Parameters
    ----------
    task
        ``sequence_cls``, ``view_cls``, ``disease`` or ``lge_pathology``.
    manifests
        One CSV a data set. Rows without a split count as ``train``.
    encoder
        Frozen encoder, by shelf name or folder; the shipped U-Net start if None. For late
        enhancement the segmenter, the shipped one if None. Disease is learnt from the biomarkers
        of the experts' labels, and beside them from those of a short-axis segmenter if one is
        named: best one that never saw these patients, since it will be used on new ones. With
        it a second head learns from the pictures round the hearts that it finds, through the
        shipped U-Net start; it counts as much as helps on training subjects left out.
    cache
        Features of that encoder by image, for several heads in one go.

    Raises
    ------
    InputError
        If a manifest or a file it names is at fault, fewer than two classes are there to be
        told apart, a subject is in both splits, or ``out`` holds a model of another task.
    """
    refuse_other_task(out, task)
    torch.set_num_threads(threads)
    began = time.monotonic()
    kind = HEAD_TASKS[task]
    sets = {path: read_manifest(path, need_labels=task == DISEASE) for path in manifests}
    train = {p: _labelled(kind, rows, ("", "train")) for p, rows in sets.items()}
    held = {p: _labelled(kind, rows, ("validation",)) for p, rows in sets.items()}
    refuse_overlap(train, held)
    classes = _classes(kind, [row for rows in train.values() for row in rows])
    segmenter = _segmenter(task, encoder)
    frozen = _frozen(task, encoder, segmenter)
    say(f"reading {sum(map(len, train.values()))} training rows")
    if task == DISEASE and segmenter is None:
        fitted = fit_disease(kind, train, held, classes, seed)
    elif task == DISEASE:
        assert segmenter is not None
        assert frozen is not None
        fitted = fit_fused_disease(kind, train, held, classes, segmenter, frozen, seed)
    elif segmenter is not None:
        fitted = fit_scar(kind, train, held, classes, segmenter, seed)
    else:
        assert frozen is not None
        fitted = fit_pictures(
            kind, train, held, classes, frozen, {} if cache is None else cache, seed
        )
    test_time = _test_time(task, frozen, segmenter, fitted.recipe.get(PICTURES_WEIGHT, 0.0))
    below = test_time.get("encoder") or test_time.get("segmenter")
    counts = {set_name(p, rows, train): len({r.subject for r in rows}) for p, rows in train.items()}
    card = Card(
        name=name or f"{task.replace('_', '-')}-head",
        version=version,
        task=task,
        networks={
            role: _network(role, module, classes) for role, module in fitted.networks.items()
        },
        tier="head",
        parent=ModelName(**below).title if below else None,
        label_map="none",
        test_time=test_time,
        training_data=TrainingData(
            sets=counts, manifest_sha256=manifest_hash(manifests), terms=terms
        ),
        recipe={**fitted.recipe, "numbers_from": _numbers_from(task, segmenter)},
        seed=seed,
        hours=(time.monotonic() - began) / 3600,
        hardware=hardware(),
        finished=True,
        metrics=fitted.metrics,
        sha256="",
        licence="BSD-3-Clause for the weights; the training images have terms of their own",
        intended_use=_USE[task],
        bad_at=_bad_at(kind, classes),
    )
    if encoder is not None and task != DISEASE:
        keep_below(out, encoder)
    return save_model(out, card, fitted.networks)


def _labelled(
    task: HeadTask, rows: Sequence[ManifestRow], splits: Sequence[str]
) -> list[ManifestRow]:
    return [row for row in rows if row.split in splits and task.truth(row) is not None]


def _classes(task: HeadTask, rows: Sequence[ManifestRow]) -> tuple[str, ...]:
    there = {task.truth(row) for row in rows}
    classes = tuple(c for c in task.classes if c in there)
    if len(classes) < 2:
        raise InputError(
            f"To train {task.name} two classes are needed, but the training rows' column "
            f"{task.column} holds {f'{classes[0]} only' if classes else 'none of them'}."
        )
    return classes


def _network(role: str, module: nn.Module, classes: Sequence[str]) -> Network:
    whole = "the longer side and half of it, each of zero mean and unit spread"
    field = InputGrid(spacing_mm=1.0, size=SIDE, normalisation=whole)
    return Network(
        encoder=LINEAR,
        channels=(len(torch.as_tensor(module.centre)),),
        structures=tuple(classes),
        grid=GRID if role == PICTURES else field,
    )


def _test_time(
    task: str, frozen: FrozenEncoder | None, segmenter: Model | None, pictures_weight: float
) -> dict[str, Any]:
    """What the numbers are, and what they come from."""
    if task == DISEASE:
        inputs = {"inputs": list(BIOMARKERS)}
        if frozen is None or pictures_weight == 0:
            return inputs
        return inputs | {"encoder": frozen.told.model_dump(), PICTURES_WEIGHT: pictures_weight}
    if segmenter is not None:
        told = ModelName.of(segmenter.card).model_dump()
        return {"segmenter": told, "inputs": list(CASE_NUMBERS)}
    assert frozen is not None
    return {"encoder": frozen.told.model_dump()}


def _segmenter(task: str, name: str | Path | None) -> Model | None:
    """The segmenter that a head's numbers come from, if any."""
    if task == SCAR:
        return load_segmenter(name or SEGMENTER)
    return load_model(name) if task == DISEASE and name is not None else None


def _frozen(task: str, name: str | Path | None, segmenter: Model | None) -> FrozenEncoder | None:
    """The encoder that sees the pictures, if any; disease's is the shipped one."""
    if task == DISEASE:
        return None if segmenter is None else load_frozen(ENCODER)
    return None if task == SCAR else load_frozen(name or ENCODER)


def _numbers_from(task: str, segmenter: Model | None) -> str:
    if task == DISEASE:
        return "experts' labels" + (f", and those of {segmenter.title}" if segmenter else "")
    return "the segmenter's labels" if task == SCAR else "the frozen encoder"


def _bad_at(task: HeadTask, classes: Sequence[str]) -> tuple[str, ...]:
    absent = [c for c in task.classes if c not in classes]
    never = (f"it was shown no {', '.join(absent)} and never says so",) if absent else ()
    return (*never, *_BAD_AT[task.name])


_USE = {
    "sequence_cls": "Names the sequence of a cardiac MR picture, to sort by; not a finding.",
    "view_cls": "Names the view of a cardiac MR picture, to sort by; not a finding.",
    "disease": "Names the likeliest of five groups from ED and ES, for research; not a diagnosis.",
    "lge_pathology": "Tells late enhancement from none, for research; not a diagnosis.",
}
_BAD_AT = {
    "sequence_cls": ("pictures of scanners and set-ups unlike those it was shown",),
    "view_cls": ("pictures of scanners and set-ups unlike those it was shown",),
    "disease": (
        "any disease but its groups, and more than one at a time",
        "infarcts that leave the wall's motion as it was",
        "a segmentation that is wrong at the base",
    ),
    "lge_pathology": (
        "small scars, and bright artefacts in a normal wall",
        "pictures of scanners and set-ups unlike those it was shown",
    ),
}
