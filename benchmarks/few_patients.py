"""Three structures from 7, 3 or 1 labelled patients of ACDC, with and without the others' images.

usage:
  python benchmarks/few_patients.py --patients 7 --views light --stages first predicted
  python benchmarks/few_patients.py --patients 7 --draw 1 --stages first predicted
  python benchmarks/few_patients.py --report

The published subsets (the manifest's column ``few``), or with ``--draw`` as many training patients
drawn by that seed. A first training from `--start` learns
localiser and segmenter from these patients' ED and ES alone. From there a second one, equally
long for all, goes on with their labels only (``labels``), with the images of the other training
patients joined in (``unlabelled``: `napari-cmr finetune --unlabelled`), or with what the first
one's model draws in them as labels (``predicted``), of those in whom it finds ED and ES at one
place. Nothing is chosen on the validation patients; they are measured once after each training. A
stopped training goes on, one that is done is measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from predicted_labels import labelled

from napari_cmr.core import Structure
from napari_cmr.io import load_image, load_label, read_manifest
from napari_cmr.io.manifest import ManifestRow

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "few_patients.jsonl"
DATA = HERE.parents[1] / "shared" / "data" / "acdc"
APART_MM = 15.0
"""How far apart one patient's predicted cavities of ED and ES may lie."""
PUBLISHED = {7: (0.899, 0.625), 3: (0.889, 0.415), 1: (0.854, 0.285)}
"""Best semi-supervised and plain supervised Dice on this split, chosen on the test set."""
STAGES = ("first", "labels", "unlabelled", "predicted")
METRICS = ("dice_mean", "dice_LV", "dice_MYO", "dice_RV", "ef_error")
SEGMENTER = {
    "average": 0.995,
    "channels": [16, 32, 64, 128, 256, 320],
    "consistency": {"batch": 8, "begin": 0, "ramp": 200},
}


@dataclass(frozen=True)
class Views:
    """How far pictures are changed, how wide they are, and how long the trainings."""

    augment: dict[str, Any]
    batch: int
    size: int
    first_steps: dict[int, int]
    second_steps: int
    localiser_steps: tuple[int, int]
    """Of the first training, and of a second one with predicted labels."""


PLAIN = {"any_rotation": 0.0, "local_contrast": 0.0, "sharpen": 0.0, "coarse": 0.0}
VIEWS = {
    "strong": Views(
        PLAIN | {"shift_mm": 12.0, "zoom": [0.8, 1.25], "elastic": 0.2, "tone": 0.1},
        8, 128, {7: 1200, 3: 800, 1: 800}, 900, (500, 500),
    ),
    "light": Views(
        PLAIN | {
            "shift_mm": 12.0, "zoom": [0.8, 1.25], "elastic": 0.1, "tone": 0.0, "stretch": 0.05,
            "bias": 0.2, "noise": 0.1, "blur": 0.1,
        },
        16, 96, {7: 1000, 3: 1000, 1: 1000}, 1000, (800, 500),
    ),
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--patients", type=int, nargs="+", choices=sorted(PUBLISHED), default=[7])
    add("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    add("--views", choices=sorted(VIEWS), default="light")
    add("--draw", type=int, default=0, help="seed of a random subset; 0 is the published one")
    add("--start", default="cmr-unet-pcl", help="where the first training begins")
    add("--out", type=Path, default=HERE.parent / "runs" / "few")
    add("--data", type=Path, default=DATA)
    add("--threads", type=int, default=1)
    add("--report", action="store_true", help="print the table and train nothing")
    told = parser.parse_args(argv)
    if told.report:
        print(report([json.loads(line) for line in RESULTS.read_text().splitlines()]))
        return 0
    told.out.mkdir(parents=True, exist_ok=True)
    for patients in told.patients:
        for stage in told.stages:
            row = run(patients, stage, told)
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row))
    return 0


def run(patients: int, stage: str, told: argparse.Namespace) -> dict[str, Any]:
    """Train a stage and measure it on the validation patients."""
    data, out, views = told.data.resolve(), told.out, VIEWS[told.views]
    tag = f"{patients}-draw{told.draw}" if told.draw else str(patients)
    ours, others = write_manifests(patients, told.draw, tag, out, data)
    folder, first = (out / f"{tag}-{told.views}-{name}" for name in (stage, "first"))
    begin = stage == "first"
    steps = views.first_steps[patients] if begin else views.second_steps
    if not (folder / "card.json").exists():
        config = folder.with_suffix(".settings.json")
        config.write_text(json.dumps(settings(views, begin)))
        call = ["finetune", "--manifest", ours, "--out", folder, "--config", config]
        call += ["--start", told.start if begin else first, "--steps", steps]
        call += ["--threads", told.threads, "--name", f"few{patients}-{stage}"]
        call += more(stage, views, first, others)
        napari_cmr(*call)
    found = folder.with_suffix(".json")
    rows = ("--manifest", data / "manifest.csv", "--split", "validation")
    napari_cmr("evaluate", *rows, "--model", folder, "--json", found)
    mean = json.loads(found.read_text())["mean"]
    card = json.loads((folder / "card.json").read_text())
    start = json.loads(((folder if begin else first) / "card.json").read_text())["parent"]
    return {
        "patients": patients,
        "draw": told.draw,
        "views": told.views,
        "start": start,
        "stage": stage,
        "steps": steps,
        "hours": round(card["hours"], 2),
        "hardware": card["hardware"],
        **{name: mean[name] for name in METRICS},
    }


