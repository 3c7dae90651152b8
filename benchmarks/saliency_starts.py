"""Where frozen encoders look, and what they are worth, with and without the heart crop.

usage:
  python benchmarks/saliency_starts.py --starts "scratch unet" cmr-unet-pcl
  python benchmarks/saliency_starts.py --methods occlusion --crops heart
                                                  (transformers too; five minutes)
  python benchmarks/saliency_starts.py --rollout --starts cmr-vit-mim "scratch vit_small_patch8"
  python benchmarks/saliency_starts.py --report   the table of docs/saliency.md, from the results

A linear head names the five ACDC groups from ED and ES pictures through a frozen encoder: of
chance, or pretrained. Each encoder sees the square round the heart that the shipped localiser
finds, or the whole picture, both at 96 pixels. Maps of the head's logit of the true group are then
scored on the validation patients. Maps that are there are skipped.
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
from torch import Tensor, nn

from napari_cmr.core import Stack
from napari_cmr.io.manifest import ManifestRow, load_image, load_label, read_manifest
from napari_cmr.learn.heads.logistic import Samples, cross_validate, fit_head
from napari_cmr.learn.saliency import explain, sanity_check
from napari_cmr.learn.saliency.attention import attention_rollout
from napari_cmr.learn.saliency.question import Explained, Question
from napari_cmr.nets import InputGrid, find_heart, load_model
from napari_cmr.nets.crop import Crop
from napari_cmr.nets.encoders import as_encoder, load_encoder, make_encoder
from napari_cmr.nets.linear_head import LinearHead
from napari_cmr.nets.locate import Heart
from napari_cmr.nets.sampling import sample

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "saliency_starts.jsonl"
DATA = HERE.parents[1] / "shared" / "data"
GROUPS = ("NOR", "DCM", "HCM", "MINF", "RV")
STARTS = ("scratch unet", "cmr-unet-pcl", "scratch vit_small_patch8", "cmr-vit-mim")
SIDE, STEP_MM = 96, 1.4
PLACES = (0.3, 0.5, 0.7)
MIDDLE = 1


class GroupLogits(Explained):
    """Mean, spread and peak of every map of an encoder, and a linear head on them."""

    def __init__(self, encoder: nn.Module, head: LinearHead | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.head: nn.Module = nn.Identity() if head is None else head

    def forward(self, pictures: Tensor) -> Tensor:
        maps = [m.flatten(2) for m in as_encoder(self.encoder)(pictures)]
        pools = [torch.cat([m.mean(2), m.std(2), m.amax(2)], dim=1) for m in maps]
        logits: Tensor = self.head(torch.cat(pools, dim=1))
        return logits


class Frame:
    """One image's pictures, and what is known of it."""

    def __init__(self, row: ManifestRow, model: Any, crop: str) -> None:
        self.row, self.stack = row, load_image(row)
        self.slices = sorted({int(self.stack.shape[1] * place) for place in PLACES})
        self.crop = _crop(self.stack, find_heart(self.stack, model) if crop == "heart" else None)
        self.pictures = self.crop.inputs(self.stack.pixels[0], 0, 1)[self.slices]

    def onto(self, maps: Tensor) -> np.ndarray:
        """The middle picture's map on the image's grid."""
        found = np.zeros(self.stack.shape, np.float32)
        mm = self.crop.step_mm
        fine = sample(maps.float(), (mm, mm), self.crop.back)[0, 0].numpy()
        found[0, self.slices[MIDDLE], *self.crop.window] = fine
        return found

    def heart(self) -> np.ndarray:
        return load_label(self.row, self.stack)[1].labels > 0


def _crop(stack: Stack, heart: Heart | None) -> Crop:
    """Round the heart, or the whole picture."""
    shape, mm = (stack.shape[2], stack.shape[3]), stack.geometry.pixel_spacing
    if heart is not None:
        return Crop.of(InputGrid(spacing_mm=STEP_MM, size=SIDE), heart.centre_mm, mm, shape)
    extent = (shape[0] * mm[0], shape[1] * mm[1])
    grid = InputGrid(spacing_mm=max(extent) / SIDE, size=SIDE)
    return Crop.of(grid, (extent[0] / 2, extent[1] / 2), mm, shape)


