"""Does the segmenter know where it is wrong? Ranks and reliability on validation subjects.

usage:
  python benchmarks/uncertainty.py [--set acdc --set dsb] [--data FOLDER] [--out FOLDER]
  python benchmarks/uncertainty.py --report     the plot of docs/uncertainty.md, from the results

The first call segments (minutes) and writes a line a set to results/uncertainty.jsonl.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from label_efficiency import machine, versions

from napari_cmr.core import Structure
from napari_cmr.io.manifest import ManifestRow, load_image, load_label, read_manifest
from napari_cmr.learn.calibration import Reliability, rank_correlation, reliability
from napari_cmr.learn.evaluate import dice_lost
from napari_cmr.nets import Model, find_heart, load_model, predict
from napari_cmr.nets.crop import Crop
from napari_cmr.nets.neighbours import slice_distance, stride
from napari_cmr.nets.turns import turned, turned_back, turns_of

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "uncertainty.jsonl"
DATA = HERE.parents[1] / "shared" / "data"
NEAR_PIXELS = 7
"""About a centimetre on the segmenter's grid: pixels this near to a border count as near."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", action="append", choices=("acdc", "dsb"))
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--report", action="store_true")
    return parser.parse_args()


def views_of(model: Model, crops: torch.Tensor) -> dict[str, torch.Tensor]:
    """Logits of the plain picture, its flips, small shifts and other contrasts."""
    found = {}
    for turn in turns_of(model.card):
        answer = turned_back(model.run("segmenter", turned(crops, turn)), turn)
        found[f"flip {turn}" if turn else "plain"] = answer
    for shift in ((4, 3), (-3, 4), (-4, -3), (3, -4)):
        back = (-shift[0], -shift[1])
        moved = model.run("segmenter", crops.roll(shift, (2, 3)))
        found[f"shift {shift}"] = moved.roll(back, (2, 3))
    for power in (0.75, 1.33):
        found[f"gamma {power}"] = model.run("segmenter", toned(crops, power))
    return found


def toned(crops: torch.Tensor, power: float) -> torch.Tensor:
    """A gamma curve; a neighbour that is not there stays empty."""
    low, high = crops.amin((2, 3), keepdim=True), crops.amax((2, 3), keepdim=True)
    bent = ((crops - low) / (high - low).clamp_min(1e-6)) ** power
    mean, spread = bent.mean((2, 3), keepdim=True), bent.std((2, 3), keepdim=True)
    return torch.where(high > low, (bent - mean) / (spread + 1e-6), crops)


SETS = {
    "flips": ("plain", "flip"),
    "flips and shifts": ("plain", "flip", "shift"),
    "flips and contrast": ("plain", "flip", "gamma"),
    "all ten": ("plain", "flip", "shift", "gamma"),
    "plain alone": ("plain",),
}


def slice_scores(logits: torch.Tensor, structures: int) -> dict[str, np.ndarray]:
    """``(z,)`` numbers from ``(v, z, c, h, w)`` logits that might foretell a slice's error."""
    from napari_cmr.nets.uncertainty import dice_to_lose

    mean = logits.mean(0).softmax(1)
    each = logits.softmax(2)
    labels, views = mean.argmax(1), each.argmax(2)
    entropy = -torch.xlogy(mean, mean).sum(1)
    own = -torch.xlogy(each, each).sum(2).mean(0)
    pooled = each.mean(0)
    known = -torch.xlogy(pooled, pooled).sum(1) - own
    area = (labels > 0).sum((1, 2)).float()
    near = near_borders(labels)
    band = (entropy * near).sum((1, 2)) / near.sum((1, 2)).clamp_min(1)
    best = mean.topk(2, dim=1).values
    margin = 1 - (best[:, 0] - best[:, 1])
    found = {
        "entropy, sum": entropy.sum((1, 2)),
        "entropy over area": entropy.sum((1, 2)) / (area + 30),
        "entropy near borders, mean": band,
        "mutual information over area": known.sum((1, 2)) / (area + 30),
        "softmax margin over area": margin.sum((1, 2)) / (area + 30),
        "expected Dice loss": torch.stack(
            [dice_to_lose(mean[:, s], labels == s, 10.0) for s in range(1, structures + 1)]
        ).mean(0),
    }
    if len(logits) > 1:
        found["views' disagreement"] = torch.tensor(
            [pair_loss(views[:, z], structures) for z in range(views.shape[1])]
        )
    return {name: values.numpy() for name, values in found.items()}


