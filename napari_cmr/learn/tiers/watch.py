"""How a training is told of while it goes on."""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """Told how a training goes. All calls come from one thread."""

    def runs_on(self, device: str) -> None:
        """What the networks run on, in words."""

    def stage(self, name: str, of: int = 0) -> None:
        """A stage of so many parts begins: reading, choosing, asking, training, judging."""

    def part(self, done: int) -> None:
        """So many parts of the stage are done."""

    def step(self, done: int, loss: float) -> None:
        """So many steps of the training are done, the last with this loss."""

    def score(self, step: int, dice: float) -> None:
        """Mean Dice on the held-out cases after so many steps, for the eye only."""


class Unwatched:
    """Tells nobody."""

    def runs_on(self, device: str) -> None:
        """Nobody is told."""

    def stage(self, name: str, of: int = 0) -> None:
        """Nobody is told."""

    def part(self, done: int) -> None:
        """Nobody is told."""

    def step(self, done: int, loss: float) -> None:
        """Nobody is told."""

    def score(self, step: int, dice: float) -> None:
        """Nobody is told."""


UNWATCHED = Unwatched()
