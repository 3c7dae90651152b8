"""Do the crop's centre and the clean-up help people whom neither was chosen on?

    python benchmarks/unseen_choices.py MODEL MANIFEST --split train --without ID ID ID

MODEL is one that learnt from few of them, who are left out. Each way is compared with the shipped
one on the same subjects: the centre of gravity of one connected heart, and pieces that no wall
touches taken off.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from napari_cmr.io import read_manifest
from napari_cmr.learn.evaluate import evaluate_segmenter
from napari_cmr.nets import Model, load_model, locate, predict
from napari_cmr.nets.locate import Heart

METRICS = ("dice_LV", "dice_MYO", "dice_RV", "dice_mean", "ef_error")
WAYS = {"as shipped": (True, True), "no clean-up": (True, False), "centre of a box": (False, True)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--without", nargs="*", default=[], help="subjects that taught it")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = [row for row in read_manifest(args.manifest) if row.split == args.split]
    rows = [row for row in rows if row.subject not in args.without]
    model = load_model(args.model)
    found = {name: measured(model, rows, *way) for name, way in WAYS.items()}
    shipped = found["as shipped"]
    for metric in METRICS:
        people = [s for s in shipped if all(metric in way[s] for way in found.values())]
        values = {name: np.array([way[s][metric] for s in people]) for name, way in found.items()}
        for name, mine in values.items():
            gain = values["as shipped"] - mine
            low, high = resampled(gain)
            print(
                f"{metric} of {len(people)}, {name}: {mine.mean():.4f}; "
                f"shipped beyond it {gain.mean():+.4f} ({low:+.4f} to {high:+.4f})"
            )


def measured(model: Model, rows, by_gravity: bool, one_heart: bool) -> dict[str, dict[str, float]]:
    test_time = {**model.card.test_time, "one_heart": one_heart}
    asked = replace(model, card=model.card.model_copy(update={"test_time": test_time}))
    if by_gravity:
        return evaluate_segmenter(rows, lambda stack: predict(stack, asked), surfaces=False)
    with centre_of_a_box():
        return evaluate_segmenter(rows, lambda stack: predict(stack, asked), surfaces=False)


@contextmanager
def centre_of_a_box() -> Iterator[None]:
    """The heart's place as before: the middle of the box of all that is called heart."""
    kept = locate.one_heart, locate._heart

    def heart(piece, grid, middle, pixel_mm):
        _, *places = np.nonzero(piece)
        middles = [(p.min() + p.max() + 1) / 2 for p in places]
        centre = [
            m + (p - grid.size / 2) * grid.spacing_mm for m, p in zip(middle, middles, strict=True)
        ]
        sides = tuple(float(np.ptp(p) + 1) * grid.spacing_mm for p in places)
        return Heart((centre[0], centre[1]), pixel_mm, True), sides

    locate.one_heart, locate._heart = (lambda labels: labels), heart
    try:
        yield
    finally:
        locate.one_heart, locate._heart = kept


def resampled(values: np.ndarray) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    means = [rng.choice(values, len(values)).mean() for _ in range(2000)]
    return tuple(np.percentile(means, (2.5, 97.5)))


if __name__ == "__main__":
    main()
