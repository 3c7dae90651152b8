"""Five labelled subjects: the head tier against nnU-Net and DynUNet from scratch; one row a run.

usage:
  python benchmarks/few_shot.py --nnunet PYTHON    PYTHON is one that has nnunetv2
  python benchmarks/few_shot.py --report           the table of docs/few-shot.md

EMIDEC (late enhancement, which the shipped cine model never saw), LV cavity and wall; infarct and
obstruction count as wall. `napari-cmr retrain --tier head` is timed as a whole, with a cold cache;
each peer then trains on the same five subjects for that time and for ten times it, one after the
other, and all are judged on the same validation subjects. Rows that are there are skipped.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from few_shot_peer import CLOCKS, Case, read_cases, write_cases
from PIL import Image

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "few_shot.jsonl"
DATA = HERE.parents[1] / "shared" / "data" / "emidec"
BEFORE, HEAD = "cine model as shipped", "head tier"
NNUNET = "nnU-Net v2, 2-D"
PEERS = {NNUNET: "few_shot_nnunet.py", "MONAI DynUNet": "few_shot_dynunet.py"}
TIMES = (1, 10)
STRUCTURES = {"LV": 1, "MYO": 2}
COLUMNS = ("subject", "image", "label", "slice", "split", "label_map", "view")

Row = dict[str, Any]


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--nnunet", type=Path, help="a Python that has nnunetv2; without it nnU-Net is left out")
    add("--subjects", type=int, default=5)
    add("--seeds", type=int, nargs="+", default=[0], help="each draws subjects and trains")
    add("--times", type=int, nargs="+", default=list(TIMES), help="of the head tier's time")
    add("--clock", choices=list(CLOCKS), default="wall", help="which time is the same")
    add("--threads", type=int, default=2)
    add("--data", type=Path, default=DATA)
    add("--results", type=Path, default=RESULTS)
    add("--report", action="store_true", help="print the table and stop")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    if args.report:
        print(report(read_results(args.results)))
        return
    for seed in args.seeds:
        with tempfile.TemporaryDirectory() as folder:
            race(args, seed, Path(folder))


def race(args: argparse.Namespace, seed: int, home: Path) -> None:
    """All contenders on one draw of subjects; what has a row is not run again."""
    chosen = prepare(args, seed, home)

    def row_of(name: str, times: int, run: Callable[[], Row]) -> Row:
        key = {"contender": name, "times": times, "seed": seed, "subjects": chosen}
        key |= {"clock": args.clock, "threads": args.threads}
        for row in read_results(args.results):
            if key.items() <= row.items():
                print(f"{name}, {times} times: there already", flush=True)
                return row
        print(time.strftime("%H:%M:%S"), f"{name}, {times} times", flush=True)
        load = os.getloadavg()[0]
        row = key | run() | {"load": [round(load, 1), round(os.getloadavg()[0], 1)]}
        row["machine"] = (
            f"{args.threads} threads, {os.cpu_count()} CPU cores ({os.uname().machine})"
        )
        args.results.parent.mkdir(parents=True, exist_ok=True)
        with args.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        return row

    row_of(BEFORE, 0, lambda: ours(home, None, args.threads))
    head = row_of(HEAD, 1, lambda: retrained(args, seed, home))
    seconds = head[f"{args.clock}_s"]
    pythons = {name: Path(sys.executable) for name in PEERS} | {NNUNET: args.nnunet}
    for times in args.times:
        for name, script in PEERS.items():
            if pythons[name] is None:
                print(f"{name}: left out, --nnunet was not given", flush=True)
                continue
            command = [str(pythons[name]), str(HERE / script), "--seconds", str(seconds * times)]
            command += ["--seed", str(seed), "--clock", args.clock]
            row_of(name, times, lambda command=command: peer(args, command, home))


def prepare(args: argparse.Namespace, seed: int, home: Path) -> list[str]:
    """Write both manifests, and their cases as the peers read them; give who trains."""
    from napari_cmr.io.manifest import read_manifest
    from napari_cmr.learn.examples import load_labelled

    rows = read_manifest(args.data.resolve() / "manifest.csv", need_labels=True)
    training = sorted({row.subject for row in rows if row.split == "train"})
    chosen = sorted(np.random.default_rng(seed).choice(training, args.subjects, replace=False))
    parts = {
        "train": [row for row in rows if row.subject in chosen],
        "test": [row for row in rows if row.split == "validation"],
    }
    for name, part in parts.items():
        write_manifest(home / name, part)
        loaded = load_labelled(read_manifest(home / f"{name}.csv", need_labels=True))
        cases = [
            Case(row.subject, row.stack.pixels[0].astype(np.float32), row.labels[0])
            for row in loaded
        ]
        write_cases(home / "cases" / name, cases)
    return [str(subject) for subject in chosen]


def write_manifest(stem: Path, rows: list[Any]) -> None:
    """``STEM.csv``, and in the folder ``STEM`` its labels, where infarct is wall."""
    from napari_cmr.core import label_map
    from napari_cmr.measure.volumes import WALL

    stem.mkdir()
    with stem.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows:
            drawn = label_map(row.label_map).to_cmr(np.asarray(Image.open(row.label)))
            wall = np.isin(drawn, WALL)
            label = stem / row.label.name
            Image.fromarray(np.where(wall, np.uint8(STRUCTURES["MYO"]), drawn)).save(label)
            # Without the sequence, since it is the cine model that is to learn from them.
            told = [row.subject, row.image, label, row.slice, row.split, "cmr", row.view]
            writer.writerow(dict(zip(COLUMNS, told, strict=True)))


def retrained(args: argparse.Namespace, seed: int, home: Path) -> Row:
    """Time the command, then judge the version it made."""
    told = home / "retrained.json"
    command = [sys.executable, "-m", "napari_cmr", "retrain", "--project", str(home / "project")]
    command += ["--manifest", str(home / "train.csv"), "--tier", "head", "--keep-anyway"]
    command += ["--threads", str(args.threads), "--seed", str(seed), "--json", str(told)]
    wall, processor = timed(command, args.threads)
    record = json.loads(told.read_text())
    judged = len((record["judgement"] or {}).get("pairs", ()))
    made = home / "project" / ".napari-cmr" / "versions" / "cine_sax_seg" / record["version"]
    spent = {"wall_s": round(wall, 1), "processor_s": round(processor, 1)}
    return spent | {"held_out_by_gate": judged} | ours(home, made, args.threads)


def ours(home: Path, model: Path | None, threads: int) -> Row:
    """Judge one of our models; the shipped one if None."""
    import torch

    from napari_cmr.io.manifest import read_manifest
    from napari_cmr.learn.examples import load_labelled
    from napari_cmr.nets import load_model, predict

    torch.set_num_threads(threads)
    loaded = load_labelled(read_manifest(home / "test.csv", need_labels=True))
    used = load_model(model)
    found = {row.subject: predict(row.stack, used).labels[0] for row in loaded}
    versions = {"model": used.title, "torch": torch.__version__}
    return {"versions": versions, "dice": scores(home, found)}


def peer(args: argparse.Namespace, command: list[str], home: Path) -> Row:
    with tempfile.TemporaryDirectory(dir=home) as folder:
        out = Path(folder)
        command = [*command, "--cases", str(home / "cases"), "--out", folder]
        wall, processor = timed([*command, "--threads", str(args.threads)], args.threads)
        training = json.loads((out / "training.json").read_text())
        found = {file.stem: np.load(file) for file in out.glob("*.npy")}
    whole = {"whole_wall_s": round(wall, 1), "whole_processor_s": round(processor, 1)}
    return training | whole | {"dice": scores(home, found)}


def timed(command: list[str], threads: int) -> tuple[float, float]:
    """Run a command; seconds by the wall and of the processor, its children's included."""
    # A thread that waits for another sleeps, so that the processor's time is that of work.
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    wall = time.perf_counter() - began
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def scores(home: Path, found: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Dice of each subject's whole stack; every contender is judged here."""
    from napari_cmr.measure import dice

    return {
        case.subject: {
            name: round(dice(found[case.subject] == value, case.labels == value), 4)
            for name, value in STRUCTURES.items()
        }
        for case in read_cases(home / "cases" / "test")
    }


def read_results(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def report(rows: list[Row]) -> str:
    """The table, in markdown; differences are paired by subject, with 95 % bootstrap intervals."""
    from napari_cmr.learn.evaluate import interval

    lines = [
        "| seed | T by | contender | time | wall | processor | steps | load | LV | wall of LV "
        "| mean | head tier less it |",
        "| --- " * 12 + "|",
    ]
    heads = {_draw(row): row for row in rows if row["contender"] == HEAD}
    for row in rows:
        rng = np.random.default_rng(0)
        means = _means(row)
        average = {name: np.mean([d[name] for d in row["dice"].values()]) for name in STRUCTURES}
        gap = ""
        if row["contender"] != HEAD and _draw(row) in heads:
            head = _means(heads[_draw(row)])
            gap = _told(interval([head[s] - means[s] for s in means], rng), "+.3f")
        cells = [
            str(row["seed"]),
            row["clock"],
            _named(row),
            f"{row['times']} T" if row["times"] else "none",
            f"{row['wall_s']:.0f} s" if "wall_s" in row else "",
            f"{row['processor_s']:.0f} s" if "processor_s" in row else "",
            str(row.get("steps", "")),
            " to ".join(map(str, row["load"])),
            *(f"{value:.3f}" for value in average.values()),
            _told(interval(list(means.values()), rng), ".3f"),
            gap,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _named(row: Row) -> str:
    """The contender, with the version of the model where that is all there is of it."""
    model = row.get("versions", {}).get("model", "") if row["contender"] == BEFORE else ""
    return f"{row['contender']} ({model})" if model else str(row["contender"])


def _draw(row: Row) -> tuple[Any, ...]:
    return (row["seed"], tuple(row["subjects"]), row["clock"], row["threads"])


def _means(row: Row) -> dict[str, float]:
    """Mean over structures, by subject."""
    return {s: float(np.mean([d[n] for n in STRUCTURES])) for s, d in row["dice"].items()}


def _told(metric: Any, form: str) -> str:
    return f"{metric.value:{form}} ({metric.low:{form}} to {metric.high:{form}})"


if __name__ == "__main__":
    main()