def pair_loss(views: torch.Tensor, structures: int) -> float:
    from napari_cmr.nets.uncertainty import disagreement

    kept = torch.where(views <= structures, views, 0)
    return disagreement(kept[:, None], structures + 1)


def near_borders(labels: torch.Tensor) -> torch.Tensor:
    wide = torch.nn.functional.max_pool2d(labels[:, None].float(), 5, 1, 2)
    narrow = -torch.nn.functional.max_pool2d(-labels[:, None].float(), 5, 1, 2)
    return (wide != narrow)[:, 0]


def measure(name: str, args: argparse.Namespace, model: Model) -> dict[str, Any]:
    rows = read_manifest(args.data / name / "manifest.csv", need_labels=True)
    rows = [r for r in rows if r.split == "validation"]
    structures = [Structure.LV, Structure.MYO, Structure.RV] if name == "acdc" else [Structure.LV]
    gathered = Gathered(len(structures))
    for row in rows:
        gathered.add(row, model, structures)
        print(name, row.subject, row.frame, flush=True)
    return {"set": name, "model": model.title, **gathered.record()}


class Gathered:
    """Numbers of all slices of a set."""

    def __init__(self, structures: int) -> None:
        self.structures = structures
        self.lost: list[float] = []
        self.shipped: list[float] = []
        self.scores: dict[str, dict[str, list[float]]] = {name: {} for name in SETS}
        self.subjects: list[str] = []
        self.heart: list[bool] = []
        self.studies: dict[str, list[tuple[float, float, float]]] = {}
        self.pixels: dict[str, list[np.ndarray]] = {"said": [], "right": [], "near": []}

    def add(self, row: ManifestRow, model: Model, structures: list[Structure]) -> None:
        stack = load_image(row)
        phases, truth = load_label(row, stack)
        found = predict(stack, model, phases=phases, uncertainty=True)
        doubt = found.uncertainty
        assert doubt is not None
        spec = model.card.networks["segmenter"]
        heart = find_heart(stack, model)
        crop = Crop.of(spec.grid, heart.centre_mm, heart.pixel_mm, stack.shape[2:])
        step = stride(slice_distance(stack.geometry), spec.neighbour_mm)
        for phase, true in zip(phases, truth.labels, strict=True):
            lost = dice_lost(found.labels[phase][None], true[None], structures)[0]
            views = views_of(model, crop.inputs(stack.pixels[phase], spec.neighbours, step))
            self.lost += lost.tolist()
            told = np.mean([doubt.structures[s.name][phase] for s in structures], axis=0)
            self.shipped += told.tolist()
            self.subjects += [row.subject] * len(lost)
            self.heart += (true > 0).any((1, 2)).tolist()
            whole = [overlap(found.labels[phase] == s, true == s) for s in structures]
            self.studies.setdefault(row.subject, []).append(
                (1 - float(np.mean(whole)), doubt.study, float(told.mean()))
            )
            for name, starts in SETS.items():
                chosen = torch.stack([v for k, v in views.items() if k.startswith(starts)])
                for score, values in slice_scores(chosen, self.structures).items():
                    self.scores[name].setdefault(score, []).extend(values.tolist())
            self._pixels(views, crop, true)

    def _pixels(self, views: dict[str, torch.Tensor], crop: Crop, true: np.ndarray) -> None:
        flips = torch.stack([v for k, v in views.items() if k.startswith(SETS["flips"])])
        likely = flips.mean(0).softmax(1)
        target = crop.targets(torch.from_numpy(np.minimum(true, 3)), likely.shape[1])
        if self.structures == 1:  # only the LV was drawn: LV or not
            likely = torch.stack([1 - likely[:, 1], likely[:, 1]], dim=1)
            target = (target == 1).long()
        surest = likely.max(1)
        either = torch.maximum(surest.indices, target)
        near = torch.nn.functional.max_pool2d(
            either[:, None].float(), 2 * NEAR_PIXELS + 1, 1, NEAR_PIXELS
        )
        self.pixels["said"].append(surest.values.numpy().ravel())
        self.pixels["right"].append((surest.indices == target).numpy().ravel())
        self.pixels["near"].append((near > 0).numpy().ravel())

    def record(self) -> dict[str, Any]:
        lost, subjects = np.array(self.lost), np.array(self.subjects)
        heart = np.array(self.heart)
        said, right, near = (np.concatenate(self.pixels[k]) for k in ("said", "right", "near"))
        studies = [np.mean(v, axis=0).tolist() for v in self.studies.values()]
        names = list(self.studies)
        true = [s[0] for s in studies]
        return {
            "slices": len(lost),
            "shipped": ranks(self.shipped, lost, subjects),
            "shipped_with_heart": ranks(
                np.array(self.shipped)[heart], lost[heart], subjects[heart]
            ),
            "by_study": {
                "views' disagreement": ranks([s[1] for s in studies], true, names),
                "mean expected loss": ranks([s[2] for s in studies], true, names),
            },
            "studies": dict(zip(names, studies, strict=True)),
            "tried": {
                views: {k: ranks(v, lost, subjects)["value"] for k, v in scores.items()}
                for views, scores in self.scores.items()
            },
            "slice_reliability": told(reliability(np.array(self.shipped), lost, 10)),
            "pixel_reliability": told(reliability(said, right)),
            "pixel_reliability_near": told(reliability(said[near], right[near])),
            "points": [
                [round(float(a), 4), round(float(b), 4)]
                for a, b in zip(self.shipped, lost, strict=True)
            ],
        }


