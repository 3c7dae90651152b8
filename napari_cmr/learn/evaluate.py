"""How good a segmenter is on labelled subjects: per subject, then means with intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_cmr.core import FloatArray, InputError, LabelArray, Segmentation, Stack, Structure
from napari_cmr.io.manifest import (
    ManifestRow,
    join_slices,
    labelled_slices,
    load_image,
    load_label,
)
from napari_cmr.learn.label_faults import refuse_labels_under_wrong_map
from napari_cmr.measure import (
    MYOCARDIAL_DENSITY_G_PER_ML,
    dice,
    hausdorff95_mm,
    volumes_ml,
)
from napari_cmr.measure.volumes import WALL
from napari_cmr.nets import Metric

Segmenter = Callable[[Stack], Segmentation]
SubjectMetrics = dict[str, float]
BOOTSTRAPS = 2000
SCAR = (Structure.INFARCT, Structure.MVO)
ML_BELOW_WHICH_EF_MEANS_NOTHING = 1e-6


@dataclass(frozen=True, eq=False)
class LabelledPrediction:
    """Prediction and truth of the labelled phases of one manifest row.

    Where the label describes some slices only, ``whole`` is False and the others are empty in both.
    """

    row: ManifestRow
    predicted: Segmentation
    truth: Segmentation
    whole: bool = True


@dataclass(frozen=True, eq=False)
class SegmenterScores:
    """Metrics of each subject, and the structures of their labels that the model cannot draw."""

    subjects: dict[str, SubjectMetrics]
    not_scored: tuple[Structure, ...]


def predict_labelled(row: ManifestRow, segment: Segmenter) -> LabelledPrediction:
    """Segment a row's image and keep the phases that its label describes."""
    stack = load_image(row)
    phases, truth = load_label(row, stack)
    predicted = segment(stack)
    doubt = predicted.uncertainty
    kept = replace(
        predicted,
        labels=predicted.labels[phases],
        times_ms=None,
        uncertainty=None if doubt is None else doubt.of(phases),
    )
    others = np.ones(truth.labels.shape[1], bool)
    others[labelled_slices(row, len(others))] = False
    if not others.any():
        return LabelledPrediction(row, kept, truth)
    found, true = kept.labels.copy(), truth.labels.copy()
    found[:, others] = true[:, others] = 0
    kept = replace(kept, labels=found, uncertainty=None)
    return LabelledPrediction(row, kept, replace(truth, labels=true), whole=False)


def evaluate_segmenter(
    rows: Sequence[ManifestRow],
    segment: Segmenter,
    *,
    surfaces: bool = True,
    drawable: Collection[str] | None = None,
) -> dict[str, SubjectMetrics]:
    """Metrics of each subject, see :func:`score_segmenter`."""
    return score_segmenter(rows, segment, surfaces=surfaces, drawable=drawable).subjects


