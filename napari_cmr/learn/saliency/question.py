"""What is asked of a network: one number of some pictures, and the way back to the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

MapArray = npt.NDArray[np.float32]
BATCH = 16


class Explained(nn.Module):
    """A network seen as pictures in, numbers out.

    Its ``forward`` turns ``(m, c, h, w)`` pictures to ``(m, k)`` numbers, each row by its own
    picture alone. ``encoder`` gives the feature maps, and ``calls`` says for each time that
    ``forward`` calls it which channel of the picture it sees and by how many quarter turns that
    was turned; ``looks_at`` are the channels that a transformer inside sees.
    """

    encoder: nn.Module
    calls: tuple[tuple[int, int], ...] = ((0, 0),)
    looks_at: tuple[int, ...] = (0,)


@dataclass(frozen=True, eq=False)
class Question:
    """One number of a stack, as a weighted sum of what a network says of its pictures.

    Parameters
    ----------
    title, unit
        Of the number, for a reader.
    network
        Pictures to numbers.
    inputs
        ``(n, c, h, w)`` pictures as the network sees them.
    weights
        ``(n, k)`` what each number of each picture counts; where the asked number is no plain
        sum (EF, a logit of volumes) its derivatives there, so that maps explain it to first
        order.
    value
        The asked number.
    onto
        Puts ``(n, c, h, w)`` maps onto the images, ``(t, z, y, x)``.
    places
        (phase, slice) of each picture.
    notes
        What a reader of the maps must know.
    """

    title: str
    unit: str
    network: Explained
    inputs: Tensor
    weights: Tensor
    value: float
    onto: Callable[[Tensor], MapArray]
    places: tuple[tuple[int, int], ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs)

    def batches(self) -> Iterator[Tensor]:
        """Numbers of the pictures, so many at a time."""
        for begin in range(0, len(self), BATCH):
            yield torch.arange(begin, min(begin + BATCH, len(self)))

    def score(self, pictures: Tensor, which: Tensor) -> Tensor:
        """``(m,)`` what each of ``(m, c, h, w)`` pictures adds to the number.

        Parameters
        ----------
        which
            ``(m,)`` which of the question's pictures each one is a changed copy of.
        """
        weight = next(self.network.parameters(), pictures)
        said: Tensor = self.network(pictures.to(weight.device)).cpu()
        return (said * self.weights[which]).sum(1)

    def of(self, chosen: Sequence[int]) -> Question:
        """The same question of some of the pictures; ``onto`` then takes maps of these alone."""
        index = torch.tensor(list(chosen), dtype=torch.long)

        def onto(maps: Tensor) -> MapArray:
            whole = torch.zeros(len(self), *maps.shape[1:])
            whole[index] = maps
            return self.onto(whole)

        return replace(
            self,
            inputs=self.inputs[index],
            weights=self.weights[index],
            onto=onto,
            places=tuple(self.places[i] for i in chosen),
        )

    def emptied(self) -> Tensor:
        """The pictures with their pixels in an order of chance, which stands for "nothing there".

        Grey or a blur would not do: a network with instance norms does not see a picture's
        contrast, so fading to either takes nothing away until the very end.
        """
        return mixed(self.inputs)


def mixed(pictures: Tensor, seed: int = 0) -> Tensor:
    """Each channel of ``(n, c, h, w)`` with the same pixels in an order of chance."""
    chance = torch.rand(pictures.shape, generator=torch.Generator().manual_seed(seed))
    return pictures.flatten(2).gather(2, chance.flatten(2).argsort(2)).view(pictures.shape)


def evenly(n: int, most: int) -> list[int]:
    """At most so many of ``n`` things, evenly chosen, first and last among them."""
    return sorted({round(i) for i in np.linspace(0, n - 1, min(n, most)).tolist()})
