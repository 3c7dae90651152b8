"""Predict and evaluate heads over a manifest."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from napari_cmr.core import InputError, ModelError, Progress, replacing
from napari_cmr.io.manifest import ManifestRow, read_manifest
from napari_cmr.learn.evaluate import as_json
from napari_cmr.learn.heads.biomarkers import BIOMARKERS
from napari_cmr.learn.heads.embedding import HeartEmbedding
from napari_cmr.learn.heads.enhancement import (
    Case,
    load_segmenter,
    numbers_of,
    numbers_of_slices,
    read_cases,
)
from napari_cmr.learn.heads.fitting import answers_of, metrics_of, scar_metrics, set_name
from napari_cmr.learn.heads.fusing import PICTURES, PICTURES_WEIGHT, FusedHead
from napari_cmr.learn.heads.logistic import probabilities
from napari_cmr.learn.heads.reading import Sample, read_patients, read_pictures
from napari_cmr.learn.heads.scores import UNKNOWN_CLASS, Answers
from napari_cmr.learn.heads.tasks import DISEASE, HEAD_TASKS, SCAR, HeadTask
from napari_cmr.nets import Card, Model, load_model, predict
from napari_cmr.nets.below import find_below
from napari_cmr.nets.card import ModelName
from napari_cmr.nets.features import FrozenEncoder, load_frozen
from napari_cmr.nets.linear_head import LinearHead

Loader = Callable[[], Model]
_STATED = ("subject", "image", "frame", "slice", "predicted")
_REASONS = 3


@dataclass(frozen=True, eq=False)
class HeadModel:
    """A head with what it sits on: a frozen encoder, a segmenter, or any segmenter's measures."""

    card: Card
    networks: dict[str, nn.Module]
    encoder: FrozenEncoder | None
    segmenter: Model | None = None

    @property
    def head(self) -> LinearHead:
        """What names an image or a person."""
        head = self.networks["head"]
        assert isinstance(head, LinearHead)
        return head

    @property
    def fused(self) -> FusedHead:
        """The same with the head on pictures, where the card has one."""
        if PICTURES not in self.networks:
            return FusedHead(self.head)
        pictures = self.networks[PICTURES]
        assert isinstance(pictures, LinearHead)
        return FusedHead(self.head, pictures, float(self.card.test_time[PICTURES_WEIGHT]))

    @property
    def task(self) -> HeadTask:
        """What it answers."""
        return HEAD_TASKS[self.card.task]

    @property
    def classes(self) -> tuple[str, ...]:
        """What it may answer, in the order of its probabilities."""
        return self.card.networks["head"].structures

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.card.name} {self.card.version}"


def load_head(task: str, model: str | Path | None = None) -> HeadModel:
    """Load a head and the encoder, or for late enhancement the segmenter, that its card names.

    A head of disease has an encoder where it sees pictures beside the biomarkers.

    Raises
    ------
    ModelError
        If there is no such model, it is for another task, or what it sits on is not what it was
        trained on (by name, version and hash).
    """
    loaded = load_model(model, task=task)
    networks = {role: network.cpu() for role, network in loaded.networks.items()}
    if task == DISEASE and PICTURES not in networks:
        return HeadModel(loaded.card, networks, None)
    if task == DISEASE and PICTURES_WEIGHT not in loaded.card.test_time:
        raise ModelError(
            f"The card of {loaded.title} does not say what its pictures count; train it again."
        )
    below = "segmenter" if task == SCAR else "encoder"
    if below not in loaded.card.test_time:
        raise ModelError(f"The card of {loaded.title} does not name its {below}; train it again.")
    wanted = ModelName.model_validate(loaded.card.test_time[below])
    found = find_below(model, wanted.name)
    if task == SCAR:
        return HeadModel(loaded.card, networks, None, load_segmenter(found, wanted=wanted))
    return HeadModel(loaded.card, networks, load_frozen(found, wanted=wanted))