def encoder_of(start: str) -> nn.Module:
    if start.startswith("scratch "):
        torch.manual_seed(0)
        return make_encoder(start.removeprefix("scratch ")).eval()
    return load_encoder(start)[1]


def samples_of(frames: dict[str, list[Frame]], encoder: nn.Module) -> Samples:
    """One row a patient: the mean over pictures of ED beside that of ES would double the head;
    the mean over both keeps a logit a picture, so that a map is exact."""
    network = GroupLogits(encoder)
    values, classes = [], []
    for own in frames.values():
        with torch.inference_mode():
            found = torch.cat([network(f.pictures) for f in own])
        values.append(found.mean(0).double().numpy())
        classes.append(GROUPS.index(own[0].row.group))
    return Samples(np.stack(values), np.array(classes), list(frames), len(GROUPS))


def measure(
    start: str, crop: str, frames: dict[str, dict[str, list[Frame]]], methods: list[str]
) -> dict[str, Any]:
    encoder = encoder_of(start)
    train, held = (samples_of(frames[s], encoder) for s in ("train", "validation"))
    chosen = cross_validate(train)
    head = fit_head(train, chosen.penalty)
    assert chosen.probabilities is not None
    network = GroupLogits(encoder, head).eval()
    with torch.inference_mode():
        said = head(torch.from_numpy(held.values).float()).argmax(1).numpy()
    row: dict[str, Any] = {
        "start": start,
        "crop": crop,
        "left_out_right": float((chosen.probabilities.argmax(1) == train.classes).mean()),
        "left_out_loss": chosen.loss,
        "validation_right": int((said == held.classes).sum()),
        "validation": len(said),
        "maps": {},
    }
    for method in methods:
        row["maps"][method] = maps_of(network, frames["validation"], method)
    return row


def maps_of(network: Explained, frames: dict[str, list[Frame]], method: str) -> dict[str, Any]:
    """Scores of the middle pictures' maps, all validation patients in one question."""
    every = [frame for own in frames.values() for frame in own]
    inputs = torch.cat([f.pictures[MIDDLE : MIDDLE + 1] for f in every])
    weights = torch.full((len(every), len(GROUPS)), -1 / len(GROUPS))
    for i, frame in enumerate(every):
        weights[i, GROUPS.index(frame.row.group)] += 1
    places = [_Placed() for _ in every]

    def onto(maps: Tensor) -> np.ndarray:
        for one, frame, part in zip(places, every, maps, strict=True):
            one.take(frame, part[None])
        return _nowhere(maps)

    question = Question(
        "group", "", network, inputs, weights, 0.0, onto, tuple((0, i) for i in range(len(every)))
    )
    found = explain(question, method)
    energies = [one.energy() for one in places]
    told = found.as_json()
    return {
        "energy": float(np.nanmean([e[0] for e in energies])),
        "chance": float(np.nanmean([e[1] for e in energies])),
        "pointing": int(sum(e[2] for e in energies)),
        "pictures": len(energies),
        "deletion": told["deletion_area"],
        "deletion_by_chance": told["deletion_by_chance_area"],
        "insertion": told["insertion_area"],
        "insertion_by_chance": told["insertion_by_chance_area"],
        "likeness_shuffled": found.sanity.likeness if found.sanity else None,
        "passed": found.sanity.passed if found.sanity else None,
    }


def rollout_of(start: str, crop: str, frames: dict[str, list[Frame]]) -> dict[str, Any]:
    """Where a transformer looks in the middle pictures, without any head."""
    network = GroupLogits(encoder_of(start))
    every = [frame for own in frames.values() for frame in own]
    inputs = torch.cat([f.pictures[MIDDLE : MIDDLE + 1] for f in every])
    n = len(every)
    nothing, each = torch.zeros(n, 1), tuple((0, i) for i in range(n))
    question = Question("attention", "", network, inputs, nothing, 0.0, _nowhere, each)
    maps = attention_rollout(question)
    places = [_Placed() for _ in every]
    for one, frame, part in zip(places, every, maps, strict=True):
        one.take(frame, part[None])
    energies = [one.energy() for one in places]
    check = sanity_check(question, attention_rollout, maps)
    found = {
        "energy": float(np.nanmean([e[0] for e in energies])),
        "chance": float(np.nanmean([e[1] for e in energies])),
        "pointing": int(sum(e[2] for e in energies)),
        "pictures": n,
        **dict.fromkeys(
            ("deletion", "deletion_by_chance", "insertion", "insertion_by_chance"), None
        ),
        "likeness_shuffled": check.likeness,
        "passed": check.passed,
    }
    return {"start": start, "crop": crop, "left_out_right": None, "maps": {"rollout": found}}


