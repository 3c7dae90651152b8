from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_cmr.nets import Card, InputGrid, Model, Network, TrainingData

STRUCTURES = ("BACKGROUND", "LV", "MYO", "RV")


class ByIntensity(nn.Module):
    """Calls the brightest pixels LV, as a closed form a network's answer can be checked by."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        bright = (images - images.amax((2, 3), keepdim=True) / 2) * 100
        nothing = torch.full_like(bright, -1000.0)
        return torch.cat([torch.zeros_like(bright), bright, nothing, nothing], 1)


def make_card(**changes) -> Card:
    def network(spacing: float) -> Network:
        return Network(
            encoder="unet",
            channels=(4, 8),
            structures=STRUCTURES,
            grid=InputGrid(spacing_mm=spacing, size=128),
        )

    whole = {
        "name": "test",
        "version": "1.0.0",
        "task": "cine_sax_seg",
        "networks": {"localiser": network(3.0), "segmenter": network(1.4)},
        "tier": "full",
        "training_data": TrainingData(sets={"none": 0}, manifest_sha256="", terms="none"),
        "recipe": {},
        "seed": 0,
        "hours": 0.0,
        "hardware": "none",
        "finished": True,
        "metrics": {},
        "sha256": "",
        "licence": "BSD-3-Clause",
        "intended_use": "Tests.",
        "bad_at": ("everything",),
    }
    return Card(**(whole | changes))


@pytest.fixture
def by_intensity() -> Model:
    return Model(make_card(), {"localiser": ByIntensity(), "segmenter": ByIntensity()})
