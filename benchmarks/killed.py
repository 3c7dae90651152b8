"""Kills a program that draws, fifty times at random moments, and sees what is left.

`python -m benchmarks.killed [--times 50] [--seed 0]`, in the repository's root: each time a process
of its own opens a phantom's study, takes a prediction and draws, as `tests/review/killed.py` does;
it is killed (SIGKILL) after a random time and the project is opened again. Half of the processes
wait for the log after each stroke, as a hand leaves them time to, and may lose the stroke that was
being made; the others draw as fast as they can and may lose what the log's thread had not written,
but never have a stroke without those before it.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from napari_cmr import phantom
from napari_cmr.review import Project
from tests.review.conftest import TINY, labels_of, opened
from tests.review.killed import after, strokes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    lost, n_begun = {"wait": [], "rush": []}, 0
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder, "study")
        phantom.write_dicom_study(phantom.make(TINY), study)
        for number in range(given.times):
            wait = ("wait", "rush")[number % 2]
            begun, kept = _once(Path(folder, str(number)), study, wait, number, chance.random())
            lost[wait].append(begun - kept)
            n_begun += begun
    print(f"{given.times} kills, {n_begun} strokes begun; every project opened and replayed")
    for wait, counts in lost.items():
        print(f"{wait}: strokes not on the disk: at most {max(counts)}, {sum(counts)} in all")
    if max(lost["wait"]) > 1:
        sys.exit("a stroke was lost that was not under the pointer")


def _once(folder: Path, study: Path, wait: str, seed: int, chance: float) -> tuple[int, int]:
    """Strokes begun, and strokes that the opened project has."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.review.killed", folder, study, wait, str(seed)],
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()  # the first stroke begins: from here on any moment will do
    time.sleep(0.5 * chance)
    process.send_signal(signal.SIGKILL)
    said = process.stdout.read().split()
    process.wait()
    begun = int(said[-1]) if said else 1
    project = Project.open(folder)
    if project.trouble:
        sys.exit(f"the project did not open: {project.trouble}")
    session = opened(study, project)
    kept = session.reading.history.n_steps - 1
    if not np.array_equal(labels_of(session), _after(kept, seed)):
        sys.exit(f"kill {seed}: the labels are not those of the first {kept} strokes")
    for _ in range(kept + 1):
        session.undo()
    if labels_of(session).any():
        sys.exit(f"kill {seed}: undo did not lead back to nothing")
    project.close()
    return begun, kept


def _after(steps: int, seed: int) -> np.ndarray:
    """Labels after so many strokes that changed any; one in some hundreds changes none."""
    labels = after(0, seed)
    for box, drawn in strokes(seed):
        if not steps:
            return labels
        where = tuple(slice(*ends) for ends in box)
        steps -= not np.array_equal(labels[where], drawn)
        labels[where] = drawn
    raise AssertionError("strokes have no end")


if __name__ == "__main__":
    main()
