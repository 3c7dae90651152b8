"""Run a segmenter on a stack: resample, find the heart, crop, and go back to the source grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_cmr.core import (
    Cancel,
    Finding,
    LabelArray,
    Progress,
    Segmentation,
    Stack,
    Structure,
    check_cancel,
)
from napari_cmr.nets.cleanup import one_heart
from napari_cmr.nets.crop import Crop
from napari_cmr.nets.echo import ECHO_TASK, segment_echo
from napari_cmr.nets.locate import find_heart
from napari_cmr.nets.neighbours import slice_distance, stride
from napari_cmr.nets.sampling import is_blank
from napari_cmr.nets.shelf import Model
from napari_cmr.nets.turns import turned, turned_back, turns_of
from napari_cmr.nets.uncertainty import Doubt, winner

BATCH = 10
"""Slices at once: an eighth faster than 16 on a CPU, whose caches hold no more."""
HEART_NOT_FOUND = Finding(
    "heart-not-found",
    "The localiser found no heart.",
    "The middle of the picture was segmented instead; check the contours.",
)


def predict(
    stack: Stack,
    model: Model,
    *,
    phases: Sequence[int] | None = None,
    arrived: Callable[[int, LabelArray], None] | None = None,
    uncertainty: bool = False,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Segmentation:
    """Segment every slice of every phase.

    Parameters
    ----------
    stack
        ``(t, z, y, x)`` pixels of a short-axis cine.
    model
        A model for ``cine_sax_seg``, or for ``echo_lv_seg`` and an ultrasound loop.
    phases
        Only these, in this order, with the heart looked for in all of them; the others stay
        empty. All if None, and always of an ultrasound loop.
    arrived
        Called with a phase and its ``(z, y, x)`` labels as soon as they are found. Not of an
        ultrasound loop.
    uncertainty
        Whether the segmentation also says how sure the model is; it takes no further runs of
        the network. Not of an ultrasound loop.
    progress
        Called with the number of slices done and in all.

    Raises
    ------
    CancelledError
        If ``cancel`` returned True between two batches.
    """
    check_cancel(cancel)
    if model.card.task == ECHO_TASK:
        return segment_echo(stack, model, progress=progress, cancel=cancel)
    heart = find_heart(stack, model)
    t, z, rows, columns = stack.shape
    labels = np.zeros(stack.shape, np.uint8)
    spec = model.card.networks["segmenter"]
    crop = Crop.of(spec.grid, heart.centre_mm, heart.pixel_mm, (rows, columns))
    step = stride(slice_distance(stack.geometry), spec.neighbour_mm)
    wanted = range(t) if phases is None else tuple(dict.fromkeys(phases))
    pixel_mm2 = heart.pixel_mm[0] * heart.pixel_mm[1]
    doubt = Doubt(stack.shape, spec.structures, pixel_mm2) if uncertainty else None
    done = 0
    for phase in wanted:
        crops = crop.inputs(stack.pixels[phase], spec.neighbours, step)
        for start in range(0, z, BATCH):
            check_cancel(cancel)
            part = slice(start, start + BATCH)
            labels[phase, part, *crop.window] = _segment(crops[part], model, crop, doubt)
            done += len(crops[part])
            if progress is not None:
                progress(done, len(wanted) * z)
        if model.card.test_time.get("one_heart"):
            seen = (phase, slice(None), *crop.window)
            labels[seen] = one_heart(labels[seen])
        if doubt is not None:
            doubt.end_phase(phase, labels[phase][:, *crop.window], crop.window)
        if arrived is not None:
            arrived(phase, labels[phase])
    found = Segmentation.on(stack, labels, model.title)
    if doubt is not None:
        found = replace(found, uncertainty=doubt.result())
    return found if heart.found else found.with_findings(HEART_NOT_FOUND)


def _segment(crops: Tensor, model: Model, crop: Crop, doubt: Doubt | None) -> LabelArray:
    """``(n, c, size, size)`` crops to ``(n, h, w)`` labels in the crop's window.

    A blank slice has none, whatever its neighbours show.
    """
    answers = _in_turns(model, crops)
    on_source = crop.on_source(functional.log_softmax(answers.mean(0), 1))
    if doubt is not None:
        doubt.take(answers, on_source)
    structures = model.card.networks["segmenter"].structures
    table = np.array([Structure[name] for name in structures], np.uint8)
    labels = table[winner(on_source, 1).numpy()]
    labels[is_blank(crops[:, crops.shape[1] // 2]).numpy()] = 0
    return np.asarray(labels, np.uint8)


def _in_turns(model: Model, crops: Tensor) -> Tensor:
    """``(v, n, c, size, size)`` logits of the picture and the turns that the card asks for."""
    answers = [
        turned_back(model.run("segmenter", turned(crops, turn)), turn)
        for turn in turns_of(model.card)
    ]
    return torch.stack(answers)
