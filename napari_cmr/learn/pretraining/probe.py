"""A k-nearest-neighbour probe: whether near features mean what a person calls alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.learn.pretraining.pack import UNKNOWN_LABEL, Pack
from napari_cmr.learn.pretraining.views import plain_view
from napari_cmr.nets.encoders import as_encoder

MOST_IMAGES = 2000
BATCH = 64


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """``accuracy`` by subject; ``chance`` is the share of the commonest class."""

    accuracy: dict[int, float]
    chance: float

    @property
    def mean(self) -> float:
        """Mean over subjects."""
        return float(np.mean(list(self.accuracy.values())))


class Probe:
    """Validation images with a known class, spread evenly over the pack.

    ``reason`` says why there is no probe, or is empty.
    """

    def __init__(self, pack: Pack, size: int) -> None:
        self._pack, self._size = pack, size
        known = pack.records["held"] & (pack.records["label"] != UNKNOWN_LABEL)
        numbers = np.flatnonzero(known)
        if len(numbers) > MOST_IMAGES:
            numbers = numbers[np.linspace(0, len(numbers) - 1, MOST_IMAGES).astype(int)]
        self._numbers = numbers
        self._labels = torch.from_numpy(pack.records["label"][numbers].astype(np.int64))
        self._subjects = torch.from_numpy(pack.records["subject"][numbers].astype(np.int64))
        self.reason = ""
        records = pack.records[numbers]
        if len(np.unique(records["subject"])) < 2 or len(np.unique(records["label"])) < 2:
            self.reason = "it needs validation images of two subjects and two classes"

    def measure(self, encoder: nn.Module, device: torch.device) -> ProbeResult:
        """Judge an encoder; its mode is left as it was."""
        training = encoder.training
        features = self._features(encoder.eval(), device)
        encoder.train(training)
        found = nearest_labels(features, self._labels, self._subjects)
        right = (found == self._labels).float()
        accuracy = {
            s: float(right[self._subjects == s].mean())
            for s in sorted(set(self._subjects.tolist()))
        }
        counts = torch.bincount(self._labels)
        return ProbeResult(accuracy, float(counts.max() / counts.sum()))

    @torch.no_grad()
    def _features(self, encoder: nn.Module, device: torch.device) -> Tensor:
        parts = []
        for begin in range(0, len(self._numbers), BATCH):
            images = torch.from_numpy(self._pack.read(self._numbers[begin : begin + BATCH]))
            views = plain_view(images[:, None].to(device).float() / 255, self._size)
            parts.append(as_encoder(encoder).pooled(views).float().cpu())
        return torch.cat(parts)


def nearest_labels(
    features: Tensor, labels: Tensor, subjects: Tensor, *, k: int = 20, temperature: float = 0.07
) -> Tensor:
    """What the ``k`` nearest images of other subjects say, ``(n,)``.

    Votes weigh ``exp(cosine / temperature)``, as in Wu et al., "Unsupervised feature learning
    via non-parametric instance discrimination", CVPR 2018.
    """
    features = functional.normalize(features, dim=1)
    similar = features @ features.T
    similar[subjects[:, None] == subjects[None]] = -torch.inf
    near, which = similar.topk(min(k, len(features)), dim=1)
    votes = torch.zeros(len(features), int(labels.max()) + 1)
    return votes.scatter_add_(1, labels[which], (near / temperature).exp()).argmax(1)