def ranks(said: Any, true: Any, subjects: Any) -> dict[str, Any]:
    return rank_correlation(list(said), list(true), list(subjects)).model_dump()


def overlap(found: np.ndarray, true: np.ndarray) -> float:
    from napari_cmr.measure import dice

    return dice(found, true)


def told(found: Reliability) -> dict[str, Any]:
    return {"error": found.error, "said": found.said, "true": found.true, "counts": found.counts}


def report(results: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = {r["set"]: r for r in map(json.loads, results.read_text().splitlines())}
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    for (name, row), colour in zip(rows.items(), ("#2a6f97", "#c8553d"), strict=False):
        said, lost = np.array(row["points"]).T
        axes[0].scatter(said, lost, 8, colour, alpha=0.45, label=f"{name}, {len(said)} slices")
        for axis, key in ((axes[1], "slice_reliability"), (axes[2], "pixel_reliability_near")):
            one = row[key]
            label = f"{name}, off by {one['error']:.3f}"
            axis.plot(one["said"], one["true"], "o-", color=colour, ms=4, label=label)
    for axis, title, x, y in (
        (axes[0], "each slice", "Dice expected to be lost", "Dice lost"),
        (axes[1], "slices in bins", "Dice expected to be lost", "Dice lost, mean"),
        (axes[2], "pixels near the heart", "confidence", "share that is right"),
    ):
        axis.plot([0, 1], [0, 1], color="#999999", lw=0.8)
        axis.set(title=title, xlabel=x, ylabel=y)
        axis.legend(frameon=False, fontsize=8)
    figure.savefig(HERE.parent / "docs" / "uncertainty.png", dpi=90)
    for row in rows.values():
        print(row["set"], row["shipped"], row["shipped_with_heart"], row["by_study"])
        for views, scores in row["tried"].items():
            print(" ", views, {k: None if v is None else round(v, 2) for k, v in scores.items()})
        for key in ("slice_reliability", "pixel_reliability", "pixel_reliability_near"):
            print(" ", key, round(row[key]["error"], 4))


def main() -> None:
    args = arguments()
    if args.report:
        report(args.results)
        return
    torch.set_num_threads(args.threads)
    model = load_model(args.model)
    for name in args.set or ("acdc", "dsb"):
        began = time.monotonic()
        row = measure(name, args, model)
        row |= {"seconds": round(time.monotonic() - began), "machine": machine()}
        row |= {"versions": versions()}
        args.results.parent.mkdir(exist_ok=True)
        with args.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
