"""Train a light head: seconds once the features are there."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_cmr.core import InputError
from napari_cmr.io.manifest import ManifestRow, read_manifest
from napari_cmr.learn.finetune import TERMS, hardware, manifest_hash, refuse_overlap
from napari_cmr.learn.heads.biomarkers import BIOMARKERS
from napari_cmr.learn.heads.enhancement import (
    CASE_NUMBERS,
    Case,
    load_segmenter,
    numbers_of,
    numbers_of_slices,
    read_cases,
)
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
    one_truth,
    read_patients,
    read_pictures,
)
from napari_cmr.learn.heads.scores import UNKNOWN_CLASS, Answers, accuracy, auc
from napari_cmr.learn.heads.tasks import DISEASE, HEAD_TASKS, SCAR, HeadTask
from napari_cmr.nets import Card, InputGrid, Metric, Model, Network, TrainingData, save_model
from napari_cmr.nets.features import SIDE, EncoderName, FrozenEncoder, load_frozen
from napari_cmr.nets.linear_head import LINEAR, LinearHead

ENCODER, SEGMENTER = "cmr-unet-mim", "lge-sax-unet"
LEFT_OUT = "training subjects, each left out in turn (ten folds)"
LEFT_OUT_OF_HEAD = f"{LEFT_OUT[:-1]}, of the head; the segmenter may have seen them)"
PHANTOM = "phantom"


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
        enhancement the segmenter, the shipped one if None. Disease needs none: it looks at the
        biomarkers of the experts' labels.
    cache
        Features of that encoder by image, for several heads in one go.

    Raises
    ------
    InputError
        If a manifest or a file it names is at fault, fewer than two classes are there to be
        told apart, or a subject is in both splits.
    """
    torch.set_num_threads(threads)
    began = time.monotonic()
    kind = HEAD_TASKS[task]
    sets = {path: read_manifest(path, need_labels=task == DISEASE) for path in manifests}
    train = {p: _labelled(kind, rows, ("", "train")) for p, rows in sets.items()}
    held = {p: _labelled(kind, rows, ("validation",)) for p, rows in sets.items()}
    refuse_overlap(train, held)
    classes = _classes(kind, [row for rows in train.values() for row in rows])
    frozen = None if task in (DISEASE, SCAR) else load_frozen(encoder or ENCODER)
    segmenter = load_segmenter(encoder or SEGMENTER) if task == SCAR else None
    say(f"reading {sum(map(len, train.values()))} training rows")
    if segmenter is not None:
        fitted = _fit_scar(kind, train, held, classes, segmenter, seed)
    else:
        fitted = _fit_plain(
            kind, train, held, classes, frozen, {} if cache is None else cache, seed
        )
    test_time = _test_time(frozen, segmenter)
    below = test_time.get("encoder") or test_time.get("segmenter")
    counts = {set_name(p, rows): len({r.subject for r in rows}) for p, rows in train.items()}
    card = Card(
        name=name or f"{task.replace('_', '-')}-head",
        version=version,
        task=task,
        networks={role: _network(module, classes) for role, module in fitted.networks.items()},
        tier="head",
        parent=EncoderName(**below).title if below else None,
        label_map="none",
        test_time=test_time,
        training_data=TrainingData(
            sets=counts, manifest_sha256=manifest_hash(manifests), terms=terms
        ),
        recipe={
            **fitted.recipe,
            "numbers_from": _NUMBERS_FROM.get(task, "the frozen encoder"),
        },
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
    return save_model(out, card, fitted.networks)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Networks by role, what they were measured at, and what was chosen."""

    networks: dict[str, nn.Module]
    metrics: dict[str, dict[str, Metric]]
    recipe: dict[str, Any]


Rows = dict[Path, list[ManifestRow]]


def _fit_plain(
    task: HeadTask,
    train: Rows,
    held: Rows,
    classes: Sequence[str],
    encoder: FrozenEncoder | None,
    cache: Features,
    seed: int,
) -> Fitted:
    """One head on the numbers of each image or person."""
    found = [one for rows in train.values() for one in _read(task, rows, encoder, cache)]
    samples = _as_samples(found, classes)
    chosen = cross_validate(samples, seed=seed)
    head = fit_head(samples, chosen.penalty)
    metrics = _left_out_metrics(samples, chosen)
    for path, rows in held.items():
        if rows:
            answers = answers_of(head, classes, _read(task, rows, encoder, cache))
            metrics[f"{set_name(path, rows)} validation"] = metrics_of(answers)
    return Fitted({"head": head}, metrics, _recipe(samples, chosen, classes))


def _fit_scar(
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
    metrics = _left_out_metrics(whole, chosen, LEFT_OUT_OF_HEAD)
    if chosen.probabilities is not None and of_slices.probabilities is not None:
        answers = Answers(slices.subjects, slices.classes.tolist(), of_slices.probabilities)
        metrics[LEFT_OUT_OF_HEAD] |= {f"{k}_slice": v for k, v in metrics_of(answers).items()}
    for path, some in held.items():
        if some:
            metrics[f"{set_name(path, some)} validation"] = scar_metrics(
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
    answers = answers_of(head, classes, samples)
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


def answers_of(head: LinearHead, classes: Sequence[str], samples: Sequence[Sample]) -> Answers:
    """What a head says of samples whose truth is known."""
    known = [s for s in samples if s.truth is not None]
    return Answers(
        [s.subject for s in known],
        [classes.index(s.truth) if s.truth in classes else UNKNOWN_CLASS for s in known],
        probabilities(head, np.stack([s.values for s in known])),
    )


def metrics_of(answers: Answers) -> dict[str, Metric]:
    """Accuracy and AUC with intervals."""
    return {"accuracy": accuracy(answers), "auc": auc(answers)}


def set_name(path: Path, rows: Sequence[ManifestRow]) -> str:
    """The folder of a manifest, and whether its pictures are a phantom's."""
    made = any(row.columns.get(PHANTOM) for row in rows)
    return f"{path.parent.name} (phantom)" if made else path.parent.name


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
            f"{task.column} holds {classes[0] if classes else 'none'} only."
        )
    return classes


