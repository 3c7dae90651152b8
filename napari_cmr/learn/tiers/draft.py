"""The open study again, a moment after a slice was corrected: a draft, never a version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from napari_cmr.core import Cancel, LabelArray, Progress, Segmentation, Stack, Structure
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.learn.examples import LabelledRow
from napari_cmr.learn.tiers.head import HeadConfig, head_examples, train_head
from napari_cmr.learn.tiers.remembering import with_head
from napari_cmr.nets import Model, predict

QUICK = HeadConfig(steps=40, batch=8)


def draft(
    stack: Stack,
    model: Model,
    corrected: Mapping[tuple[int, int], LabelArray],
    *,
    others: Sequence[LabelledRow] = (),
    config: HeadConfig = QUICK,
    flips: bool = False,
    seed: int = 0,
    phases: Sequence[int] | None = None,
    arrived: Callable[[int, LabelArray], None] | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Segmentation:
    """Segment a study with a head that has just learnt from its corrected slices.

    Parameters
    ----------
    stack
        ``(t, z, y, x)`` pixels of the open study.
    model
        The active version as :func:`remembering` gives it; it stays as it is.
    corrected
        (phase, slice) to ``(y, x)`` labels in map ``cmr``, as the expert left them.
    others
        Labelled cases that are learnt from as well.
    flips
        Whether answers are averaged over flips, as for a version: better, and as many times
        slower as there are flips.
    phases
        The order in which they are segmented; as they are numbered if None.
    arrived
        Called with a phase and its ``(z, y, x)`` labels as soon as they are found.

    Returns
    -------
    Segmentation
        The corrected slices are the expert's, to the pixel.

    Raises
    ------
    InputError
        If nothing is corrected.
    CancelledError
        If ``cancel`` returned True.
    """
    spec = model.card.networks["segmenter"]
    rows = [*_rows(stack, corrected, spec.structures[1:]), *others]
    if not flips:
        model = unflipped(model)
    examples = head_examples(model, rows, config, seed=seed, cancel=cancel)
    head = train_head(model, examples, config, seed=seed, cancel=cancel)

    def take(phase: int, labels: LabelArray) -> None:
        """The expert's slices stay; ``labels`` is a part of what is returned."""
        for (at, index), drawn in corrected.items():
            if at == phase:
                labels[index] = drawn
        if arrived is not None:
            arrived(phase, labels)

    new = with_head(model, head)
    return predict(stack, new, phases=phases, arrived=take, progress=progress, cancel=cancel)


def unflipped(model: Model) -> Model:
    """The same model, asked of each picture once."""
    card = model.card.model_copy(update={"test_time": {**model.card.test_time, "flips": []}})
    return Model(card, model.networks)


def _rows(
    stack: Stack, corrected: Mapping[tuple[int, int], LabelArray], structures: Sequence[str]
) -> list[LabelledRow]:
    """One labelled row, of which only the corrected slices say anything."""
    phases = tuple(sorted({phase for phase, _ in corrected}))
    if not phases:
        return []
    labels = np.zeros((len(phases), *stack.shape[1:]), np.uint8)
    said = np.zeros(labels.shape, bool)
    for (phase, index), drawn in corrected.items():
        labels[phases.index(phase), index] = drawn
        said[phases.index(phase), index] = True
    named = tuple(int(Structure[name]) for name in structures)
    row = ManifestRow(stack.subject or "open study", image=Path())
    return [LabelledRow(row, stack, phases, labels, said, named)]
