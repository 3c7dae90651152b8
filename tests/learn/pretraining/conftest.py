from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cmr import phantom
from napari_cmr.learn.pretraining.packing import pack_manifests
from napari_cmr.nets import InputGrid

torch.set_num_threads(1)
GRID = InputGrid(spacing_mm=4.0, size=48)
TINY = {
    "vit_small_patch8": {"width": 24, "depth": 2, "heads": 2, "size": 32},
    "unet": {"channels": (4, 8, 8)},
    "resnet50": {"planes": 4, "blocks": (1, 1, 1, 1), "norm": "batch"},
    "deeplabv3_resnet50": {"planes": 4, "blocks": (1, 1, 1, 1), "channels": 8},
}
SMALL_VIEW = {"size": 32, "area": (0.5, 1.0)}
OPTIONS = {
    "simclr": {"view": SMALL_VIEW, "hidden": 32, "out": 16, "learning_rate": 1e-2},
    "pcl": {"view": SMALL_VIEW, "hidden": 32, "out": 16, "learning_rate": 1e-2},
    "byol": {"view": SMALL_VIEW, "hidden": 64, "out": 32, "learning_rate": 2e-2, "momentum": 0.95},
    "dino": {
        "whole": SMALL_VIEW,
        "part": {"size": 16, "area": (0.2, 0.5)},
        "parts": 2,
        "prototypes": 64,
        "hidden": 32,
        "bottleneck": 16,
        "learning_rate": 1e-2,
        "momentum": 0.95,
    },
    "mim": {
        "view": SMALL_VIEW | {"gamma": 0, "bias": 0, "noise": 0, "blur": 0},
        "decoder_width": 16,
        "decoder_depth": 1,
        "decoder_heads": 2,
        "unet_patch": 8,
        "learning_rate": 2e-2,
        "standardised_patches": False,
    },
}


def write_manifest(path: Path, rows: list[dict[str, object]]) -> Path:
    columns = list(dict.fromkeys(c for row in rows for c in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)
    return path


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory):
    """Twelve phantom hearts as NIfTI: eight to train on, four to probe."""
    folder = tmp_path_factory.mktemp("phantoms")
    configs = [
        phantom.PhantomConfig.random(seed, rows=64, columns=64, pixel_mm=(4.0, 4.0), n_phases=2)
        for seed in range(12)
    ]
    phantom.write_nifti_studies([phantom.make(c) for c in configs], folder)
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, config in zip(rows, configs, strict=True):
        row["split"] = "validation" if config.seed > 7 else "train"
        row["slices_from"] = config.slices_from
    return write_manifest(folder / "split.csv", rows)


@pytest.fixture(scope="session")
def pack(phantoms, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs")
    packed = pack_manifests([phantoms], folder, GRID, say=lambda _: None)
    yield packed
    packed.close()


def pictures(folder: Path, n: int, *, side: int = 32, seed: int = 0) -> list[dict[str, object]]:
    """Rows of small random PNG files, one a subject."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for i in range(n):
        name = f"p{i:04d}.png"
        Image.fromarray(rng.integers(0, 255, (side, side), np.uint8)).save(folder / name)
        rows.append({"subject": f"s{i}", "image": name, "spacing_mm": "8,4,4"})
    return rows


def tall_pictures(folder: Path, n: int) -> list[dict[str, object]]:
    """Rows of PNG files with 200 slices one under the other."""
    rows = pictures(folder, 1)
    image = Path(str(rows[0]["image"]))
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (200 * 32, 32), np.uint8)
    Image.fromarray(pixels).save(folder / image)
    return [
        {"subject": f"s{i}", "image": image, "slice_rows": 32, "spacing_mm": "8,4,4"}
        for i in range(n)
    ]
