"""Fit a head to what pictures, people or cases show, and measure it on those left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from napari_cmr.core import InputError
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.learn.data_sets import data_set_names
from napari_cmr.learn.heads.embedding import HeartEmbedding
from napari_cmr.learn.heads.enhancement import Case, numbers_of, numbers_of_slices, read_cases
from napari_cmr.learn.heads.fusing import PICTURES, FusedHead, Fusion, fuse
from napari_cmr.learn.heads.logistic import (
    CrossValidated,
    Samples,
    cross_validate,
    fit_head,
    probabilities,
)
from napari_cmr.learn.heads.reading import (
    Features,
    Sample,
    Segmenter,
    one_truth,
    read_patients,
    read_pictures,
)
from napari_cmr.learn.heads.scores import UNKNOWN_CLASS, Answers, accuracy, auc
from napari_cmr.learn.heads.tasks import HeadTask
from napari_cmr.nets import Metric, Model, predict
from napari_cmr.nets.features import FrozenEncoder
from napari_cmr.nets.linear_head import LinearHead

LEFT_OUT = "training subjects, each left out in turn (ten folds)"
LEFT_OUT_OF_HEAD = f"{LEFT_OUT[:-1]}, of the head; the segmenter may have seen them)"
PHANTOM = "phantom"
Rows = dict[Path, list[ManifestRow]]
Read = Callable[[list[ManifestRow]], list[Sample]]


@dataclass(frozen=True, eq=False)
class Fitted:
    """Networks by role, what they were measured at, and what was chosen."""

    networks: dict[str, nn.Module]
    metrics: dict[str, dict[str, Metric]]
    recipe: dict[str, Any]


def fit_pictures(
    task: HeadTask,
    train: Rows,
    held: Rows,
    classes: Sequence[str],
    encoder: FrozenEncoder,
    cache: Features,
    seed: int,
) -> Fitted:
    """One head on the numbers of each image."""

    def read(rows: list[ManifestRow]) -> list[Sample]:
        return read_pictures(task, rows, encoder, truth=True, cache=cache)

    return _fit({"": read}, train, held, classes, seed)


def fit_disease(
    task: HeadTask,
    train: Rows,
    held: Rows,
    classes: Sequence[str],
    seed: int,
) -> Fitted:
    """One head on the biomarkers of the experts' labels."""
    sources = {"": partial(read_patients, task, segment=None, truth=True)}
    return _fit(sources, train, held, classes, seed)


def fit_fused_disease(
    task: HeadTask,
    train: Rows,
    held: Rows,
    classes: Sequence[str],
    segmenter: Model,
    encoder: FrozenEncoder,
    seed: int,
) -> Fitted:
    """One head on biomarkers of the experts' and a segmenter's labels, one on the pictures."""
    embed = HeartEmbedding(encoder, lambda: segmenter)
    in_use = f", labels of {segmenter.title}"
    labels: dict[str, Segmenter | None] = {
        "": None,
        in_use: lambda stack: predict(stack, segmenter),
    }
    sources = {
        where: partial(read_patients, task, segment=how, truth=True, embed=embed)
        for where, how in labels.items()
    }
    return _fit(sources, train, held, classes, seed, in_use)


def _fit(
    sources: Mapping[str, Read],
    train: Rows,
    held: Rows,
    classes: Sequence[str],
    seed: int,
    in_use: str | None = None,
) -> Fitted:
    """One head on what all sources say together, measured on each by itself.

    Parameters
    ----------
    sources
        How each reads rows, by the words that its metrics end in.
    in_use
        Of them the one that the head will meet, where embeddings are there to be fused.
    """
    found = {
        where: [one for rows in train.values() for one in read(rows)]
        for where, read in sources.items()
    }
    everyone = [one for some in found.values() for one in some]
    samples = _as_samples(everyone, classes)
    chosen = cross_validate(samples, seed=seed)
    if in_use is None:
        fused = Fusion(FusedHead(fit_head(samples, chosen.penalty)), chosen, {})
    else:
        seen = np.stack([one.embedding for one in everyone if one.embedding is not None])
        alike = np.repeat([where == in_use for where in found], [len(s) for s in found.values()])
        fused = fuse(samples, chosen, seen, alike, seed)
    chosen = fused.chosen
    metrics: dict[str, dict[str, Metric]] = {}
    begin = 0
    for where, some in found.items():
        if chosen.probabilities is not None:
            told = chosen.probabilities[begin : begin + len(some)]
            true = samples.classes[begin : begin + len(some)].tolist()
            answers = Answers([one.subject for one in some], true, told)
            metrics[f"{LEFT_OUT}{where}"] = metrics_of(answers)
        begin += len(some)
    for path, rows in held.items():
        for where, read in sources.items() if rows else ():
            answers = answers_of(fused.head, classes, read(rows))
            metrics[f"{set_name(path, rows, held)} validation{where}"] = metrics_of(answers)
    networks: dict[str, nn.Module] = {"head": fused.head.head}
    if fused.head.pictures is not None:
        networks[PICTURES] = fused.head.pictures
    return Fitted(networks, metrics, _recipe(samples, chosen, classes) | fused.recipe)