def score_segmenter(
    rows: Sequence[ManifestRow],
    segment: Segmenter,
    *,
    surfaces: bool = True,
    drawable: Collection[str] | None = None,
) -> SegmenterScores:
    """Measure a segmenter on labelled rows.

    Parameters
    ----------
    rows
        Labelled rows of one set; a structure counts as labelled if any row's label holds it.
    segment
        Gives the labels of a stack.
    surfaces
        Whether to compute surface distances, which take longest.
    drawable
        Names of the structures that the segmenter has a channel for; others are not scored, since
        it never claims to draw them. All of them if None.

    Returns
    -------
    SegmenterScores
        Of each subject ``dice_STRUCTURE``, ``dice_mean`` (myocardium with what is scarred of it;
        infarct and obstruction only of subjects who have one; of the slices that the labels
        describe), ``hd95_STRUCTURE_mm``, and where ED and ES are labelled in all slices and
        volumes mean something ``ef_error`` (percentage points),
        ``edv_error_ml``, ``esv_error_ml``, ``mass_error_g`` (all absolute), with the signed
        differences under ``..._bias``. Where the segmenter says how sure it is,
        ``uncertainty`` is its number for the study, and ``dice_lost_slice`` and
        ``dice_lost_slice_expected`` are the mean over slices of what it lost and of what it
        expected to lose.

    Raises
    ------
    InputError
        If no row is labelled, a file cannot be read, the segmenter draws none of what the labels
        hold, or labels cannot be those of the map they are said to be in.
    """
    labelled = [row for row in rows if row.label is not None]
    if not labelled:
        raise InputError("The manifest has no labelled row to evaluate on.")
    pairs: dict[str, list[LabelledPrediction]] = defaultdict(list)
    for row in join_slices(labelled):
        pairs[row.subject].append(predict_labelled(row, segment))
    # Scores against labels that mean something else would look like bad ones.
    refuse_labels_under_wrong_map((s, p.truth.labels) for s, of in pairs.items() for p in of)
    present = {int(v) for group in pairs.values() for p in group for v in np.unique(p.truth.labels)}
    named = [Structure(v) for v in sorted(present - {0})]
    structures = [s for s in named if drawable is None or s.name in drawable]
    left = tuple(s for s in named if s not in structures)
    if left and not structures:
        held = ", ".join(s.name for s in left)
        raise InputError(f"The labels hold {held} only, which the model does not draw.")
    subjects = {
        subject: {
            **_overlaps(group, structures, surfaces),
            **_function_errors(group, structures),
            **_doubts(group, named),
        }
        for subject, group in pairs.items()
    }
    return SegmenterScores(subjects, left)


def summarise(subjects: dict[str, SubjectMetrics], *, seed: int = 0) -> dict[str, Metric]:
    """Means over subjects with 95 % bootstrap intervals (percentiles of 2000 resamplings)."""
    rng = np.random.default_rng(seed)
    names = sorted({name for metrics in subjects.values() for name in metrics})
    return {
        name: interval([m[name] for m in subjects.values() if name in m], rng) for name in names
    }


