"""What following an accepted slice does to the others, against experts' labels.

`python benchmarks/follow_dice.py MANIFEST [--subjects 5] [--corrected 1]`: of each validation
subject's labelled phases the middle slices are corrected to the expert's labels, the study is
redrawn as the window's Follow does, and Dice is counted on the other slices: as segmented (with the
card's flips), the same model without flips, and redrawn. One number a structure and stack, pooled
over its other slices; then means over stacks.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

STRUCTURES = {"LV": 1, "MYO": 2, "RV": 3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--subjects", type=int, default=5)
    parser.add_argument("--corrected", type=int, default=1)
    parser.add_argument("--model", default=None)
    arguments = parser.parse_args()
    import torch

    from napari_cmr.io.manifest import read_manifest
    from napari_cmr.learn.examples import load_labelled
    from napari_cmr.learn.tiers.cache import FeatureCache
    from napari_cmr.learn.tiers.draft import draft, unflipped
    from napari_cmr.learn.tiers.remembering import remembering
    from napari_cmr.nets import load_model, predict

    torch.set_num_threads(1)
    rows = read_manifest(arguments.manifest, need_labels=True)
    rows = [r for r in rows if r.split == "validation"]
    subjects = list(dict.fromkeys(r.subject for r in rows))[: arguments.subjects]
    loaded = load_labelled([r for r in rows if r.subject in subjects])
    found = {name: [] for name in ("segmented", "without flips", "redrawn")}
    with tempfile.TemporaryDirectory() as folder:
        model = remembering(load_model(arguments.model), FeatureCache(Path(folder)))
        for row in loaded:
            for phase, truth in zip(row.phases, row.labels, strict=True):
                middle = len(truth) // 2
                own = range(middle, min(middle + arguments.corrected, len(truth)))
                corrected = {(phase, z): truth[z] for z in own}
                answers = {
                    "segmented": predict(row.stack, model, phases=[phase]),
                    "without flips": predict(row.stack, unflipped(model), phases=[phase]),
                    "redrawn": draft(row.stack, model, corrected),
                }
                others = [z for z in range(len(truth)) if z not in own]
                for name, answer in answers.items():
                    found[name].append(_dice(answer.labels[phase][others], truth[others]))
    print(
        f"{len(subjects)} subjects, {len(found['redrawn'])} stacks, {arguments.corrected} slice(s)"
    )
    for name, values in found.items():
        means = np.nanmean(values, axis=0)
        told = ", ".join(f"{s} {m:.3f}" for s, m in zip(STRUCTURES, means, strict=True))
        print(f"{name}: mean {np.nanmean(means):.3f} ({told})")
    gain = np.nanmean(found["redrawn"], axis=1) - np.nanmean(found["segmented"], axis=1)
    print(f"redrawn less segmented, by stack: {np.round(np.sort(gain), 3).tolist()}")


def _dice(answer, truth) -> list[float]:
    scores = []
    for value in STRUCTURES.values():
        a, b = answer == value, truth == value
        scores.append(2 * (a & b).sum() / (a.sum() + b.sum()) if b.any() else np.nan)
    return scores


if __name__ == "__main__":
    main()
