"""DINO: a student that sees a part agrees with a teacher that sees the whole.

Caron et al., "Emerging properties in self-supervised vision transformers", ICCV 2021. With
``patch_term`` the student also names the masked patches as the teacher does that sees them:
Zhou et al., "iBOT", ICLR 2022.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining.heads import HeadNorm, norms
from napari_cmr.learn.pretraining.masks import n_hidden, random_masks
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
from napari_cmr.learn.pretraining.processes import mean_over_processes
from napari_cmr.learn.pretraining.sampling import Batch
from napari_cmr.learn.pretraining.teacher import follow, momentum_at, teacher_of
from napari_cmr.learn.pretraining.views import ViewConfig, make_views
from napari_cmr.nets.encoders import Encoder, as_encoder
from napari_cmr.nets.linear import Linear
from napari_cmr.nets.vit import VisionTransformer


class DINOConfig(MethodConfig):
    """The paper's numbers; the crops are sized for packed hearts, not for ImageNet."""

    learning_rate: Positive = 5e-4
    weight_decay: Decay = 0.04
    last_weight_decay: Decay | None = 0.4
    warm_up: Part = 0.1
    prototypes: int = Field(default=65536, gt=1)
    hidden: Size = 2048
    bottleneck: Size = 256
    head_norm: HeadNorm = Field(
        default="none",
        description="'batch', an option of the paper's code, for encoders whose pooled features "
        "hardly differ, as behind instance norm",
    )
    student_temperature: Positive = 0.1
    teacher_temperature: Positive = 0.07
    first_teacher_temperature: Positive = 0.04
    temperature_warm_up: Part = Field(default=0.3, description="share of the steps")
    centre_momentum: Part = 0.9
    momentum: Share = 0.996
    frozen_last: Share = Field(default=0.01, description="share of the steps without a last layer")
    whole: ViewConfig = ViewConfig(size=96, area=(0.4, 1.0))
    part: ViewConfig = ViewConfig(size=48, area=(0.05, 0.4))
    parts: int = Field(default=8, ge=0)
    patch_term: bool = False
    mask_ratio: float = Field(default=0.3, gt=0, lt=1, description="of the patch term")


