"""A manifest whose labels are a model's predictions, with the end at which each stack begins.

    napari-cmr predict --manifest unlabelled.csv --model FOLDER --out predicted
    python benchmarks/predicted_labels.py unlabelled.csv predicted labelled.csv

Without PREDICTED the manifest's own labels are looked at. ``slices_from`` is told by the LV cavity,
which grows from the apex to the base; ED and ES of a subject are judged together.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_cmr.core import Structure
from napari_cmr.io import load_image, load_label, read_manifest
from napari_cmr.io.manifest import ManifestRow


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("predicted", type=Path, nargs="?", help="folder that predict wrote")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    rows = read_manifest(args.manifest)
    if args.predicted:
        rows = labelled(rows, args.predicted)
    slopes = defaultdict(list)
    for row in rows:
        slopes[row.subject].append(slope(areas(row)))
    records = [record(row, "apex" if sum(slopes[row.subject]) > 0 else "base") for row in rows]
    with args.out.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(records[0]))
        table.writeheader()
        table.writerows(records)
    apex = {r["subject"] for r in records if r["slices_from"] == "apex"}
    unsure = [s for s, of in slopes.items() if min(of) < 0 < max(of)]
    print(f"{len(apex)} of {len(slopes)} subjects from the apex; {len(unsure)} by one phase only")


def labelled(rows: list[ManifestRow], folder: Path) -> list[ManifestRow]:
    """Rows with what ``predict`` wrote for them as labels; all of them to be trained on."""
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        outputs = [folder / told["output"] for told in csv.DictReader(file)]
    return [
        replace(row, label=output, label_map="cmr", split="train")
        for row, output in zip(rows, outputs, strict=True)
    ]


def areas(row: ManifestRow) -> npt.NDArray[np.int64]:
    """Pixels of LV cavity in each slice."""
    _, found = load_label(row, load_image(row))
    return np.count_nonzero(found.labels == Structure.LV, axis=(0, 2, 3))


def slope(pixels: npt.NDArray[np.int64]) -> float:
    """How much the cavity grows a slice, relative to its size; 0 where too few slices show it."""
    (seen,) = np.nonzero(pixels)
    if len(seen) < 3:
        return 0.0
    return float(np.polyfit(seen, pixels[seen] / pixels[seen].mean(), 1)[0])


def record(row: ManifestRow, slices_from: str) -> dict[str, str]:
    label = str(row.label.resolve()) if row.label else ""
    told = {"image": str(row.image.resolve()), "label": label, "split": row.split}
    return row.columns | told | {"label_map": row.label_map, "slices_from": slices_from}


if __name__ == "__main__":
    main()
