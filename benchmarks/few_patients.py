"""Three structures from 7, 3 or 1 labelled patients of ACDC, with and without the others' images.

usage:
  python benchmarks/few_patients.py --patients 7 --out runs/few
  python benchmarks/few_patients.py --report

The published subsets (the manifest's column ``few``). A first training from `cmr-unet-mim` learns
localiser and segmenter from these patients' ED and ES alone. From there a second one, equally
long for both, goes on with their labels only, or with the images of the other training patients
joined in (`napari-cmr finetune --unlabelled`). Nothing is chosen on the validation patients; they
are measured once after each training. A stopped training goes on, one that is done is measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "few_patients.jsonl"
DATA = HERE.parents[1] / "shared" / "data" / "acdc"
FIRST_STEPS = {7: 1200, 3: 800, 1: 800}
SECOND_STEPS = 900
PUBLISHED = {7: (0.899, 0.625), 3: (0.889, 0.415), 1: (0.854, 0.285)}
"""Best semi-supervised and plain supervised Dice on this split, chosen on the test set."""
STAGES = ("first", "labels", "unlabelled")
METRICS = ("dice_mean", "dice_LV", "dice_MYO", "dice_RV", "ef_error")
SEGMENTER = {
    "batch": 8,
    "average": 0.995,
    "channels": [16, 32, 64, 128, 256, 320],
    "augment": {
        "shift_mm": 12.0, "zoom": [0.8, 1.25], "any_rotation": 0.0, "elastic": 0.2, "tone": 0.1,
        "local_contrast": 0.0, "sharpen": 0.0, "coarse": 0.0,
    },
    "consistency": {"batch": 8, "begin": 0, "ramp": 200},
}  # fmt: skip
LOCALISER = {"steps": 500, "warm_up": 50}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--patients", type=int, nargs="+", choices=sorted(FIRST_STEPS), default=[7])
    add("--stages", nargs="+", choices=STAGES, default=list(STAGES))
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
            row = run(patients, stage, told.out, told.data.resolve(), told.threads)
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row))
    return 0


def run(patients: int, stage: str, out: Path, data: Path, threads: int) -> dict[str, Any]:
    """Train a stage and measure it on the validation patients."""
    labelled, others = write_manifests(patients, out, data)
    folder, first = out / f"{patients}-{stage}", out / f"{patients}-first"
    begin = stage == "first"
    settings = {
        "segmenter": SEGMENTER | {"warm_up": 100 if begin else 50},
        "localiser": LOCALISER,
        "validate_every": 100000,
    }
    config = out / f"{'first' if begin else 'second'}.json"
    config.write_text(json.dumps(settings))
    steps = FIRST_STEPS[patients] if begin else SECOND_STEPS
    call = ["finetune", "--manifest", labelled, "--out", folder, "--config", config]
    call += ["--start", "cmr-unet-mim" if begin else first, "--steps", steps]
    call += ["--threads", threads, "--name", f"few{patients}-{stage}"]
    call += [] if begin else ["--localiser-steps", 0]
    call += ["--unlabelled", others] if stage == "unlabelled" else []
    if not (folder / "card.json").exists():
        napari_cmr(*call)
    found = out / f"{patients}-{stage}.json"
    rows = ("--manifest", data / "manifest.csv", "--split", "validation")
    napari_cmr("evaluate", *rows, "--model", folder, "--json", found)
    mean = json.loads(found.read_text())["mean"]
    card = json.loads((folder / "card.json").read_text())
    return {
        "patients": patients,
        "stage": stage,
        "steps": steps,
        "hours": round(card["hours"], 2),
        "hardware": card["hardware"],
        **{name: mean[name] for name in METRICS},
    }


def write_manifests(patients: int, out: Path, data: Path) -> tuple[Path, Path]:
    """CSVs of the subset with the validation patients, and of the others without labels."""
    with (data / "manifest.csv").open(newline="") as file:
        rows = [r | {"image": str(data / r["image"])} for r in csv.DictReader(file)]
    chosen = [r for r in rows if str(patients) in r["few"].split(";")]
    held = [r for r in rows if r["split"] == "validation"]
    ours = [r | {"label": str(data / r["label"]), "scribble": ""} for r in chosen + held]
    names = {r["subject"] for r in chosen + held}
    others = [r | {"label": "", "scribble": ""} for r in rows if r["subject"] not in names]
    return _write(out / f"acdc{patients}.csv", ours), _write(out / f"rest{patients}.csv", others)


def report(rows: list[dict[str, Any]]) -> str:
    """The table of docs/few-shot.md."""
    lines = [
        "| patients | training | steps | hours | mean Dice (95 %) | LV | wall | RV | EF error | "
        "published |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    last = {(r["patients"], r["stage"]): r for r in rows}
    order = sorted(last, key=lambda key: (-key[0], STAGES.index(key[1])))
    for patients, stage in order:
        row = last[patients, stage]
        mean = row["dice_mean"]
        dice = [f"{row[f'dice_{name}']['value']:.3f}" for name in ("LV", "MYO", "RV")]
        interval = f"{mean['value']:.3f} ({mean['low']:.3f} to {mean['high']:.3f})"
        best, plain = PUBLISHED[patients]
        cells = [patients, stage, row["steps"], row["hours"], interval, *dice]
        cells += [f"{row['ef_error']['value']:.1f}", f"{best}; plain {plain}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _write(path: Path, rows: list[dict[str, str]]) -> Path:
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
