"""ResNet-50 and DeepLabV3's form of it, built on MONAI's bottleneck block.

MONAI's own ResNet is not used whole, because it cannot dilate its last stages and gives batch
norm to its blocks whatever norm is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.networks.blocks.aspp import SimpleASPP
from monai.networks.layers.utils import get_norm_layer
from monai.networks.nets.resnet import ResNetBottleneck
from torch import Tensor, nn

Norm = str | tuple[str, dict[str, Any]]


class ResNet50(nn.Module):
    """The 50-layer residual network for one-channel pictures.

    After He et al., "Deep residual learning for image recognition", CVPR 2016. Weights have the
    names that ImageNet weights have elsewhere (``conv1``, ``bn1``, ``layer1.0.conv1``, ...).

    Parameters
    ----------
    planes
        Width of the first stage's inner convolutions; 64 in the paper.
    blocks
        Bottleneck blocks in each of the four stages.
    norm
        ``batch`` as in the paper, or what MONAI's ``get_norm_layer`` takes.
    dilated
        Whether the last two stages dilate instead of halving the resolution (DeepLabV3).

    Raises
    ------
    ValueError
        If there are not four stages.
    """

    def __init__(
        self,
        *,
        planes: int = 64,
        blocks: Sequence[int] = (3, 4, 6, 3),
        norm: Norm = "batch",
        dilated: bool = False,
    ) -> None:
        super().__init__()
        if len(blocks) != 4:
            raise ValueError(f"blocks {list(blocks)} are not the numbers of four stages")
        self.conv1 = nn.Conv2d(1, planes, 7, stride=2, padding=3, bias=False)
        self.bn1 = get_norm_layer(norm, spatial_dims=2, channels=planes)
        self.act = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        width = planes
        dilations = (1, 1, 2, 4) if dilated else (1, 1, 1, 1)
        for stage, (n, dilation) in enumerate(zip(blocks, dilations, strict=True)):
            stride = 1 if stage == 0 or dilation > 1 else 2
            layer = _stage(width, planes * 2**stage, n, stride, dilation, norm)
            width = planes * 2**stage * ResNetBottleneck.expansion
            self.add_module(f"layer{stage + 1}", layer)
        self.width = width
        self.stride = 8 if dilated else 32
        self.smallest = self.stride
        _start(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(n, 1, h, w)`` to the maps of the four stages, finest first."""
        x = self.maxpool(self.act(self.bn1(self.conv1(images))))
        maps = []
        for stage in (1, 2, 3, 4):
            x = self.get_submodule(f"layer{stage}")(x)
            maps.append(x)
        return maps

    def pooled(self, images: Tensor) -> Tensor:
        """``(n, 1, h, w)`` to one vector a picture, ``(n, width)``."""
        return self(images)[-1].mean(dim=(2, 3))  # type: ignore[no-any-return]


class DeepLabV3ResNet50(nn.Module):
    """A ResNet-50 with dilated last stages and atrous spatial pyramid pooling behind it.

    After Chen et al., "Rethinking atrous convolution for semantic image segmentation", 2017:
    output stride 8, rates 12, 24 and 36, and a branch that sees the whole picture.

    Parameters
    ----------
    channels
        Width of each branch of the pyramid and of what comes out.
    """

    def __init__(
        self,
        *,
        planes: int = 64,
        blocks: Sequence[int] = (3, 4, 6, 3),
        channels: int = 256,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        self.backbone = ResNet50(planes=planes, blocks=blocks, norm=norm, dilated=True)
        self.pyramid = SimpleASPP(
            2, self.backbone.width, channels, (1, 3, 3, 3), (1, 12, 24, 36), norm_type=norm
        )
        self.whole = nn.Conv2d(self.backbone.width, channels, 1)
        self.join = nn.Sequential(
            nn.Conv2d(5 * channels, channels, 1, bias=False),
            get_norm_layer(norm, spatial_dims=2, channels=channels),
            nn.ReLU(inplace=True),
        )
        self.width = channels
        self.stride, self.smallest = self.backbone.stride, self.backbone.smallest

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(n, 1, h, w)`` to the maps of the four stages, finest first, and the pyramid's."""
        maps = self.backbone(images)
        deep = maps[-1]
        # The norms of a 1 x 1 map would be undefined, so the whole-picture branch has none.
        whole = torch.relu(self.whole(deep.mean(dim=(2, 3), keepdim=True)))
        branches = torch.cat([self.pyramid(deep), whole.expand(-1, -1, *deep.shape[2:])], dim=1)
        return [*maps, self.join(branches)]

    def pooled(self, images: Tensor) -> Tensor:
        """``(n, 1, h, w)`` to one vector a picture, ``(n, width)``."""
        return self(images)[-1].mean(dim=(2, 3))  # type: ignore[no-any-return]


def _stage(
    width: int, planes: int, blocks: int, stride: int, dilation: int, norm: Norm
) -> nn.Sequential:
    """Bottlenecks of one resolution; with dilation the stage keeps that of the one before."""
    out = planes * ResNetBottleneck.expansion
    shortcut = nn.Sequential(
        nn.Conv2d(width, out, 1, stride=stride, bias=False),
        get_norm_layer(norm, spatial_dims=2, channels=out),
    )
    layers = [ResNetBottleneck(width, planes, 2, stride, shortcut, norm=norm)]
    layers += [ResNetBottleneck(out, planes, 2, norm=norm) for _ in range(blocks - 1)]
    if dilation > 1:
        # As in the paper's multi-grid (1, 1, 1): the first block still has the last stage's rate.
        for index, block in enumerate(layers):
            rate = dilation // 2 if index == 0 else dilation
            block.conv2 = nn.Conv2d(planes, planes, 3, padding=rate, dilation=rate, bias=False)
    return nn.Sequential(*layers)


def _start(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