class DINOHead(nn.Module):
    """Three layers to a normalised bottleneck, then similarity to unit prototypes."""

    def __init__(self, width: int, config: DINOConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before in (width, config.hidden):
            norm = norms(config.hidden, config.head_norm)
            layers += [Linear(before, config.hidden), *norm, nn.GELU()]
        self.mlp = nn.Sequential(*layers, Linear(config.hidden, config.bottleneck))
        for layer in self.mlp:
            if isinstance(layer, Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.last = weight_norm(Linear(config.bottleneck, config.prototypes, bias=False))
        length = self.last.parametrizations.weight.original0
        length.data.fill_(1)
        length.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        """``(..., width)`` to ``(..., prototypes)``."""
        out: Tensor = self.last(functional.normalize(self.mlp(features), dim=-1))
        return out


class DINO(Method):
    """Student and teacher, each encoder and head; the teacher's centre."""

    centre: Tensor
    patch_centre: Tensor

    def __init__(self, encoder: nn.Module, config: DINOConfig) -> None:
        super().__init__()
        if config.patch_term and not isinstance(encoder, VisionTransformer):
            raise InputError(
                "The patch term needs patches: choose vit_small_patch8 or leave it out."
            )
        self.config, self.view_size = config, config.whole.size
        if config.patch_term:
            n_hidden((config.whole.size // as_encoder(encoder).stride) ** 2, config.mask_ratio)
        head = DINOHead(as_encoder(encoder).width, config)
        self.student = nn.ModuleDict({"encoder": encoder, "head": head})
        self.teacher = teacher_of(self.student)
        self.teacher_temperature = config.first_teacher_temperature
        self.register_buffer("centre", torch.zeros(config.prototypes))
        if config.patch_term:
            self.mask_token = nn.Parameter(torch.zeros(1, 1, as_encoder(encoder).width))
            self.register_buffer("patch_centre", torch.zeros(config.prototypes))

    def before_step(self, step: int, steps: int) -> None:
        """The teacher's temperature rises at first."""
        first, last = self.config.first_teacher_temperature, self.config.teacher_temperature
        done = min(1.0, step / max(1.0, self.config.temperature_warm_up * steps))
        self.teacher_temperature = first + (last - first) * done

    def forward(self, batch: Batch) -> Outcome:
        """Two whole views for both, the parts for the student alone."""
        config = self.config
        sources = (batch.images, batch.partners)
        whole = [make_views(sources[i], batch.keys, i, config.whole) for i in range(2)]
        parts = [
            make_views(sources[i % 2], batch.keys, 2 + i, config.part) for i in range(config.parts)
        ]
        masks = self._masks(batch.keys) if config.patch_term else None
        with torch.no_grad():
            whole_seen, patches_seen = self._see(self.teacher, torch.cat(whole), None)
            seen = self.teacher.get_submodule("head")(whole_seen)
        targets = self._targets(seen, self.centre)
        features, patches = self._see(self.student, torch.cat(whole), masks)
        few = [self._encoder.pooled(torch.cat(parts))] if parts else []
        logits = self._head(torch.cat([features, *few])).split(len(batch.images))
        loss = dino_loss(list(targets.chunk(2)), list(logits), config.student_temperature)
        if masks is not None:
            with torch.no_grad():
                named = self.teacher.get_submodule("head")(patches_seen[masks])
            wanted = self._targets(named, self.patch_centre)
            loss = loss + _agreement(wanted, self._head(patches[masks]), config.student_temperature)
            self._recentre(self.patch_centre, named)
        self._recentre(self.centre, seen)
        return Outcome(loss, features, _entropies(targets))

    def after_backward(self, step: int, steps: int) -> None:
        """The prototypes stand still at first, as in the paper."""
        if step < self.config.frozen_last * steps:
            for parameter in self.student.get_submodule("head.last").parameters():
                parameter.grad = None

    def after_step(self, step: int, steps: int) -> None:
        """The teacher follows."""
        follow(self.teacher, self.student, momentum_at(step, steps, self.config.momentum))

    def shipped(self) -> dict[str, nn.Module]:
        """The teacher's encoder, which the paper evaluates."""
        return {"encoder": self.teacher.get_submodule("encoder")}

    @property
    def _encoder(self) -> Encoder:
        return as_encoder(self.student.get_submodule("encoder"))

    @property
    def _head(self) -> nn.Module:
        return self.student.get_submodule("head")

    def _see(
        self, networks: nn.Module, images: Tensor, masks: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Features of pictures, and of their patches where the patch term asks for them."""
        encoder = networks.get_submodule("encoder")
        if not isinstance(encoder, VisionTransformer) or not self.config.patch_term:
            return as_encoder(encoder).pooled(images), images.new_zeros(0)
        token = None if masks is None else self.mask_token
        tokens = encoder.encode(encoder.patches(images, masks, token))
        return tokens[:, 0], tokens[:, 1:]

    def _masks(self, keys: Tensor) -> Tensor:
        """``(2 n, patches)`` for both whole views."""
        side = self.config.whole.size // self._encoder.stride
        return torch.cat(
            [random_masks(keys + view, side**2, self.config.mask_ratio) for view in range(2)]
        ).to(self.centre.device)

    def _targets(self, logits: Tensor, centre: Tensor) -> Tensor:
        """Centred and sharpened."""
        return functional.softmax((logits.float() - centre) / self.teacher_temperature, dim=-1)

    @torch.no_grad()
    def _recentre(self, centre: Tensor, logits: Tensor) -> None:
        mean = mean_over_processes(logits.float().mean(0))
        centre.lerp_(mean, 1 - self.config.centre_momentum)


def dino_loss(targets: list[Tensor], logits: list[Tensor], temperature: float) -> Tensor:
    """Cross-entropy of the teacher's and the student's choice over all pairs of different views.

    Parameters
    ----------
    targets
        The teacher's probabilities of each whole view, ``(n, k)``.
    logits
        The student's of each view, the whole ones first in the same order.
    """
    pairs = [
        _agreement(target, student, temperature)
        for i, target in enumerate(targets)
        for j, student in enumerate(logits)
        if i != j
    ]
    return torch.stack(pairs).mean()


def _agreement(target: Tensor, logits: Tensor, temperature: float) -> Tensor:
    chance = functional.log_softmax(logits.float() / temperature, dim=-1)
    return -(target.detach() * chance).sum(-1).mean()


def _entropies(targets: Tensor) -> dict[str, Tensor]:
    """Of each choice, and of all together, as shares of the largest possible."""
    most = torch.log(torch.tensor(float(targets.shape[1])))
    each = torch.special.entr(targets).sum(1).mean()
    together = torch.special.entr(mean_over_processes(targets.mean(0))).sum()
    return {"teacher_entropy": each.detach() / most, "teacher_diversity": together / most}
