"""BYOL: a student foretells what a slow copy of itself makes of another view.

Grill et al., "Bootstrap your own latent", NeurIPS 2020. There are no negatives; what keeps it
from collapsing is the predictor, the slow teacher, and the batch norm of the heads. AdamW stands
where the paper has LARS.
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
    Share,
    Size,
)
from napari_cmr.learn.pretraining.sampling import Batch
from napari_cmr.learn.pretraining.teacher import follow, momentum_at, teacher_of
from napari_cmr.learn.pretraining.views import ViewConfig, make_views
from napari_cmr.nets.encoders import as_encoder


class BYOLConfig(MethodConfig):
    """The paper's heads (4096 hidden, 256 out) and momentum (0.996, to 1 along a cosine)."""

    learning_rate: Positive = 1e-3
    weight_decay: Decay = 1e-4
    warm_up: Part = 0.1
    hidden: Size = 4096
    out: Size = 256
    head_norm: HeadNorm = "batch"
    momentum: Share = 0.996
    view: ViewConfig = ViewConfig()


class BYOL(Method):
    """A student (encoder, projector, predictor) and its teacher (encoder, projector)."""

    def __init__(self, encoder: nn.Module, config: BYOLConfig) -> None:
        super().__init__()
        self.config, self.view_size = config, config.view.size
        width = as_encoder(encoder).width
        projector = mlp(width, config.hidden, config.out, norm=config.head_norm)
        self.student = nn.ModuleDict({"encoder": encoder, "projector": projector})
        self.predictor = mlp(config.out, config.hidden, config.out, norm=config.head_norm)
        self.teacher = teacher_of(self.student)

    def forward(self, batch: Batch) -> Outcome:
        """Each view is foretold from the other."""
        one = make_views(batch.images, batch.keys, 0, self.config.view)
        two = make_views(batch.partners, batch.keys, 1, self.config.view)
        features, projected = _project(self.student, torch.cat([one, two]))
        with torch.no_grad():
            _, targets = _project(self.teacher, torch.cat([two, one]))
        return Outcome(byol_loss(self.predictor(projected), targets), features, {})

    def after_step(self, step: int, steps: int) -> None:
        """The teacher follows."""
        follow(self.teacher, self.student, momentum_at(step, steps, self.config.momentum))

    def shipped(self) -> dict[str, nn.Module]:
        """The student's encoder, which the paper keeps, and the teacher's."""
        return {
            "encoder": self.student.get_submodule("encoder"),
            "teacher": self.teacher.get_submodule("encoder"),
        }


def byol_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Squared distance of the normalised vectors, the paper's equation 2, over both orders.

    Parameters
    ----------
    predicted, target
        ``(2 n, d)``; no gradient goes to ``target``.

    Returns
    -------
    Tensor
        Twice the mean of ``2 - 2 cos``, since the paper adds the two orders.
    """
    cosine = functional.cosine_similarity(predicted.float(), target.detach().float(), dim=1)
    return 2 * (2 - 2 * cosine).mean()


def _project(networks: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    features = as_encoder(networks.get_submodule("encoder")).pooled(images)
    projected: Tensor = networks.get_submodule("projector")(features)
    return features, projected
