"""Masked image modelling: hide most of a picture and rebuild what was hidden.

Three forms. ``mae`` for a vision transformer: the encoder sees the visible patches only, a small
decoder rebuilds the rest (He et al., "Masked autoencoders are scalable vision learners", CVPR
2022). ``simmim`` for a vision transformer: mask tokens pass through the encoder, one linear layer
rebuilds (Xie et al., "SimMIM", CVPR 2022). ``unet``: 32-pixel patches are blanked and encoder and
decoder rebuild them together, so that both are pretrained.
"""

from __future__ import annotations

import math
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining.masks import n_hidden, patches_of, random_masks
from napari_cmr.learn.pretraining.method import (
    Decay,
    Method,
    MethodConfig,
    Outcome,
    Part,
    Positive,
    Size,
)
from napari_cmr.learn.pretraining.sampling import Batch
from napari_cmr.learn.pretraining.views import ViewConfig, make_views
from napari_cmr.nets.linear import Linear
from napari_cmr.nets.unet import UNet, UNetEncoder
from napari_cmr.nets.vit import Block, VisionTransformer, sine_positions


class MIMConfig(MethodConfig):
    """MAE's numbers: ratio 0.75, a decoder of 8 blocks 512 wide, patches standardised.

    ``form`` is chosen by the encoder where it is None: ``mae`` or ``unet``. Views are crops and
    flips alone, as in the paper: what is rebuilt should be what the scanner saw.
    """

    learning_rate: Positive = 1.5e-4
    weight_decay: Decay = 0.05
    warm_up: Part = 0.05
    betas: tuple[Part, Part] = (0.9, 0.95)
    form: Literal["mae", "simmim", "unet"] | None = None
    ratio: float = Field(default=0.75, gt=0, lt=1)
    unet_patch: Size = 32
    decoder_width: Size = Field(default=512, multiple_of=4)
    decoder_depth: Size = 8
    decoder_heads: Size = 16
    standardised_patches: bool = True
    view: ViewConfig = ViewConfig(area=(0.3, 1.0), gamma=0.0, bias=0.0, noise=0.0, blur=0.0)

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.decoder_width % self.decoder_heads:
            raise ValueError("decoder_width is no multiple of decoder_heads")
        return self


class MAE(Method):
    """A transformer that sees the visible patches and a smaller one that rebuilds the others."""

    pairs = False
    may_collapse = False
    positions: Tensor

    def __init__(self, encoder: VisionTransformer, config: MIMConfig) -> None:
        super().__init__()
        encoder.pool = "mean"  # the class token takes part but nothing trains it to speak
        self.config, self.encoder, self.view_size = config, encoder, config.view.size
        wide, n = config.decoder_width, (config.view.size // encoder.patch) ** 2
        self.join = Linear(encoder.width, wide)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, wide))
        encoder.positions.requires_grad_(False)
        grid = sine_positions(math.isqrt(n), wide)
        self.register_buffer("positions", torch.cat([grid.new_zeros(1, 1, wide), grid], dim=1))
        blocks = [Block(wide, config.decoder_heads) for _ in range(config.decoder_depth)]
        self.decoder = nn.Sequential(*blocks, nn.LayerNorm(wide, eps=1e-6))
        self.to_pixels = Linear(wide, encoder.patch**2)
        nn.init.trunc_normal_(self.mask_token, std=0.02)

    def forward(self, batch: Batch) -> Outcome:
        """Encode a quarter, decode all, compare what was hidden."""
        images = make_views(batch.images, batch.keys, 0, self.config.view)
        patches = self.encoder.patches(images)
        masks = random_masks(batch.keys, patches.shape[1], self.config.ratio).to(images.device)
        n, _, width = patches.shape
        tokens = self.encoder.encode(patches[~masks].view(n, -1, width))
        rebuilt = self.to_pixels(self.decoder(self._everywhere(tokens, masks)))[:, 1:]
        target = _target(images, self.encoder.patch, self.config.standardised_patches)
        loss = masked_error(rebuilt, target, masks, power=2)
        return Outcome(loss, self.encoder.pool_tokens(tokens), {})

    def shipped(self) -> dict[str, nn.Module]:
        """The encoder; the decoder is thrown away, as in the paper."""
        return {"encoder": self.encoder}

    def _everywhere(self, tokens: Tensor, masks: Tensor) -> Tensor:
        """Encoded tokens at their places, mask tokens at the others."""
        seen = self.join(tokens)
        full = self.mask_token.to(seen.dtype).expand(*masks.shape, -1).clone()
        full[~masks] = seen[:, 1:].flatten(0, 1)
        return torch.cat([seen[:, :1], full], dim=1) + self.positions


