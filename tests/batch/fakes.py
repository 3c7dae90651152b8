"""Segmenters that cost nothing, importable in a worker."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_cmr.core import Segmentation, Structure


@dataclass(frozen=True)
class Filled:
    """Calls every pixel of the first phase LV cavity, and half of those of the others."""

    title: str = "filled 1"
    fingerprint: str = "f1"

    def predictor(self):
        return self.find

    def find(self, stack, progress, cancel):
        labels = np.zeros(stack.shape, np.uint8)
        labels[0] = Structure.LV
        labels[1:, :, : stack.shape[2] // 2] = Structure.LV
        return Segmentation.on(stack, labels, self.title)


@dataclass(frozen=True)
class Noted(Filled):
    """Notes each study it is asked for in a folder, one file for each time."""

    notes: str = ""

    def find(self, stack, progress, cancel):
        Path(self.notes, f"{stack.subject}.{os.urandom(8).hex()}").touch()
        return super().find(stack, progress, cancel)


@dataclass(frozen=True)
class Deadly(Noted):
    """Its process dies with every study of these names, as a crash in a library would have it."""

    victims: tuple[str, ...] = ()

    def find(self, stack, progress, cancel):
        told = super().find(stack, progress, cancel)
        if stack.subject in self.victims:
            os.kill(os.getpid(), signal.SIGKILL)
        return told


@dataclass(frozen=True)
class Halting(Noted):
    """Writes its process's number and waits, at the victim's first time, at a named pipe."""

    victim: str = ""

    def find(self, stack, progress, cancel):
        told = super().find(stack, progress, cancel)
        if stack.subject == self.victim and times(self.notes, self.victim) == 1:
            Path(self.notes, "pid").write_text(str(os.getpid()))
            Path(self.notes, "pipe").read_bytes()
        return told


@dataclass(frozen=True)
class Faulty(Filled):
    """Has a bug whose message names a person."""

    def find(self, stack, progress, cancel):
        raise ZeroDivisionError("Doe^Jane")


def times(notes, subject) -> int:
    """How often a study was begun."""
    return len(list(Path(notes).glob(f"{subject}.*")))
