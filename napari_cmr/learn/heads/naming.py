"""What the shipped heads say of one stack: its sequence, its scar, the person's disease group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_cmr.core import (
    Cancel,
    FloatArray,
    InputError,
    Segmentation,
    Sequence,
    Stack,
    check_cancel,
)
from napari_cmr.learn.heads.biomarkers import BIOMARKERS, as_features, biomarkers, told
from napari_cmr.learn.heads.enhancement import areas_of, numbers_of
from napari_cmr.learn.heads.fusing import FusedHead
from napari_cmr.learn.heads.over_manifest import HeadModel, embedding_of, load_head
from napari_cmr.learn.heads.reading import Drawn, Sample
from napari_cmr.nets import load_model
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
        drawn = Drawn(stack, segmentation, range(stack.shape[0]), ed, es)
        asked.append(("Disease group", lambda: _disease(drawn, cancel)))
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
    return _answer("Sequence", head, _sample(features.mean(0).double().numpy()))


def _disease(drawn: Drawn, cancel: Cancel | None) -> Answer:
    head = load_head("disease")
    measured = biomarkers(drawn.segmentation, ed=drawn.ed, es=drawn.es)
    check_cancel(cancel)
    embed = embedding_of(head, load_model)
    sample = _sample(as_features([measured])[0], drawn.embedding(embed) if embed else None)
    likeliest = int(head.fused.probabilities([sample])[0].argmax())
    parts = head.fused.parts([sample])[0, likeliest]
    spoke = dict(zip(BIOMARKERS, parts, strict=False))  # the pictures stand behind them
    most = [n for n in sorted(spoke, key=lambda n: -spoke[n])[:_REASONS] if spoke[n] > 0]
    because = [told(name, measured[name]) for name in most]
    if embed is not None:
        alone = FusedHead(head.head).probabilities([sample])[0, likeliest]
        because.append(_told_pictures(parts[-1], head.classes[likeliest], alone))
    return _answer("Disease group", head, sample, "; ".join(because))


def _told_pictures(added: float, name: str, alone: float) -> str:
    """How much the pictures added to a class's logit, and its chance by the biomarkers alone."""
    way = "for" if added > 0 else "against"
    return f"the pictures spoke {way} it ({added:+.2f}; without them {name} {100 * alone:.0f} %)"


def _scar(stack: Stack, cancel: Cancel | None) -> Answer:
    head = load_head("lge_pathology")
    assert head.segmenter is not None
    areas = areas_of(stack, head.segmenter, cancel=cancel)
    scar, wall = areas.sum(0)
    if not wall:
        raise InputError("No wall was found in these images, so scar cannot be told from none.")
    because = f"{100 * scar / wall:.0f} % of the wall being called scar"
    return _answer("Late enhancement", head, _sample(numbers_of(areas)), because)


def _sample(values: FloatArray, embedding: FloatArray | None = None) -> Sample:
    return Sample("", (), values, None, embedding=embedding)


def _answer(question: str, head: HeadModel, sample: Sample, because: str = "") -> Answer:
    found = head.fused.probabilities([sample])[0]
    order = np.argsort(-found)
    chances = tuple((head.classes[i], float(found[i])) for i in order)
    return Answer(question, chances, head.title, because)
