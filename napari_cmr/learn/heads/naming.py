"""What the shipped heads say of one stack: its sequence, its scar, the person's disease group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from napari_cmr.core import Cancel, InputError, Segmentation, Sequence, Stack, check_cancel
from napari_cmr.learn.heads.biomarkers import BIOMARKERS, as_features, biomarkers, told
from napari_cmr.learn.heads.enhancement import areas_of, numbers_of
from napari_cmr.learn.heads.logistic import probabilities
from napari_cmr.learn.heads.over_manifest import HeadModel, load_head
from napari_cmr.nets.features import picture_features, pictures

_REASONS = 3


@dataclass(frozen=True)
class Answer:
    """What one head says.

    Parameters
    ----------
    question
        What was asked, for a reader.
    chances
        (class, probability), the likeliest first; empty where it could not be asked.
    model
        Name and version of the head.
    because
        What spoke most for the likeliest class, or why there is no answer.
    """

    question: str
    chances: tuple[tuple[str, float], ...]
    model: str = ""
    because: str = ""

    def __str__(self) -> str:
        if not self.chances:
            return f"{self.question}: {self.because}"
        told = ", ".join(f"{name} {100 * chance:.0f} %" for name, chance in self.chances)
        because = f" Because of {self.because}." if self.because else ""
        return f"{self.question}: {told} ({self.model}).{because}"


def answers(
    stack: Stack,
    segmentation: Segmentation | None = None,
    *,
    ed: int | None = None,
    es: int | None = None,
    cancel: Cancel | None = None,
) -> tuple[Answer, ...]:
    """Ask every head that this stack is something for.

    The sequence is always asked for; the disease group of a segmented cine; scar of a late
    enhancement. A head that is missing or cannot answer says why.

    Parameters
    ----------
    segmentation, ed, es
        Of the stack, as a reader has it.

    Raises
    ------
    CancelledError
        If ``cancel`` said so.
    """
    asked: list[tuple[str, Callable[[], Answer]]] = [("Sequence", lambda: _sequence(stack, cancel))]
    if stack.sequence is Sequence.LGE:
        asked.append(("Late enhancement", lambda: _scar(stack, cancel)))
    elif segmentation is not None:
        asked.append(("Disease group", lambda: _disease(segmentation, ed, es)))
    found = []
    for question, ask in asked:
        check_cancel(cancel)
        try:
            found.append(ask())
        except InputError as error:
            found.append(Answer(question, (), because=str(error)))
    return tuple(found)


def _sequence(stack: Stack, cancel: Cancel | None) -> Answer:
    head = load_head("sequence_cls")
    assert head.encoder is not None
    features = picture_features(stack, head.encoder, pictures(stack), cancel=cancel)
    return _answer("Sequence", head, features.mean(0).double().numpy())


def _disease(segmentation: Segmentation, ed: int | None, es: int | None) -> Answer:
    head = load_head("disease")
    measured = biomarkers(segmentation, ed=ed, es=es)
    values = as_features([measured])[0]
    with torch.inference_mode():
        parts = head.head.contributions(torch.from_numpy(values[None]).float()).numpy()[0]
    likeliest = int(probabilities(head.head, values[None])[0].argmax())
    spoke = dict(zip(BIOMARKERS, parts[likeliest], strict=True))
    most = [n for n in sorted(spoke, key=lambda n: -spoke[n])[:_REASONS] if spoke[n] > 0]
    because = "; ".join(told(name, measured[name]) for name in most)
    return _answer("Disease group", head, values, because)


def _scar(stack: Stack, cancel: Cancel | None) -> Answer:
    head = load_head("lge_pathology")
    assert head.segmenter is not None
    areas = areas_of(stack, head.segmenter, cancel=cancel)
    scar, wall = areas.sum(0)
    if not wall:
        raise InputError("No wall was found in these images, so scar cannot be told from none.")
    because = f"{100 * scar / wall:.0f} % of the wall being called scar"
    return _answer("Late enhancement", head, numbers_of(areas), because)


def _answer(question: str, head: HeadModel, values: np.ndarray, because: str = "") -> Answer:
    found = probabilities(head.head, values[None])[0]
    order = np.argsort(-found)
    chances = tuple((head.classes[i], float(found[i])) for i in order)
    return Answer(question, chances, head.title, because)
