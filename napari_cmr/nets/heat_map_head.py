"""The layers that turn a segmenter's maps into heat maps of landmarks."""

from __future__ import annotations

from torch import Tensor, nn

HEAT_MAPS = "heat_maps"
"""What a card calls the head."""


class HeatMapHead(nn.Module):
    """Three convolutions on the decoder's finest maps: one logit a pixel and landmark.

    Parameters
    ----------
    n_inputs, hidden, n_points
        Channels of all maps together, of the layers between, and landmarks.
    """

    def __init__(self, n_inputs: int, hidden: int, n_points: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(n_inputs, hidden, 1),
            nn.LeakyReLU(0.01),
            nn.Conv2d(hidden, hidden, 5, padding=2),
            nn.LeakyReLU(0.01),
            nn.Conv2d(hidden, n_points, 5, padding=2),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """``(n, n_inputs, h, w)`` to logits ``(n, n_points, h, w)``."""
        logits: Tensor = self.layers(maps)
        return logits
