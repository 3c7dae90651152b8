"""A transformer's maps joined to a convolutional image stem, for borders as fine as the pixels."""

from __future__ import annotations

from collections.abc import Sequence

from monai.networks.blocks.convolutions import ResidualUnit
from torch import Tensor, nn

from napari_cmr.nets.unet import ACT, UNetEncoder, norm_of
from napari_cmr.nets.vit import VisionTransformer


class StemmedTransformer(nn.Module):
    """Maps for a U-Net's decoder: fine ones from convolutions, the coarsest from both.

    The transformer is read after each quarter of its depth, as in the dense prediction
    transformer (Ranftl et al., "Vision transformers for dense prediction", ICCV 2021); its maps
    are joined where they lie, at the step of a patch, since the stem knows what is finer.

    The transformer sees the middle slice alone, as it did when it was pretrained, so that one
    serves every task; the stem sees the neighbours.

    Parameters
    ----------
    transformer
        Its patch must be ``2 ** (len(channels) - 1)`` pixels.
    channels
        Width of each map, finest first.
    in_channels
        Slices of a picture, an odd number.

    Raises
    ------
    ValueError
        If patch and number of maps do not fit.
    """

    def __init__(
        self, transformer: VisionTransformer, channels: Sequence[int], in_channels: int = 1
    ) -> None:
        super().__init__()
        coarsest = 2 ** (len(channels) - 1)
        if transformer.patch != coarsest:
            raise ValueError(
                f"{len(channels)} maps end at a step of {coarsest} pixels, "
                f"but a patch has {transformer.patch}"
            )
        deep = channels[-1]
        self.transformer = transformer
        self.stem = UNetEncoder(channels, in_channels)
        self.bring = nn.ModuleList(
            nn.Conv2d(transformer.width, deep, 1) for _ in transformer.read_after
        )
        self.join = ResidualUnit(2, deep, deep, 1, 3, 2, act=ACT, norm=norm_of(deep))
        self.middle = in_channels // 2
        self.stride = coarsest

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(n, in_channels, h, w)`` to one map a width, finest first."""
        *fine, coarse = self.stem(images)
        maps = self.transformer(images[:, self.middle : self.middle + 1])
        for bring, seen in zip(self.bring, maps, strict=True):
            coarse = coarse + bring(seen)
        return [*fine, self.join(coarse)]
