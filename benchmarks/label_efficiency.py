"""How many labels a segmenter needs, by where its training begins; one row a run.

usage:
  python benchmarks/label_efficiency.py --set dsb --subjects 10 --seeds 0 1 \
      --starts scratch mim=FOLDER dino=FOLDER
  python benchmarks/label_efficiency.py --list     what was not run
  python benchmarks/label_efficiency.py --report   table and plot of docs/label-efficiency.md

A run trains on the labels of its subset alone for a fixed number of steps, keeps the last
average of its weights, and is measured on the set's validation split. Rows that are there are
skipped; a run that was stopped goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "label_efficiency.jsonl"
DATA = HERE.parents[1] / "shared" / "data"
WORK = HERE.parent / "runs" / "label-efficiency"

STRUCTURES = {
    "dsb": ("BACKGROUND", "LV"),
    "acdc": ("BACKGROUND", "LV", "MYO", "RV"),
}
SIZES = ("1", "3", "5", "10", "25", "all")
STARTS = ("scratch", "mim", "dino", "simclr", "pcl", "byol")
SEEDS = (0, 1)
CHANNELS = {"unet": (16, 32, 64, 128, 256, 320), "vit_small_patch8": (16, 32, 64, 128)}
FLIPS = (("columns",), ("rows",), ("rows", "columns"))
STRONG = {"shift_mm": 12.0, "zoom": (0.8, 1.25)}
PLAIN = (
    "any_rotation", "stretch", "elastic", "tone", "bias", "noise", "blur", "coarse", "sharpen",
    "local_contrast",
)  # fmt: skip
LIGHT = STRONG | dict.fromkeys(PLAIN, 0.0)
AUGMENTS = {"strong": STRONG, "light": LIGHT}


@dataclass(frozen=True)
class Run:
    """One training: what it sees, where it begins, and every setting."""

    set: str
    subset: tuple[str, ...]
    seed: int
    start: str
    began: dict[str, Any] | None
    stage: dict[str, Any]
    flips: tuple[tuple[str, ...], ...]

    @property
    def key(self) -> str:
        """The same for the same run, another for any other setting or start."""
        told = [self.set, self.subset, self.seed, self.start, self.began]
        text = json.dumps([*told, self.stage, self.flips], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--set", choices=list(STRUCTURES), default="dsb")
    add("--subjects", nargs="+", default=["10"], help=f"of {', '.join(SIZES)}")
    add("--seeds", nargs="+", type=int, default=list(SEEDS))
    add("--starts", nargs="+", default=["scratch"], help="scratch, or NAME=FOLDER of a version")
    add("--threads", type=int, default=1)
    add("--localiser", help="model that finds the heart for all runs; else the shelf's best")
    add("--data", type=Path, default=DATA)
    add("--results", type=Path, default=RESULTS)
    add("--work", type=Path, default=WORK, help="where checkpoints lie until a run is done")
    same = parser.add_argument_group("settings of all starts alike")
    add = same.add_argument
    add("--encoder", choices=list(CHANNELS), default="unet")
    add("--steps", type=int, default=800)
    add("--batch", type=int, default=16)
    add("--learning-rate", type=float, default=2e-3)
    add("--size", type=int, default=96, help="pixels a side of the crop round the heart")
    add("--spacing", type=float, default=1.4, help="mm a pixel")
    add("--neighbours", type=int, default=0)
    add("--augment", choices=list(AUGMENTS), default="strong")
    begun = parser.add_argument_group("how pretrained weights are treated (not scratch)")
    add = begun.add_argument
    add("--frozen", type=int, default=0, help="first steps in which the encoder stays as it was")
    add("--encoder-rate", type=float, default=1.0, help="its learning rate, relative")
    add("--layer-decay", type=float, default=1.0, help="what each earlier stage is slower")
    add("--no-decoder", action="store_true", help="leave a pretrained decoder out")
    doing = parser.add_mutually_exclusive_group()
    doing.add_argument("--list", action="store_true", help="print what was not run and stop")
    doing.add_argument("--report", action="store_true", help="make the page's table and plot")
    return parser.parse_args(argv)


def subset_of(few: dict[str, list[str]], n: int | None, seed: int) -> tuple[str, ...]:
    """Subjects to train on; a larger subset of the same seed holds the smaller ones.

    Parameters
    ----------
    few
        Training subject to the sizes of the published subsets that it is in. Seed 0 takes these
        first, the smallest subset first; other seeds do not look at them.
    n
        How many, all if None.
    """
    subjects = sorted(few)
    order = [subjects[i] for i in np.random.default_rng([seed, 9]).permutation(len(subjects))]
    if seed == 0:
        never = len(subjects) + 1
        order.sort(key=lambda s: min((int(k) for k in few[s]), default=never))
    return tuple(order[: n or len(order)])


def read_results(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def append(path: Path, row: dict[str, Any]) -> None:
    """In one write, so that rows of two processes do not mix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = (json.dumps(row, allow_nan=False) + "\n").encode()
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def stage_of(args: argparse.Namespace, structures: tuple[str, ...], start: Any) -> Any:
    """The training's settings; those of pretrained weights only where there are some."""
    from napari_cmr.learn.augment import AugmentConfig
    from napari_cmr.learn.segmenter import StageConfig
    from napari_cmr.nets import InputGrid

    options = start.network.get("encoder_options", {}) if start else {}
    treated = {}
    if start:
        treated = {
            "frozen": args.frozen,
            "encoder_rate": args.encoder_rate,
            "layer_decay": args.layer_decay,
        }
    return StageConfig(
        encoder=args.encoder,
        encoder_options=options,
        channels=CHANNELS[args.encoder],
        structures=structures,
        grid=InputGrid(spacing_mm=args.spacing, size=args.size),
        neighbours=args.neighbours,
        steps=args.steps,
        augment=AugmentConfig(**AUGMENTS[args.augment]),
        batch=args.batch,
        learning_rate=args.learning_rate,
        warm_up=args.steps // 10,
        average=0.99,
        **treated,
    )


