"""Would people whom nothing was chosen on choose the shipped segmenter's training?

    python benchmarks/unseen_trainings.py --localiser MODEL [--steps 500]

Three labelled ACDC patients (the published ``few-3``) and DSB's training people teach, the 67 other
ACDC training patients judge. Each way differs from the first one in one choice that was made when
validation patients had been looked at; all else, the seed too, is alike. MODEL is one
whose localiser learnt from the three alone (the first stage of few_patients.py). Rows of results
join benchmarks/results/unseen_trainings.jsonl.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from few_patients import DATA, HERE, write_rows
from torch import Tensor
from unseen_choices import METRICS, resampled

from napari_cmr.io import read_manifest
from napari_cmr.learn import SegmenterConfig, finetune_segmenter, segmenter
from napari_cmr.learn.evaluate import evaluate_segmenter
from napari_cmr.learn.losses import EPS
from napari_cmr.nets import load_model, predict

RESULTS = HERE / "results" / "unseen_trainings.jsonl"
SIZE = 96
Found = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Way:
    """A choice taken back."""

    views: dict[str, Any] = field(default_factory=dict)
    shares: tuple[float, float] = (0.65, 0.35)
    pooled: bool = False


WAYS = {
    "as shipped": Way(),
    "pooled Dice alone": Way(pooled=True),
    "views of 1.2.0": Way(views={"any_rotation": 0.1, "zoom": (0.85, 1.2)}),
    "both sets alike": Way(shares=(0.5, 0.5)),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--localiser", required=True)
    add("--steps", type=int, default=500)
    add("--seed", type=int, default=0)
    add("--out", type=Path, default=HERE.parent / "runs" / "unseen")
    add("--data", type=Path, default=DATA.parent, help="the folder of all sets")
    add("--threads", type=int, default=1)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    told.out.mkdir(parents=True, exist_ok=True)
    found = {name: run(name, way, told) for name, way in WAYS.items()}
    for metric in METRICS:
        for row in compared(found, metric):
            with RESULTS.open("a") as file:
                file.write(json.dumps(row | {"steps": told.steps, "seed": told.seed}) + "\n")
            print(json.dumps(row))
    return 0


def run(name: str, way: Way, told: argparse.Namespace) -> Found:
    """Train one way, and measure it by person on those that no way has seen."""
    folder = told.out / f"{name.replace(' ', '-')}-{told.seed}"
    acdc, dsb = (told.data / name / "manifest.csv" for name in ("acdc", "dsb"))
    three = [row for row in trained(acdc) if "3" in row["few"].split(";")]
    if not (folder / "card.json").exists():
        sets = [
            write_rows(told.out / "acdc3.csv", three),
            write_rows(told.out / "dsb.csv", trained(dsb)),
        ]
        with pooled_dice() if way.pooled else nullcontext():
            finetune_segmenter(
                sets, folder, settings(way, told), name="unseen", version="0",
                weights=way.shares, start="cmr-unet-pcl", localiser=told.localiser,
                threads=told.threads,
            )  # fmt: skip
    model = load_model(folder)
    plain = {**model.card.test_time, "flips": []}
    model = replace(model, card=model.card.model_copy(update={"test_time": plain}))
    taught = {row["subject"] for row in three}
    rows = [row for row in read_manifest(acdc) if row.split == "train"]
    rows = [row for row in rows if row.subject not in taught]
    return evaluate_segmenter(rows, lambda stack: predict(stack, model), surfaces=False)


def trained(manifest: Path) -> list[dict[str, str]]:
    """Rows of the training split, with whole paths."""
    whole = {name: str(manifest.parent.resolve()) + "/" for name in ("image", "label")}
    with manifest.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    return [
        row | {name: above + row[name] for name, above in whole.items()} | {"scribble": ""}
        for row in rows
    ]


def settings(way: Way, told: argparse.Namespace) -> SegmenterConfig:
    """The shipped card's last stage, on a smaller grid and from a pretrained encoder."""
    recipe = load_model("cine-sax-unet").card.recipe
    known = {key: recipe[key] for key in SegmenterConfig.model_fields if key in recipe}
    config = SegmenterConfig.model_validate(known)
    stage = config.segmenter.model_copy(
        update={
            "augment": config.segmenter.augment.model_copy(update=way.views),
            "grid": config.segmenter.grid.model_copy(update={"size": SIZE}),
            "steps": told.steps,
            "learning_rate": 2e-3,
            "average": 0.99,
        }
    )
    return config.model_copy(
        update={"segmenter": stage, "seed": told.seed, "validate_every": 10**6}
    )


@contextmanager
def pooled_dice() -> Iterator[None]:
    """The loss before 1.1.0: the Dice of all pictures together, none of each by itself."""
    kept = segmenter.partial_segmentation_loss

    def loss(logits: Tensor, target: Tensor, labelled: Tensor, said: object = None) -> Tensor:
        assert said is None, "strokes were not there then"
        named = labelled.clone()
        named[:, 0] = False
        p = logits.softmax(1)
        merged = (p * (~named)[:, :, None, None]).sum(1, keepdim=True)
        p = torch.cat([merged, p[:, 1:] * named[:, 1:, None, None]], 1)
        surprise = -p.gather(1, target[:, None])[:, 0].clamp_min(EPS).log()
        truth = torch.zeros_like(p).scatter_(1, target[:, None], 1.0)
        weights = named[:, 1:, None, None].float()
        overlap = (p[:, 1:] * truth[:, 1:] * weights).sum((0, 2, 3))
        total = ((p[:, 1:] + truth[:, 1:]) * weights).sum((0, 2, 3))
        told = named[:, 1:].any(0)
        return surprise.mean() + 1 - ((2 * overlap + 1) / (total + 1))[told].mean()

    segmenter.partial_segmentation_loss = loss
    try:
        yield
    finally:
        segmenter.partial_segmentation_loss = kept


def compared(found: Mapping[str, Found], metric: str) -> Iterator[dict[str, Any]]:
    """What the shipped choice gives beyond each other one, with 95 % intervals over people."""
    people = [s for s in found["as shipped"] if all(metric in way[s] for way in found.values())]
    values = {name: np.array([way[s][metric] for s in people]) for name, way in found.items()}
    for name, mine in values.items():
        gain = values["as shipped"] - mine
        yield {
            "metric": metric, "people": len(people), "way": name, "mean": round(mine.mean(), 4),
            "shipped_beyond_it": round(gain.mean(), 4),
            "interval": [round(edge, 4) for edge in resampled(gain)],
        }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
