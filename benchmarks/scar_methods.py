"""Scar by threshold against experts' labels of late enhancement, over the pathological subjects.

Run: python benchmarks/scar_methods.py FOLDER, where FOLDER holds the EMIDEC sample as PNG with its
manifest.csv. The remote wall is the automatic one, then all wall that the experts left healthy.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from napari_cmr import measure
from napari_cmr.core import Geometry, Segmentation, Stack, Structure, label_map
from napari_cmr.measure import ScarMethod


def subjects(folder):
    """Images and labels of each pathological subject; the sample has lost its spacing."""
    with (folder / "manifest.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["group"] == "pathological"]
    for name in sorted({r["subject"] for r in rows}):
        mine = sorted((r for r in rows if r["subject"] == name), key=lambda r: int(r["slice"]))
        pixels, labels = (
            np.stack([np.asarray(Image.open(folder / r[column])) for r in mine])[None]
            for column in ("image", "label")
        )
        geometry = Geometry.regular(len(mine), (1, 1, 1), spacing_known=False)
        stack = Stack(pixels, geometry)
        yield stack, Segmentation.on(stack, label_map("emidec").to_cmr(labels))


def main(folder):
    truth, found = [], {}
    for stack, segmentation in subjects(folder):
        healthy = segmentation.labels[0] == Structure.MYO
        for where, remote in (("automatic", None), ("healthy wall", healthy)):
            numbers = measure.scar_measurement(stack, segmentation, remote=remote)
            for method, key in measure.scar_numbers.KEYS.items():
                if method is not ScarMethod.LABELS:
                    value = numbers[f"scar_{key}_percent"].value
                    found.setdefault((where, method), []).append(np.nan if value is None else value)
        truth.append(measure.scar(stack, segmentation, ScarMethod.LABELS).percent)
    truth = np.array(truth)
    print(f"{len(truth)} subjects, experts' scar {truth.mean():.1f} % of the wall")
    print("| remote wall | method | given for | mean % | mean absolute difference | r |")
    for (where, method), values in found.items():
        ours = np.array(values)
        known = np.isfinite(ours)
        apart = np.abs(ours - truth)[known].mean() if known.any() else np.nan
        r = np.corrcoef(ours[known], truth[known])[0, 1] if known.sum() > 2 else np.nan
        mean = ours[known].mean() if known.any() else np.nan
        print(f"| {where} | {method} | {known.sum()} | {mean:.1f} | {apart:.1f} | {r:.2f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
