"""Do the peers of few_shot.py learn at all, given time? On small pictures of the phantom.

    python benchmarks/few_shot_check.py --nnunet PYTHON --seconds 60 300

Five hearts train and three are drawn, late enhancement of 64 x 64 pixels, so that steps are quick.
A driver that draws nothing here has a fault; one that draws well was only short of time there.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from few_shot import HERE, NNUNET, PEERS, peer
from few_shot_peer import Case, write_cases

from napari_cmr.io.manifest import read_manifest
from napari_cmr.learn.examples import load_labelled
from napari_cmr.measure.volumes import WALL
from napari_cmr.phantom.sequences import write_sequence

SIDE, STEP = 64, 2
SEEDS = {seed: "train" if seed < 5 else "validation" for seed in range(8)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--nnunet", type=Path, help="a Python that has nnunetv2; else DynUNet alone"
    )
    parser.add_argument("--seconds", type=float, nargs="+", default=[60, 300])
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    pythons = {name: Path(sys.executable) for name in PEERS if name != NNUNET}
    pythons |= {NNUNET: args.nnunet} if args.nnunet else {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_hearts(home)
        for seconds in args.seconds:
            for name, python in pythons.items():
                command = [str(python), str(HERE / PEERS[name]), "--seconds", str(seconds)]
                row = peer(args, [*command, "--clock", "processor"], home)
                told = {k: row[k] for k in ("steps", "processor_s", "dice", "versions")}
                print(json.dumps({"contender": name, "seconds": seconds} | told), flush=True)


def write_hearts(home: Path) -> None:
    """The phantom's hearts as the peers read them."""
    manifest = write_sequence(home / "phantom", ["LGE"], SEEDS)
    rows = read_manifest(manifest, need_labels=True)
    for part, split in (("train", "train"), ("test", "validation")):
        loaded = load_labelled([row for row in rows if row.split == split])
        cases = [
            Case(row.subject, small(row.stack.pixels[0]).astype(np.float32), lv_and_wall(row))
            for row in loaded
        ]
        write_cases(home / "cases" / part, cases)


def lv_and_wall(row) -> np.ndarray:
    drawn = small(row.labels[0])
    wall = np.isin(drawn, WALL)
    return np.where(wall, 2, drawn == 1).astype(np.uint8)


def small(array: np.ndarray) -> np.ndarray:
    """Every second pixel of the middle."""
    rows, columns = (n // 2 - SIDE * STEP // 2 for n in array.shape[1:])
    return array[:, rows : rows + SIDE * STEP : STEP, columns : columns + SIDE * STEP : STEP]


if __name__ == "__main__":
    main()
