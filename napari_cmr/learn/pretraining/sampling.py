"""Which images a step sees: even over subjects, then slices, then frames; seeded by the step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining.pack import Pack

IntArray = npt.NDArray[np.int64]


class Batch(NamedTuple):
    """What a method is given for one step of one process.

    Parameters
    ----------
    images
        ``(n, 1, s, s)`` float in 0..1.
    partners
        Another frame of the same slice where pairs of frames were asked for, else the images.
    positions
        ``(n,)`` from base (0) to apex (1), NaN where unknown.
    keys
        ``(n,)`` int64 seeds, one an image, from which views and masks are drawn. They do not
        depend on how a batch is spread over processes.
    """

    images: Tensor
    partners: Tensor
    positions: Tensor
    keys: Tensor

    def to(self, device: torch.device) -> Batch:
        """The pictures on a device; seeds stay on the CPU."""
        images = self.images.to(device)
        partners = images if self.partners is self.images else self.partners.to(device)
        return Batch(images, partners, self.positions.to(device), self.keys)


class Sampler:
    """Draws the images of each step of a run.

    Parameters
    ----------
    frame_pairs
        Whether an image's partner is another frame of its slice, where there is one.
    placed
        Whether only images whose position is known are drawn.

    Raises
    ------
    InputError
        If nothing can be drawn, or pairs are asked for and no slice has two frames.
    """

    def __init__(
        self, pack: Pack, *, seed: int, frame_pairs: bool = False, placed: bool = False
    ) -> None:
        self._pack, self._seed, self._pairs = pack, seed, frame_pairs
        usable = ~pack.records["held"]
        if not usable.any():
            raise InputError("The manifests have no training image.")
        if placed:
            usable &= ~np.isnan(pack.records["position"])
            if not usable.any():
                raise InputError(
                    "No image's place along the heart is known: positions come from stacks of "
                    "several slices or from the manifest's column slice."
                )
        numbers = np.flatnonzero(usable)
        order = np.lexsort((pack.records["site"][numbers], pack.records["subject"][numbers]))
        self._images = numbers[order]
        sites, self._site_starts = _starts(pack.records["site"][self._images])
        subjects = pack.records["subject"][self._images][self._site_starts]
        self.n_subjects = len(_starts(subjects)[1])
        self._subject_starts = np.append(_starts(subjects)[1], len(sites))
        self._site_starts = np.append(self._site_starts, len(self._images))
        if frame_pairs and (np.diff(self._site_starts) < 2).all():
            raise InputError(
                "Pairs of frames were asked for, but no slice has two frames in the manifests."
            )

    def draw(self, step: int, first: int, n: int) -> Batch:
        """Images ``first`` to ``first + n`` of a step's global batch."""
        drawn = np.array([self._draw_one(step, i) for i in range(first, first + n)])
        images = _as_tensor(self._pack.read(drawn[:, 0]))
        partners = _as_tensor(self._pack.read(drawn[:, 1])) if self._pairs else images
        positions = torch.from_numpy(self._pack.records["position"][drawn[:, 0]].copy())
        return Batch(images, partners, positions, torch.from_numpy(drawn[:, 2].copy()))

    def _draw_one(self, step: int, index: int) -> tuple[int, int, int]:
        rng = np.random.default_rng([self._seed, step, index])
        subject = rng.integers(self.n_subjects)
        site = rng.integers(*self._subject_starts[subject : subject + 2])
        low, high = self._site_starts[site : site + 2]
        one = rng.integers(low, high)
        further = rng.integers(1, high - low) if high > low + 1 else 0
        other = low + (one - low + further) % (high - low)
        return int(self._images[one]), int(self._images[other]), int(rng.integers(2**62))


def _starts(sorted_keys: IntArray) -> tuple[IntArray, IntArray]:
    """Runs of equal neighbours: their keys and where each begins."""
    begins = np.flatnonzero(np.append(True, np.diff(sorted_keys) != 0))
    return sorted_keys[begins], begins


def _as_tensor(images: npt.NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images)[:, None].float() / 255