class SimMIM(Method):
    """A transformer that sees mask tokens in place of what is hidden, and one linear layer."""

    pairs = False
    may_collapse = False

    def __init__(self, encoder: VisionTransformer, config: MIMConfig) -> None:
        super().__init__()
        encoder.pool = "mean"
        self.config, self.encoder, self.view_size = config, encoder, config.view.size
        self.mask_token = nn.Parameter(torch.zeros(1, 1, encoder.width))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        self.to_pixels = Linear(encoder.width, encoder.patch**2)

    def forward(self, batch: Batch) -> Outcome:
        """L1 on the hidden pixels, as in the paper."""
        images = make_views(batch.images, batch.keys, 0, self.config.view)
        side = images.shape[2] // self.encoder.patch
        masks = random_masks(batch.keys, side**2, self.config.ratio).to(images.device)
        tokens = self.encoder.encode(self.encoder.patches(images, masks, self.mask_token))
        target = _target(images, self.encoder.patch, standardised=False)
        loss = masked_error(self.to_pixels(tokens[:, 1:]), target, masks, power=1)
        return Outcome(loss, self.encoder.pool_tokens(tokens), {})

    def shipped(self) -> dict[str, nn.Module]:
        """The encoder."""
        return {"encoder": self.encoder}


class UNetMIM(Method):
    """A U-Net that fills in blanked patches."""

    pairs = False
    may_collapse = False

    def __init__(self, encoder: UNetEncoder, config: MIMConfig) -> None:
        super().__init__()
        self.config, self.view_size = config, config.view.size
        self.unet = UNet(1, encoder.channels)
        self.unet.encoder = encoder

    def forward(self, batch: Batch) -> Outcome:
        """L1 on the hidden pixels alone; hidden pixels are 0, the mean of every picture."""
        images = make_views(batch.images, batch.keys, 0, self.config.view)
        patch = self.config.unet_patch
        side = images.shape[2] // patch
        masks = random_masks(batch.keys, side**2, self.config.ratio).to(images.device)
        hidden = masks.view(-1, 1, side, side).repeat_interleave(patch, 2)
        hidden = hidden.repeat_interleave(patch, 3)
        maps = self.unet.encoder(images.masked_fill(hidden, 0.0))
        rebuilt = self.unet.decode(maps)
        loss = masked_error(patches_of(rebuilt, patch), patches_of(images, patch), masks, power=1)
        return Outcome(loss, maps[-1].mean(dim=(2, 3)), {})

    def shipped(self) -> dict[str, nn.Module]:
        """Encoder, and decoder without the layer that paints pixels."""
        decoder = nn.ModuleDict({"ups": self.unet.ups, "joins": self.unet.joins})
        return {"encoder": self.unet.encoder, "decoder": decoder}


def masked_error(rebuilt: Tensor, target: Tensor, masks: Tensor, *, power: int) -> Tensor:
    """Mean of ``|rebuilt - target| ** power`` over hidden patches; visible ones count nothing.

    Parameters
    ----------
    rebuilt, target
        ``(n, patches, pixels)``.
    masks
        ``(n, patches)``, True where hidden.
    """
    error = (rebuilt.float() - target.float())[masks].abs()
    return (error**power).mean()


def make_mim(encoder: nn.Module, config: MIMConfig) -> Method:
    """The form that fits the encoder.

    Raises
    ------
    InputError
        If there is none, the pictures do not divide into patches, or none or all are hidden.
    """
    side = config.view.size
    if isinstance(encoder, UNetEncoder):
        if config.form not in (None, "unet"):
            raise InputError(f"The form '{config.form}' needs a transformer, not the U-Net.")
        if side % config.unet_patch or side % encoder.stride:
            raise InputError(
                f"Views of {side} pixels do not divide into patches of {config.unet_patch} and "
                f"maps of stride {encoder.stride}; choose a multiple of both."
            )
        n_hidden((side // config.unet_patch) ** 2, config.ratio)
        return UNetMIM(encoder, config)
    if not isinstance(encoder, VisionTransformer):
        raise InputError(
            "mim rebuilds pixels: it needs the U-Net, whose decoder it trains too, or "
            "vit_small_patch8; choose one of them, or another method for this encoder."
        )
    if config.form == "unet":
        raise InputError("The form 'unet' needs the U-Net, not a transformer.")
    if side % encoder.patch:
        raise InputError(f"Views of {side} pixels do not divide into patches of {encoder.patch}.")
    n_hidden((side // encoder.patch) ** 2, config.ratio)
    return SimMIM(encoder, config) if config.form == "simmim" else MAE(encoder, config)


def _target(images: Tensor, patch: int, standardised: bool) -> Tensor:
    target = patches_of(images, patch)
    return functional.layer_norm(target, target.shape[-1:], eps=1e-6) if standardised else target
