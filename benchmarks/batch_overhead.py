"""What a cohort costs over plain prediction, and what a second worker gains.

usage: python benchmarks/batch_overhead.py [--studies 8] [--phases 10] [--slices 10]
Phantom studies as DICOM, in a temporary folder; the shipped model; one torch thread everywhere.
Needs a machine with two free cores. Each way runs in a process of its own that imports torch and
loads the model, and its workers, before the clock starts, unless it says "with start".
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

WAYS = ("plain", "here", "workers-1", "workers-2")


def make(folder: Path, studies: int, phases: int, slices: int) -> None:
    from napari_cmr import phantom
    from napari_cmr.phantom.write import write_dicom_study

    for seed in range(studies):
        config = phantom.PhantomConfig(seed=seed, n_phases=phases, n_slices=slices)
        write_dicom_study(phantom.make(config), folder / f"p{seed:03d}")


def plain(folder: Path, out: Path) -> float:
    """The yardstick: read, segment, measure, write labels, one study after the other."""
    from napari_cmr import io, measure, nets

    model = nets.load_model()
    begun = time.perf_counter()
    for study in sorted(folder.iterdir()):
        segmentation = nets.predict(io.open_stack(study), model)
        measure.function(segmentation)
        io.write_labels(segmentation, out / f"{study.name}.nii.gz")
    return time.perf_counter() - begun


def here(folder: Path, out: Path) -> float:
    from napari_cmr import batch

    segmenter = batch.ShelfSegmenter.named()
    segmenter.predictor()
    begun = time.perf_counter()
    batch.run(batch.cohort_in(folder, out), out, segmenter)
    return time.perf_counter() - begun


def warm(segmenter) -> None:
    segmenter.predictor()


def on_workers(folder: Path, out: Path, workers: int) -> float:
    from napari_cmr import batch

    segmenter = batch.ShelfSegmenter.named()
    with batch.local_client(workers) as client:
        client.run(warm, segmenter)
        begun = time.perf_counter()
        batch.run(
            batch.cohort_in(folder, out),
            out,
            segmenter,
            rows_from=lambda jobs: batch.rows_from(client, jobs),
        )
        return time.perf_counter() - begun


def measured(way: str, folder: Path, out: Path) -> float:
    if way == "plain":
        return plain(folder, out)
    return here(folder, out) if way == "here" else on_workers(folder, out, int(way[-1]))


def in_own_process(way: str, folder: Path) -> tuple[float, float]:
    """Seconds of the work, and with start."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, __file__, "--way", way, "--folder", str(folder), "--out", out]
        begun = time.perf_counter()
        done = subprocess.run(
            command, env=os.environ | threads, capture_output=True, text=True, check=True
        )
        whole = time.perf_counter() - begun
    return json.loads(done.stdout.splitlines()[-1]), whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=8)
    parser.add_argument("--phases", type=int, default=10)
    parser.add_argument("--slices", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        print(json.dumps(measured(given.way, given.folder, given.out)))
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in ("torch", "dask")))
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), given.studies, given.phases, given.slices)
        # In turns, so that a slow minute of the machine meets all ways alike; the best counts.
        turns = [[in_own_process(w, Path(folder)) for w in WAYS] for _ in range(given.repeats)]
    best = {way: min(turn[i][0] for turn in turns) for i, way in enumerate(WAYS)}
    for i, way in enumerate(WAYS):
        whole = min(turn[i][1] for turn in turns)
        print(f"{way:<12}{best[way]:8.2f} s, with start {whole:8.2f} s")
    for way in ("here", "workers-1"):
        print(f"overhead of {way:<10} {100 * (best[way] / best['plain'] - 1):6.1f} %, wanted < 5")
    print(f"two workers over one    {best['workers-1'] / best['workers-2']:6.2f}, wanted >= 1.7")


if __name__ == "__main__":
    main()
