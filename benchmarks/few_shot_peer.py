"""What both peers of few_shot.py share: command line, cases, and the clock of the race."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def arguments(doc: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc)
    add = parser.add_argument
    add("--cases", type=Path, required=True, help="folder with train/*.npz and test/*.npz")
    add("--out", type=Path, required=True, help="folder for SUBJECT.npy and training.json")
    add("--seconds", type=float, required=True, help="what the training may take")
    add("--clock", choices=list(CLOCKS), default="wall")
    add("--threads", type=int, default=2)
    add("--seed", type=int, default=0)
    return parser.parse_args()


@dataclass(frozen=True, eq=False)
class Case:
    """One subject's stack: pixels and labels ``(z, y, x)``; labels 0, 1 LV, 2 wall."""

    subject: str
    pixels: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]


def write_cases(folder: Path, cases: list[Case]) -> None:
    folder.mkdir(parents=True)
    for case in cases:
        np.savez(folder / f"{case.subject}.npz", pixels=case.pixels, labels=case.labels)


def read_cases(folder: Path) -> list[Case]:
    cases = []
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as arrays:
            cases.append(Case(file.stem, arrays["pixels"], arrays["labels"]))
    return cases


class Budget:
    """The time of a training; the learning rate follows the share that is spent.

    So its schedule is whole when the time is over, however fast the machine is.
    """

    def __init__(self, seconds: float, clock: str) -> None:
        self._seconds, self._clock = seconds, clock
        self.steps = 0
        self._began = {name: read() for name, read in CLOCKS.items()}

    def spent(self) -> dict[str, float]:
        """Seconds by each clock."""
        return {name: read() - self._began[name] for name, read in CLOCKS.items()}

    def poly(self, power: float = 0.9) -> Iterator[float]:
        """Factor of the learning rate, once a step, until the time is over."""
        while (share := self.spent()[self._clock] / self._seconds) < 1:
            yield (1 - share) ** power
            self.steps += 1


def write_training(out: Path, budget: dict[str, float], steps: int, names: tuple[str, ...]) -> None:
    told = {
        "wall_s": round(budget["wall"], 1),
        "processor_s": round(budget["processor"], 1),
        "steps": steps,
        "versions": {name: version(name) for name in names},
    }
    (out / "training.json").write_text(json.dumps(told))
