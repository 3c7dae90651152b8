"""How good an ultrasound segmenter is: Dice over all pixels as published, and per frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_cmr.core import FloatArray, InputError, Segmentation, Stack, Structure
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.learn.evaluate import (
    BOOTSTRAPS,
    LabelledPrediction,
    SubjectMetrics,
    predict_labelled,
    summarise,
)
from napari_cmr.measure import dice, hausdorff95_mm
from napari_cmr.measure.discs import disc_volume_of_mask
from napari_cmr.nets import Metric

Segmenter = Callable[[Stack], Segmentation]
PHASES = ("ED", "ES")


@dataclass(frozen=True, eq=False)
class EchoScores:
    """Metrics of each subject, and their means.

    ``mean`` also holds what is pooled: ``dice_STRUCTURE_pooled`` and, where frames are named,
    ``dice_STRUCTURE_ED_pooled`` and ``..._ES_pooled``.
    """

    subjects: dict[str, SubjectMetrics]
    mean: dict[str, Metric]


@dataclass(frozen=True, eq=False)
class _Frame:
    """One labelled frame, as predicted and as an expert drew it."""

    row: ManifestRow
    phase: str
    found: Any
    true: Any
    spacing: tuple[float, float] | None


def evaluate_echo(
    rows: Sequence[ManifestRow],
    segment: Segmenter,
    structures: Sequence[str] = ("LV",),
    *,
    seed: int = 0,
) -> EchoScores:
    """Measure a segmenter on labelled frames.

    Parameters
    ----------
    rows
        Labelled rows. The column ``phase``, else ``frame``, says which are ED and ES; where
        neither does, the frames of a subject's view with the largest and smallest truth are.
    structures
        What to measure.

    Returns
    -------
    EchoScores
        Per subject ``dice_STRUCTURE`` (mean over its frames), ``dice_STRUCTURE_ED``, ``..._ES``,
        ``dice_mean``, ``hd95_STRUCTURE_mm`` where spacing is known, and in percentage points
        ``ef_error`` (against the truth's masks, both by discs) and ``expert_ef_error`` (against
        ``expert_ef_percent``), means over the subject's views. The pooled Dice is 2 |a and b| /
        (|a| + |b|) with the pixels of all frames counted together, as published for
        EchoNet-Dynamic: large hearts and large pictures weigh more. All with 95 % bootstrap
        intervals over subjects.

    Raises
    ------
    InputError
        If no row is labelled or a file cannot be read.
    """
    labelled = [row for row in rows if row.label is not None]
    if not labelled:
        raise InputError("The manifest has no labelled row to evaluate on.")
    frames: dict[str, list[_Frame]] = defaultdict(list)
    for row in labelled:
        frames[row.subject] += _frames(predict_labelled(row, segment))
    named = [Structure[name] for name in structures]
    subjects = {
        subject: _overlaps(group, named) | _ejection(group) for subject, group in frames.items()
    }
    mean = summarise(subjects, seed=seed)
    for structure in named:
        mean |= _pooled(list(frames.values()), structure, seed)
    return EchoScores(subjects, mean)


def _frames(pair: LabelledPrediction) -> list[_Frame]:
    row, geometry = pair.row, pair.truth.geometry
    name = (row.columns.get("phase") or row.frame).upper()
    phase = name if name in PHASES else ""
    spacing = geometry.pixel_spacing if geometry.spacing_known else None
    t, z, rows, columns = pair.truth.labels.shape
    flat = (t * z, rows, columns)
    pairs = zip(pair.predicted.labels.reshape(flat), pair.truth.labels.reshape(flat), strict=True)
    return [_Frame(row, phase, found, true, spacing) for found, true in pairs]


def _overlaps(frames: Sequence[_Frame], structures: Sequence[Structure]) -> SubjectMetrics:
    metrics: SubjectMetrics = {}
    for structure in structures:
        name, distances = structure.name, []
        scores: dict[str, list[float]] = defaultdict(list)
        for frame in frames:
            found, true = frame.found == structure, frame.true == structure
            scores[f"dice_{name}"].append(dice(found, true))
            if frame.phase:
                scores[f"dice_{name}_{frame.phase}"].append(dice(found, true))
            if frame.spacing and found.any() and true.any():
                distances.append(hausdorff95_mm(found, true, frame.spacing))
        metrics |= {key: float(np.mean(values)) for key, values in scores.items()}
        if distances:
            metrics[f"hd95_{name}_mm"] = float(np.mean(distances))
    metrics["dice_mean"] = float(np.mean([metrics[f"dice_{s.name}"] for s in structures]))
    return metrics


def _ejection(frames: Sequence[_Frame]) -> SubjectMetrics:
    """Errors of EF over a subject's views that have two frames."""
    views: dict[str, list[_Frame]] = defaultdict(list)
    for frame in frames:
        views[frame.row.view].append(frame)
    errors: dict[str, list[float]] = defaultdict(list)
    for group in views.values():
        pair = _ed_and_es(group)
        if pair is None:
            continue
        true = _ef([frame.true for frame in pair], pair)
        found = _ef([frame.found for frame in pair], pair)
        if true is None or found is None:
            continue
        errors["ef_error"].append(abs(found - true))
        expert = pair[0].row.number("expert_ef_percent")
        if expert is not None:
            errors["expert_ef_error"].append(abs(found - expert))
    return {name: float(np.mean(values)) for name, values in errors.items()}


def _ed_and_es(frames: Sequence[_Frame]) -> tuple[_Frame, _Frame] | None:
    named = {frame.phase: frame for frame in frames}
    if len(frames) < 2:
        return None
    if all(phase in named for phase in PHASES):
        return named["ED"], named["ES"]
    areas = [np.count_nonzero(frame.true == Structure.LV) for frame in frames]
    return frames[int(np.argmax(areas))], frames[int(np.argmin(areas))]


def _ef(labels: Sequence[Any], pair: Sequence[_Frame]) -> float | None:
    """By discs, in percent; None where there is no cavity at end diastole."""
    ed, es = (
        disc_volume_of_mask(mask == Structure.LV, frame.spacing or (1.0, 1.0))
        for mask, frame in zip(labels, pair, strict=True)
    )
    return 100 * (ed - es) / ed if ed > 0 else None


def _pooled(
    subjects: Sequence[Sequence[_Frame]], structure: Structure, seed: int
) -> dict[str, Metric]:
    metrics = {}
    for phase in ("", *PHASES):
        counts = np.array([_counts(frames, structure, phase) for frames in subjects])
        if counts[:, 1].sum() > 0:
            name = f"dice_{structure.name}{'_' + phase if phase else ''}_pooled"
            metrics[name] = _pooled_dice(counts, seed)
    return metrics


def _counts(frames: Sequence[_Frame], structure: Structure, phase: str) -> tuple[float, float]:
    """Pixels in common, and in both together, of a subject's frames."""
    common, both = 0, 0
    for frame in frames:
        if phase in ("", frame.phase):
            found, true = frame.found == structure, frame.true == structure
            common += int(np.count_nonzero(found & true))
            both += int(np.count_nonzero(found) + np.count_nonzero(true))
    return float(common), float(both)


def _pooled_dice(counts: FloatArray, seed: int) -> Metric:
    rng = np.random.default_rng(seed)
    drawn = counts[rng.integers(len(counts), size=(BOOTSTRAPS, len(counts)))].sum(1)
    drawn = drawn[drawn[:, 1] > 0]
    low, high = np.percentile(2 * drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    common, both = counts.sum(0)
    n = int(np.count_nonzero(counts[:, 1]))
    return Metric(value=float(2 * common / both), low=float(low), high=float(high), n=n)