def predict_heads(
    manifest: Path,
    out: Path,
    *,
    task: str,
    model: str | Path | None = None,
    segmenter: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Name every image of a manifest and write ``predictions.csv``.

    Returns
    -------
    Path
        The CSV: one row a manifest row in its order, ``subject,image,frame,slice,predicted``, a
        column ``p_CLASS`` each. For disease a person's rows all bear the person's answer, with
        each biomarker's value and, under ``for_BIOMARKER``, what it added to the logit of the
        class that was said (negative: it spoke against), and the three that added most; a head
        that sees pictures beside them has ``for_pictures``. For
        late enhancement the answer is a case's, and ``p_scar_slices`` tells the row's slices,
        in their order with semicolons between.

    Raises
    ------
    InputError
        If the manifest, an image it names, or the model is at fault.
    """
    rows = read_manifest(manifest)
    head = load_head(task, model)
    samples = _read(head, rows, _loader(segmenter), truth=False, progress=progress)
    records: dict[int, list[Any]] = {}
    for sample, line in zip(samples, _answers(head, samples), strict=True):
        for index in sample.rows:
            row = rows[index]
            more = [sample.slices[index]] if sample.slices else []
            records[index] = [row.subject, row.columns["image"], row.frame, row.slice, *line, *more]
    table = out / "predictions.csv"
    out.mkdir(parents=True, exist_ok=True)
    with replacing(table) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*_STATED, *_columns(head)))
        writer.writerows(records[i] for i in range(len(rows)))
    return table


def evaluate_heads(
    manifest: Path,
    *,
    task: str,
    model: str | Path | None = None,
    segmenter: str | Path | None = None,
    split: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a head on the rows of a manifest that say the truth.

    Returns
    -------
    dict
        As ``evaluate --json`` writes: ``accuracy`` by subject, then means with 95 % bootstrap
        intervals over subjects, and ``auc``. A class that the head does not know is never
        right. For disease from the model's segmentation; where the manifest has experts' labels
        also from those (``..._expert_labels``).

    Raises
    ------
    InputError
        If the manifest, an image it names, or the model is at fault, or no row says the truth.
    """
    kind = HEAD_TASKS[task]
    rows = [r for r in read_manifest(manifest) if split in ("", r.split)]
    rows = [r for r in rows if kind.truth(r) is not None]
    if not rows:
        of = f" of the split '{split}'" if split else ""
        raise InputError(
            f"The manifest {manifest.name} has no row{of} with a {kind.column} that is known."
        )
    head, load = load_head(task, model), _loader(segmenter)
    if task == SCAR:
        assert head.segmenter is not None
        cases = read_cases(rows, head.segmenter, labels=True, progress=progress)
        mean, answers = scar_metrics(kind, head.classes, head.networks, rows, cases)
    else:
        samples = _read(head, rows, load, truth=True, progress=progress)
        answers = answers_of(head.fused, head.classes, samples)
        mean = metrics_of(answers)
    subjects = {s: {"accuracy": v} for s, v in answers.by_subject().items()}
    if task == DISEASE and all(row.label for row in rows):
        people = read_patients(kind, rows, None, truth=True, embed=embedding_of(head, load))
        drawn = answers_of(head.fused, head.classes, people)
        mean |= {f"{k}_expert_labels": v for k, v in metrics_of(drawn).items()}
        for subject, value in drawn.by_subject().items():
            subjects[subject]["accuracy_expert_labels"] = value
    found = as_json(task, head.title, subjects, mean)
    return found | {"confusion": _confusion(head.classes, answers), "set": set_name(manifest, rows)}


def _read(
    head: HeadModel,
    rows: Sequence[ManifestRow],
    load: Loader,
    *,
    truth: bool,
    progress: Progress | None,
) -> list[Sample]:
    if head.segmenter is not None:
        cases = read_cases(rows, head.segmenter, labels=False, progress=progress)
        return _scar_samples(head, cases)
    if head.task.name == DISEASE:
        embed = embedding_of(head, load)
        return read_patients(
            head.task,
            rows,
            lambda stack: predict(stack, load()),
            truth=truth,
            embed=embed,
            progress=progress,
        )
    assert head.encoder is not None
    return read_pictures(head.task, rows, head.encoder, truth=truth, progress=progress)


def _scar_samples(head: HeadModel, cases: Sequence[Case]) -> list[Sample]:
    """A sample a case, with the chance of scar in each slice under its place in the case."""
    by_slice = head.networks["slices"]
    assert isinstance(by_slice, LinearHead)
    samples = []
    for case in cases:
        chances = probabilities(by_slice, numbers_of_slices(case))[:, 1]
        owner = np.repeat(case.rows, case.slices_a_row)
        told = {r: ";".join(f"{p:.4f}" for p in chances[owner == r]) for r in case.rows}
        numbers = numbers_of(case.areas)
        samples.append(Sample(case.subject, case.rows, numbers, None, slices=told))
    return samples


def embedding_of(head: HeadModel, load: Loader) -> HeartEmbedding | None:
    """What sees the pictures for a head of disease, None where it sees none."""
    return HeartEmbedding(head.encoder, load) if head.encoder is not None else None


def _loader(name: str | Path | None) -> Loader:
    """The short-axis segmenter, loaded when the first image is there."""

    @cache
    def loaded() -> Model:
        return load_model(name)

    return loaded


def _columns(head: HeadModel) -> list[str]:
    columns = [f"p_{name}" for name in head.classes]
    if head.task.name == SCAR:
        return [*columns, "p_scar_slices"]
    if head.task.name != DISEASE:
        return columns
    return [*columns, "because", *BIOMARKERS, *(f"for_{name}" for name in _parts(head))]


def _parts(head: HeadModel) -> list[str]:
    """What a head of disease hangs on."""
    return [*BIOMARKERS, *([] if head.encoder is None else [PICTURES])]


def _answers(head: HeadModel, samples: Sequence[Sample]) -> list[list[Any]]:
    """What follows the stated columns of a sample's rows."""
    found = head.fused.probabilities(samples)
    said = found.argmax(1)
    lines: list[list[Any]] = [
        [head.classes[best], *(f"{p:.4f}" for p in each)]
        for best, each in zip(said, found, strict=True)
    ]
    if head.task.name == DISEASE:
        parts = head.fused.parts(samples)
        for line, sample, best, of_classes in zip(lines, samples, said, parts, strict=True):
            line += _reasons(sample, dict(zip(_parts(head), of_classes[best], strict=True)))
    return lines


def _reasons(sample: Sample, parts: dict[str, float]) -> list[str]:
    """The biomarkers that spoke most for the answer, then all values and what each added."""
    assert sample.measured is not None
    most = sorted(BIOMARKERS, key=lambda name: -parts[name])[:_REASONS]
    because = "; ".join(
        f"{BIOMARKERS[n]}: {sample.measured[n]:.3g} ({parts[n]:+.2f})" for n in most if parts[n] > 0
    )
    values = ["" if np.isnan(v) else f"{v:.4g}" for v in sample.measured.values()]
    return [because, *values, *(f"{v:+.3f}" for v in parts.values())]


def _confusion(classes: Sequence[str], answers: Answers) -> dict[str, dict[str, int]]:
    """True class -> said class -> number of answers; a class that the head lacks is "other"."""
    table: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for true, said in zip(answers.true, answers.probabilities.argmax(1), strict=True):
        name = "other" if true == UNKNOWN_CLASS else classes[true]
        table[name][classes[said]] += 1
    return {true: dict(said) for true, said in table.items()}