def more(stage: str, views: Views, first: Path, others: Path) -> list[object]:
    """What `finetune` is told of the localiser and the others' images."""
    begun, again = views.localiser_steps
    if stage == "first":
        return ["--localiser-steps", begun]
    if stage == "predicted":
        drawn = ["--manifest", predicted(first, others), "--weight", 0.5, "--weight", 0.5]
        return [*drawn, "--localiser-steps", again]
    joined = ["--unlabelled", others] if stage == "unlabelled" else []
    return [*joined, "--localiser-steps", 0]


def settings(views: Views, begin: bool) -> dict[str, Any]:
    """What `finetune` reads beside its options."""
    grid = {"size": views.size}
    stage = {"augment": views.augment, "batch": views.batch, "grid": grid}
    return {
        "segmenter": SEGMENTER | stage | {"warm_up": 100 if begin else 50},
        "localiser": {"warm_up": 50},
        "validate_every": 100000,
    }


def predicted(model: Path, others: Path) -> Path:
    """A manifest of the others with what the model draws in them, where that can be believed."""
    folder = model.with_name(f"{model.name}-drawn")
    if not (folder / "predictions.csv").exists():
        napari_cmr("predict", "--manifest", others, "--model", model, "--out", folder)
    rows = labelled(read_manifest(others), folder)
    places = defaultdict(list)
    for row in rows:
        places[row.subject].append(cavity_mm(row))
    believed = [row for row in rows if near(places[row.subject])]
    print(f"{len(believed)} of {len(rows)} predicted pictures are believed")
    table = folder / "believed.csv"
    told = {"split": "train", "label_map": "cmr", "scribble": ""}
    write_rows(table, [r.columns | told | {"image": r.image, "label": r.label} for r in believed])
    return table


def cavity_mm(row: ManifestRow) -> np.ndarray:
    """``(2,)`` middle of a label's LV cavity in the plane, mm; not numbers where there is none."""
    stack = load_image(row)
    _, found = load_label(row, stack)
    pixels = np.argwhere(found.labels == Structure.LV)[:, 2:]
    return pixels.mean(0) * stack.geometry.pixel_spacing if len(pixels) else np.full(2, np.nan)


def near(places: list[np.ndarray]) -> bool:
    """Whether one patient's cavities, ED's and ES's, lie at one place."""
    return bool(np.max([np.linalg.norm(a - places[0]) for a in places]) < APART_MM)


def write_manifests(patients: int, draw: int, tag: str, out: Path, data: Path) -> tuple[Path, Path]:
    """CSVs of the subset with the validation patients, and of the others without labels."""
    with (data / "manifest.csv").open(newline="") as file:
        rows = [r | {"image": str(data / r["image"])} for r in csv.DictReader(file)]
    subset = {r["subject"] for r in rows if str(patients) in r["few"].split(";")}
    if draw:
        known = sorted({r["subject"] for r in rows if r["split"] == "train"})
        subset = set(random.Random(draw).sample(known, patients))
    chosen = [r for r in rows if r["subject"] in subset]
    held = [r for r in rows if r["split"] == "validation"]
    ours = [r | {"label": str(data / r["label"]), "scribble": ""} for r in chosen + held]
    names = {r["subject"] for r in chosen + held}
    others = [r | {"label": "", "scribble": ""} for r in rows if r["subject"] not in names]
    first = write_rows(out / f"acdc{tag}.csv", ours)
    return first, write_rows(out / f"rest{tag}.csv", others)


def report(rows: list[dict[str, Any]]) -> str:
    """The table of docs/few-shot.md."""
    lines = [
        "| patients | subset | views | training | steps | hours | mean Dice (95 %) | LV | wall | "
        "RV | EF error | published |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    last = {(r["patients"], r["draw"], r["views"], r["stage"]): r for r in rows}
    order = sorted(last, key=lambda key: (-key[0], *key[1:3], STAGES.index(key[3])))
    for patients, draw, views, stage in order:
        row = last[patients, draw, views, stage]
        mean = row["dice_mean"]
        dice = [f"{row[f'dice_{name}']['value']:.3f}" for name in ("LV", "MYO", "RV")]
        interval = f"{mean['value']:.3f} ({mean['low']:.3f} to {mean['high']:.3f})"
        best, plain = PUBLISHED[patients]
        subset = f"draw {draw}" if draw else "published"
        cells = [patients, subset, views, stage, row["steps"], row["hours"], interval, *dice]
        cells += [f"{row['ef_error']['value']:.1f}", f"{best}; plain {plain}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def napari_cmr(*arguments: object) -> None:
    """The command, in this process."""
    from napari_cmr.cli.app import app

    app([str(a) for a in arguments], standalone_mode=False)


if __name__ == "__main__":
    sys.exit(main())
