"""Which four turns of a picture answer most like all eight do? No label is looked at.

    python benchmarks/turns.py MODEL MANIFEST --every 4

Two rows a subject, ED and ES. Dice of LV, myocardium and RV against the mean over all eight turns,
and how far EF is from that mean's, in points.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_cmr.io import load_image, read_manifest
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.nets import Model, load_model
from napari_cmr.nets.crop import Crop
from napari_cmr.nets.locate import find_heart
from napari_cmr.nets.neighbours import slice_distance, stride
from napari_cmr.nets.turns import turned, turned_back

FLIPS = ([], ["rows"], ["columns"], ["rows", "columns"])
TURNS = [[*before, *flips] for before in ([], ["transpose"]) for flips in FLIPS]
GROUPS = {
    "flips": (0, 1, 2, 3),
    "quarter turns": (0, 3, 5, 6),
    "half turn, transposes": (0, 3, 4, 7),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--every", type=int, default=1, help="every so many subjects")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model, rows = load_model(args.model), read_manifest(args.manifest)
    dice, ef = defaultdict(list), defaultdict(list)
    for subject in sorted({row.subject for row in rows})[:: args.every]:
        frames = [answers(model, row) for row in rows if row.subject == subject]
        whole = [labels(frame, range(len(TURNS))) for frame in frames]
        for name, group in GROUPS.items():
            some = [labels(frame, group) for frame in frames]
            dice[name] += [overlap(a, b) for a, b in zip(some, whole, strict=True)]
            if len(frames) == 2 and (whole[0] == 1).any() and (some[0] == 1).any():
                ef[name].append(abs(ejected(some) - ejected(whole)))
    for name in GROUPS:
        alike = np.nanmean(dice[name], 0).round(4)
        print(f"{name}: Dice {alike}, EF {np.mean(ef[name]):.2f} points away")


def answers(model: Model, row: ManifestRow) -> Tensor:
    """``(8, slices, structures, rows, columns)`` scores of the crop, each turned back."""
    stack, spec = load_image(row), model.card.networks["segmenter"]
    heart = find_heart(stack, model)
    crop = Crop.of(spec.grid, heart.centre_mm, heart.pixel_mm, stack.shape[2:])
    step = stride(slice_distance(stack.geometry), spec.neighbour_mm)
    images = crop.inputs(stack.pixels[0], spec.neighbours, step)
    return torch.stack(
        [turned_back(model.run("segmenter", turned(images, t)), t).float() for t in TURNS]
    )


def labels(scores: Tensor, turns: range | tuple[int, ...]) -> Tensor:
    return scores[list(turns)].mean(0).argmax(1)


def overlap(a: Tensor, b: Tensor) -> list[float]:
    """Dice of each structure; of one that neither has, not a number."""
    pairs = [(a == i, b == i) for i in (1, 2, 3)]
    return [
        2 * float((x & y).sum()) / n if (n := float(x.sum() + y.sum())) else np.nan
        for x, y in pairs
    ]


def ejected(frames: list[Tensor]) -> float:
    """EF in per cent from pixels of LV at ED and ES."""
    end_diastole, end_systole = (float((frame == 1).sum()) for frame in frames)
    return 100 * (1 - end_systole / end_diastole)


if __name__ == "__main__":
    main()