def say(line: str) -> None:
    print(time.strftime("%H:%M:%S"), line, flush=True)


def run_all(args: argparse.Namespace) -> None:
    import torch

    from napari_cmr.io.manifest import read_manifest
    from napari_cmr.learn.start import read_start
    from napari_cmr.nets import load_model

    torch.set_num_threads(args.threads)
    rows = read_manifest(args.data / args.set / "manifest.csv", need_labels=True)
    few = {
        r.subject: [k for k in r.columns.get("few", "").split(";") if k]
        for r in rows
        if r.split == "train"
    }
    starts = {}
    for text in args.starts:
        name, _, folder = text.partition("=")
        if name != "scratch" and not folder:
            sys.exit(f"Say where the start {name} lies: --starts {name}=FOLDER")
        begun = read_start(folder, decoder=not args.no_decoder) if folder else None
        starts[name] = (begun, stage_of(args, STRUCTURES[args.set], begun))
    shipped = load_model(args.localiser)
    for size in args.subjects:
        for seed in args.seeds:
            subset = subset_of(few, None if size == "all" else int(size), seed)
            for name, (begun, stage) in starts.items():
                run = Run(
                    args.set,
                    subset,
                    seed,
                    name,
                    _told(begun),
                    stage.model_dump(mode="json"),
                    FLIPS,
                )
                done = {row["key"] for row in read_results(args.results)}
                title = f"{args.set} {len(subset)} subjects, seed {seed}, {name}"
                if run.key in done:
                    say(f"{title}: there already")
                    continue
                say(f"{title}: run {run.key}")
                row = train_and_measure(args, run, stage, begun, rows, shipped)
                append(args.results, row)
                shutil.rmtree(args.work / run.key)
                say(f"{title}: Dice {row['metrics']['dice_mean']['value']:.3f}")


def _told(begun: Any) -> dict[str, Any] | None:
    """What a row says of a start: the record on a card, and how it was pretrained."""
    if begun is None:
        return None
    card = begun.card
    told = begun.record() | {"method": card.recipe.get("method", ""), "hours": card.hours}
    return told | {"steps": card.recipe.get("run", {}).get("steps")}


def train_and_measure(
    args: argparse.Namespace, run: Run, stage: Any, begun: Any, rows: list[Any], shipped: Any
) -> dict[str, Any]:
    from napari_cmr.learn.evaluate import evaluate_segmenter, summarise
    from napari_cmr.learn.examples import load_frames
    from napari_cmr.learn.segmenter import train_stage
    from napari_cmr.nets import Model, predict
    from napari_cmr.nets.shelf import device

    seen = [r for r in rows if r.split == "train" and r.subject in run.subset]
    trained = train_stage(
        "segmenter", stage, [(1.0, load_frames(seen))], args.work / run.key,
        seed=run.seed, start=begun, checkpoint_every_s=60.0, say=say,
    )  # fmt: skip
    networks = {"localiser": shipped.networks["localiser"], "segmenter": trained.network}
    card = shipped.card.model_copy(
        update={
            "networks": shipped.card.networks | {"segmenter": trained.spec},
            "test_time": {"flips": run.flips, "one_heart": True},
        }
    )
    networks["segmenter"].to(device())
    model = Model(card, networks)
    held = [r for r in rows if r.split == "validation"]
    began = time.monotonic()
    subjects = evaluate_segmenter(held, lambda stack: predict(stack, model), surfaces=False)
    metrics = {k: m.model_dump() for k, m in summarise(subjects).items()}
    return {
        "key": run.key,
        "set": run.set,
        "start": run.start,
        "subjects": len(run.subset),
        "seed": run.seed,
        "metrics": metrics,
        "per_subject": subjects,
        "subset": run.subset,
        "began": run.began,
        "stage": run.stage,
        "flips": run.flips,
        "localiser": f"{shipped.title} {shipped.card.sha256[:12]}",
        "training_s": round(trained.seconds, 1),
        "measuring_s": round(time.monotonic() - began, 1),
        "machine": machine(),
        "versions": versions(),
    }


def machine() -> str:
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"{torch.get_num_threads()} of {os.cpu_count()} CPU cores ({platform.machine()})"


def versions() -> dict[str, str]:
    names = ("napari-cmr", "torch", "monai", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def not_run(results: list[dict[str, Any]]) -> list[str]:
    """What of the whole grid has no row, a line for each set and start."""
    whole = {"dsb": 50, "acdc": 70}
    done = {(r["set"], r["start"], r["subjects"], r["seed"]) for r in results}
    lines = []
    for name in STRUCTURES:
        for start in STARTS:
            missing = [
                f"{size} (seed {seed})"
                for size in SIZES
                for seed in SEEDS
                if (name, start, whole[name] if size == "all" else int(size), seed) not in done
            ]
            if len(missing) == len(SIZES) * len(SEEDS):
                lines.append(f"{name}, {start}: none of it")
            elif missing:
                lines.append(f"{name}, {start}: {', '.join(missing)} subjects")
    return lines


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    if args.list:
        print("\n".join(not_run(read_results(args.results))) or "all of it was run")
    elif args.report:
        from label_efficiency_report import write_report

        results = read_results(args.results)
        write_report(results, not_run(results))
    else:
        run_all(args)


if __name__ == "__main__":
    main()
