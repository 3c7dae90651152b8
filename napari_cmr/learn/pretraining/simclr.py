"""SimCLR: two views of a picture attract each other, all others repel.

Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020.
AdamW stands where the paper has LARS, which is made for batches of thousands.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.learn.pretraining.heads import HeadNorm, mlp
from napari_cmr.learn.pretraining.method import (
    Decay,
    Method,
    MethodConfig,
    Outcome,
    Part,
    Positive,
    Size,
)
from napari_cmr.learn.pretraining.processes import gather, rank
from napari_cmr.learn.pretraining.sampling import Batch
from napari_cmr.learn.pretraining.views import ViewConfig, make_views
from napari_cmr.nets.encoders import as_encoder


class SimCLRConfig(MethodConfig):
    """The paper's temperature (0.1) and head (one hidden layer, 128 out)."""

    learning_rate: Positive = 1e-3
    weight_decay: Decay = 1e-4
    warm_up: Part = 0.1
    temperature: Positive = 0.1
    hidden: Size = 2048
    out: Size = 128
    head_norm: HeadNorm = "none"
    view: ViewConfig = ViewConfig()


class SimCLR(Method):
    """An encoder and a projection head under NT-Xent."""

    contrasts = True

    def __init__(self, encoder: nn.Module, config: SimCLRConfig) -> None:
        super().__init__()
        self.config, self.encoder = config, encoder
        self.view_size = config.view.size
        width = as_encoder(encoder).width
        self.head = mlp(width, config.hidden, config.out, norm=config.head_norm)

    def forward(self, batch: Batch) -> Outcome:
        """Two views, each from its own frame where pairs of frames are asked for."""
        one = make_views(batch.images, batch.keys, 0, self.config.view)
        two = make_views(batch.partners, batch.keys, 1, self.config.view)
        features = as_encoder(self.encoder).pooled(torch.cat([one, two]))
        first, second = self.head(features).chunk(2)
        return Outcome(nt_xent(first, second, self.config.temperature), features, {})

    def shipped(self) -> dict[str, nn.Module]:
        """The encoder."""
        return {"encoder": self.encoder}


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross-entropy, the paper's equation 1.

    Parameters
    ----------
    first, second
        ``(n, d)`` projections of two views; row i of both shows one picture. The negatives of a
        view are all other views of all processes.

    Returns
    -------
    Tensor
        Mean over this process's ``2 n`` views.
    """
    n = len(first)
    own = functional.normalize(torch.cat([first, second]).float(), dim=1)
    everyone = gather(own)
    similar = own @ everyone.T / temperature
    row = torch.arange(2 * n, device=own.device)
    begin = rank() * 2 * n
    similar[row, begin + row] = -torch.inf
    return functional.cross_entropy(similar, begin + row.roll(n))