def _nowhere(_maps: Tensor) -> np.ndarray:
    return np.zeros((1, 1, 1, 1), np.float32)


class _Placed:
    """A picture's map on its own image's grid, and where the experts drew the heart there."""

    def take(self, frame: Frame, part: Tensor) -> None:
        self.maps, self.heart = frame.onto(part), frame.heart()
        self.seen = frame.onto(torch.ones_like(part)) > 0

    def energy(self) -> tuple[float, float, bool]:
        from napari_cmr.learn.saliency.scores import place

        found = place(self.maps, self.heart & self.seen, self.seen)
        if found is None:
            return float("nan"), float("nan"), False
        return found.energy, found.chance, bool(found.hits)


def run(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    model = load_model()
    rows = read_manifest(args.data / "acdc" / "manifest.csv", need_labels=True)
    if args.rollout:
        rows = [row for row in rows if row.split == "validation"]
    wanted = ["rollout"] if args.rollout else args.methods
    done = {(r["start"], r["crop"], m) for r in read_results(args.results) for m in r["maps"]}
    for crop in args.crops:
        missing = {s: [m for m in wanted if (s, crop, m) not in done] for s in args.starts}
        if not any(missing.values()):
            continue
        frames: dict[str, dict[str, list[Frame]]] = {"train": {}, "validation": {}}
        for row in rows:
            frames[row.split].setdefault(row.subject, []).append(Frame(row, model, crop))
        print(time.strftime("%H:%M:%S"), crop, "read", flush=True)
        for start, methods in missing.items():
            if not methods:
                continue
            began = time.monotonic()
            if args.rollout:
                found = rollout_of(start, crop, frames["validation"])
            else:
                found = measure(start, crop, frames, methods)
            found |= {"seconds": round(time.monotonic() - began), "machine": machine()}
            found |= {"versions": versions(), "localiser": model.title}
            args.results.parent.mkdir(exist_ok=True)
            with args.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
            print(time.strftime("%H:%M:%S"), start, crop, found["maps"], flush=True)


def read_results(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


COLUMNS = (
    "encoder", "sees", "right, left out", "validation", "map", "in heart (evenly)", "peak in heart",
    "deletion (at random)", "insertion (at random)", "likeness after shuffling",
)  # fmt: skip


def report(results: Path) -> None:
    print("| " + " | ".join(COLUMNS) + " |")
    print("| --- " * len(COLUMNS) + "|")
    for row in read_results(results):
        for method, m in row["maps"].items():
            print("| " + " | ".join(cells(row, method, m)) + " |")


def cells(row: dict[str, Any], method: str, m: dict[str, Any]) -> list[str]:
    return [
        row["start"],
        row["crop"],
        two(row["left_out_right"]),
        f"{row['validation_right']} of {row['validation']}" if "validation" in row else "-",
        method,
        f"{m['energy']:.2f} ({m['chance']:.2f})",
        f"{m['pointing']} of {m['pictures']}",
        *(f"{two(m[k])} ({two(m[k + '_by_chance'])})" for k in ("deletion", "insertion")),
        f"{m['likeness_shuffled']:.2f}" + ("" if m["passed"] else ", **fails**"),
    ]


def two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--starts", nargs="+", default=list(STARTS))
    parser.add_argument("--methods", nargs="+", default=["gradcam", "integrated"])
    parser.add_argument("--crops", nargs="+", default=["heart", "whole"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--rollout", action="store_true", help="only where transformers look, without a head"
    )
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    report(args.results) if args.report else run(args)


if __name__ == "__main__":
    main()