def interval(values: Sequence[float], rng: np.random.Generator) -> Metric:
    """Mean of values that are finite, with its 95 % bootstrap interval."""
    finite = np.array([v for v in values if np.isfinite(v)])
    if finite.size == 0:
        return Metric(value=None, low=None, high=None, n=0)
    means = finite[rng.integers(finite.size, size=(BOOTSTRAPS, finite.size))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Metric(value=float(finite.mean()), low=float(low), high=float(high), n=finite.size)


def as_json(
    task: str, model: str, subjects: dict[str, SubjectMetrics], mean: dict[str, Metric]
) -> dict[str, Any]:
    """The record that ``evaluate --json`` writes."""
    return {
        "task": task,
        "model": model,
        "subjects": [
            {"subject": s, **{k: v if np.isfinite(v) else None for k, v in m.items()}}
            for s, m in subjects.items()
        ],
        "mean": {name: metric.model_dump() for name, metric in mean.items()},
    }


def _overlaps(
    group: Sequence[LabelledPrediction], structures: Sequence[Structure], surfaces: bool
) -> SubjectMetrics:
    metrics: SubjectMetrics = {}
    scores = []
    for structure in structures:
        if structure in SCAR and not any((p.truth.labels == structure).any() for p in group):
            continue
        drawn = WALL if structure == Structure.MYO else (structure,)
        of_frames, distances = [], []
        for pair in group:
            for found, true in zip(pair.predicted.labels, pair.truth.labels, strict=True):
                a, b = np.isin(found, drawn), np.isin(true, drawn)
                of_frames.append(dice(a, b))
                if surfaces and a.any() and b.any() and pair.truth.geometry.spacing_known:
                    distances.append(hausdorff95_mm(a, b, pair.truth.geometry.spacing))
        metrics[f"dice_{structure.name}"] = float(np.mean(of_frames))
        scores.append(metrics[f"dice_{structure.name}"])
        if distances:
            metrics[f"hd95_{structure.name}_mm"] = float(np.mean(distances))
    metrics["dice_mean"] = float(np.mean(scores))
    return metrics


def _doubts(group: Sequence[LabelledPrediction], structures: Sequence[Structure]) -> SubjectMetrics:
    """What the model said of its own labels, beside what was right."""
    known = [(p, p.predicted.uncertainty) for p in group]
    told = [(p, doubt) for p, doubt in known if doubt is not None]
    if not told or any(s.name not in told[0][1].structures for s in structures):
        return {}
    lost = [dice_lost(p.predicted.labels, p.truth.labels, structures) for p, _ in told]
    names = [s.name for s in structures]
    expected = [np.mean([doubt.structures[n] for n in names], axis=0) for _, doubt in told]
    return {
        "uncertainty": float(np.mean([doubt.study for _, doubt in told])),
        "dice_lost_slice": float(np.mean(np.concatenate([one.ravel() for one in lost]))),
        "dice_lost_slice_expected": float(
            np.mean(np.concatenate([one.ravel() for one in expected]))
        ),
    }


def dice_lost(found: LabelArray, true: LabelArray, structures: Sequence[Structure]) -> FloatArray:
    """``(t, z)`` one minus each slice's Dice, in the mean over the structures."""
    return np.array(
        [
            [
                np.mean([1 - dice(a == s, b == s) for s in structures])
                for a, b in zip(f, t, strict=True)
            ]
            for f, t in zip(found, true, strict=True)
        ]
    )


def _function_errors(
    group: Sequence[LabelledPrediction], structures: Sequence[Structure]
) -> SubjectMetrics:
    known = all(p.truth.geometry.spacing_known and p.whole for p in group)
    if Structure.LV not in structures or not known or sum(len(p.truth.labels) for p in group) < 2:
        return {}
    found = _ed_es(group, [p.predicted for p in group], Structure.LV)
    true = _ed_es(group, [p.truth for p in group], Structure.LV)
    metrics: SubjectMetrics = {}
    for name, a, b in zip(("edv", "esv"), found, true, strict=True):
        metrics[f"{name}_bias_ml"] = a - b
        metrics[f"{name}_error_ml"] = abs(a - b)
    if min(found[0], true[0]) > ML_BELOW_WHICH_EF_MEANS_NOTHING:
        bias = 100 * ((found[0] - found[1]) / found[0] - (true[0] - true[1]) / true[0])
        metrics["ef_bias"] = bias
        metrics["ef_error"] = abs(bias)
    if Structure.MYO in structures:
        walls = [
            _ed_es(group, labels, Structure.MYO)[0] * MYOCARDIAL_DENSITY_G_PER_ML
            for labels in ([p.predicted for p in group], [p.truth for p in group])
        ]
        metrics["mass_bias_g"] = walls[0] - walls[1]
        metrics["mass_error_g"] = abs(walls[0] - walls[1])
    return metrics | _expert_errors(group[0].row, found)


def _expert_errors(row: ManifestRow, found: tuple[float, float]) -> SubjectMetrics:
    """Against the volumes that a hospital measured, where the manifest has them."""
    edv, esv = row.number("expert_edv_ml"), row.number("expert_esv_ml")
    if not edv or esv is None or found[0] <= 0:
        return {}
    ef = 100 * (found[0] - found[1]) / found[0]
    return {
        "expert_edv_error_ml": abs(found[0] - edv),
        "expert_esv_error_ml": abs(found[1] - esv),
        "expert_ef_error": abs(ef - 100 * (edv - esv) / edv),
    }


def _ed_es(
    group: Sequence[LabelledPrediction], labels: Sequence[Segmentation], structure: Structure
) -> tuple[float, float]:
    """Volumes in mL at ED and ES.

    The manifest's frames say which is which; where they do not, they are the phases in which
    the truth's cavity is largest and smallest.
    """
    volumes = np.concatenate([volumes_ml(s, [structure]) for s in labels])
    cavity = np.concatenate([volumes_ml(p.truth, [Structure.LV]) for p in group])
    names = [p.row.frame.upper() for p in group for _ in p.truth.labels]
    ed = names.index("ED") if "ED" in names else int(cavity.argmax())
    es = names.index("ES") if "ES" in names else int(cavity.argmin())
    return float(volumes[ed]), float(volumes[es])