def _read(
    task: HeadTask,
    rows: Sequence[ManifestRow],
    encoder: FrozenEncoder | None,
    cache: Features,
) -> list[Sample]:
    if encoder is None:
        return read_patients(task, rows, None, truth=True)
    return read_pictures(task, rows, encoder, truth=True, cache=cache)


def _as_samples(found: Sequence[Sample], classes: Sequence[str]) -> Samples:
    return Samples(
        np.stack([s.values for s in found]),
        np.array([classes.index(str(s.truth)) for s in found], np.intp),
        [s.subject for s in found],
        len(classes),
    )


def _left_out_metrics(
    samples: Samples, chosen: CrossValidated, where: str = LEFT_OUT
) -> dict[str, dict[str, Metric]]:
    if chosen.probabilities is None:
        return {}
    answers = Answers(samples.subjects, samples.classes.tolist(), chosen.probabilities)
    return {where: metrics_of(answers)}


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


def _network(module: nn.Module, classes: Sequence[str]) -> Network:
    return Network(
        encoder=LINEAR,
        channels=(len(torch.as_tensor(module.centre)),),
        structures=tuple(classes),
        grid=InputGrid(
            spacing_mm=1.0,
            size=SIDE,
            normalisation="the longer side and half of it, each of zero mean and unit spread",
        ),
    )


def _test_time(frozen: FrozenEncoder | None, segmenter: Model | None) -> dict[str, Any]:
    """What the numbers are, and what they come from."""
    if segmenter is not None:
        told = EncoderName.of(segmenter.card).model_dump()
        return {"segmenter": told, "inputs": list(CASE_NUMBERS)}
    return {"encoder": frozen.told.model_dump()} if frozen else {"inputs": list(BIOMARKERS)}


def _bad_at(task: HeadTask, classes: Sequence[str]) -> tuple[str, ...]:
    absent = [c for c in task.classes if c not in classes]
    never = (f"it was shown no {', '.join(absent)} and never says so",) if absent else ()
    return (*never, *_BAD_AT[task.name])


_NUMBERS_FROM = {DISEASE: "experts' labels", SCAR: "the segmenter's labels"}
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