def fit_scar(
    task: HeadTask,
    train: Rows,
    held: Rows,
    classes: Sequence[str],
    segmenter: Model,
    seed: int,
) -> Fitted:
    """Heads of slices and of cases on what the segmenter says of them."""
    rows = [row for some in train.values() for row in some]
    cases = read_cases(rows, segmenter, labels=True)
    true = [classes.index(str(truth_of(task, rows, case))) for case in cases]
    names = [case.subject for case in cases]
    numbers = np.stack([numbers_of(case.areas) for case in cases])
    whole = Samples(numbers, np.array(true), names, len(classes))
    chosen = cross_validate(whole, seed=seed)
    slices = _slice_samples(cases)
    of_slices = cross_validate(slices, seed=seed)
    networks: dict[str, nn.Module] = {
        "slices": fit_head(slices, of_slices.penalty),
        "head": fit_head(whole, chosen.penalty),
    }
    metrics: dict[str, dict[str, Metric]] = {}
    if chosen.probabilities is not None:
        answers = Answers(whole.subjects, whole.classes.tolist(), chosen.probabilities)
        metrics[LEFT_OUT_OF_HEAD] = metrics_of(answers)
    if chosen.probabilities is not None and of_slices.probabilities is not None:
        answers = Answers(slices.subjects, slices.classes.tolist(), of_slices.probabilities)
        metrics[LEFT_OUT_OF_HEAD] |= {f"{k}_slice": v for k, v in metrics_of(answers).items()}
    for path, some in held.items():
        if some:
            metrics[f"{set_name(path, some, held)} validation"] = scar_metrics(
                task, classes, networks, some, read_cases(some, segmenter, labels=True)
            )[0]
    return Fitted(networks, metrics, _recipe(whole, chosen, classes))


def scar_metrics(
    task: HeadTask,
    classes: Sequence[str],
    networks: Mapping[str, nn.Module],
    rows: Sequence[ManifestRow],
    cases: Sequence[Case],
) -> tuple[dict[str, Metric], Answers]:
    """By case, and by slice where the experts drew; and the answers by case."""
    head, by_slice = networks["head"], networks["slices"]
    assert isinstance(head, LinearHead)
    assert isinstance(by_slice, LinearHead)
    samples = [
        Sample(case.subject, case.rows, numbers_of(case.areas), truth_of(task, rows, case))
        for case in cases
    ]
    answers = answers_of(FusedHead(head), classes, samples)
    metrics = metrics_of(answers)
    drawn = [case for case in cases if case.scarred is not None]
    if drawn:
        slices = _slice_samples(drawn)
        found = probabilities(by_slice, slices.values)
        of_slices = Answers(slices.subjects, slices.classes.tolist(), found)
        metrics |= {f"{k}_slice": v for k, v in metrics_of(of_slices).items()}
    return metrics, answers


def truth_of(task: HeadTask, rows: Sequence[ManifestRow], case: Case) -> str | None:
    """The class of a case."""
    return one_truth(task, [rows[i] for i in case.rows])


def answers_of(head: FusedHead, classes: Sequence[str], samples: Sequence[Sample]) -> Answers:
    """What a head says of samples whose truth is known."""
    known = [s for s in samples if s.truth is not None]
    return Answers(
        [s.subject for s in known],
        [classes.index(s.truth) if s.truth in classes else UNKNOWN_CLASS for s in known],
        head.probabilities(known),
    )


def metrics_of(answers: Answers) -> dict[str, Metric]:
    """Accuracy and AUC with intervals."""
    return {"accuracy": accuracy(answers), "auc": auc(answers)}


def set_name(path: Path, rows: Sequence[ManifestRow], among: Iterable[Path] = ()) -> str:
    """The name of a manifest among those of a call, and whether its pictures are a phantom's."""
    made = any(row.columns.get(PHANTOM) for row in rows)
    name = data_set_names([*among] or [path])[path]
    return f"{name} (phantom)" if made else name


def _as_samples(found: Sequence[Sample], classes: Sequence[str]) -> Samples:
    return Samples(
        np.stack([s.values for s in found]),
        np.array([classes.index(str(s.truth)) for s in found], np.intp),
        [s.subject for s in found],
        len(classes),
    )


def _slice_samples(cases: Sequence[Case]) -> Samples:
    """Slices of cases whose scar an expert drew: without (0) and with (1).

    Raises
    ------
    InputError
        If no case has a label.
    """
    known = [(case, case.scarred) for case in cases if case.scarred is not None]
    if not known:
        raise InputError("To learn scar by slice some training rows need a label that shows it.")
    return Samples(
        np.concatenate([numbers_of_slices(case) for case, _ in known]),
        np.concatenate([np.asarray(scarred, np.intp) for _, scarred in known]),
        [case.subject for case, _ in known for _ in case.areas],
        2,
    )


def _recipe(samples: Samples, chosen: CrossValidated, classes: Sequence[str]) -> dict[str, Any]:
    pairs = set(zip(samples.classes.tolist(), samples.subjects, strict=True))
    counts = Counter(c for c, _ in pairs)
    return {
        "penalty": chosen.penalty,
        "penalty_chosen": chosen.probabilities is not None,
        "subjects_a_class": {name: counts[i] for i, name in enumerate(classes)},
    }
