"""Run in a process of its own: draws until it is killed, saying each stroke before it is made.

`python -m tests.review.killed PROJECT STUDY WAIT SEED`: with WAIT it goes on only when the log has
the last stroke, as a reader's hand would leave it time to.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from napari_cmr.review import Project
from tests.review.conftest import opened, square

SHAPE = (4, 5, 40, 44)


def strokes(seed: int):
    """(box, labels) without end, the same for the same seed."""
    random = np.random.default_rng(seed)
    while True:
        phase, index, row, column = (int(v) for v in random.integers(0, (4, 5, 30, 30)))
        size = int(random.integers(2, 9))
        box = ((phase, phase + 1), (index, index + 1), (row, row + size), (column, column + size))
        yield box, random.integers(0, 4, (1, 1, size, size), np.uint8)


def after(count: int, seed: int) -> np.ndarray:
    """Labels after so many strokes, by plain assignment."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, :, 10:20, 10:20] = 1
    for (box, drawn), _ in zip(strokes(seed), range(count), strict=False):
        labels[tuple(slice(*ends) for ends in box)] = drawn
    return labels


def main(folder: str, study: str, wait: str, seed: str) -> None:
    project = Project.open(Path(folder))
    session = opened(Path(study), project)
    session.predict(square)
    assert project.flush()
    for number, (box, labels) in enumerate(strokes(int(seed)), start=1):
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        session.correct(box, labels)
        if wait == "wait":
            assert project.flush(), project.trouble


if __name__ == "__main__":
    main(*sys.argv[1:])
