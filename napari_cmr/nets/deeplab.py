"""DeepLabV3 for segmentation: the encoder with its pyramid, and a head on what comes out."""

from __future__ import annotations

from typing import Any

from monai.networks.layers.utils import get_norm_layer
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.nets.resnet import DeepLabV3ResNet50, Norm


class DeepLabV3(nn.Module):
    """Logits of ``n_classes`` at the resolution of the input.

    After Chen et al., "Rethinking atrous convolution for semantic image segmentation", 2017: a
    3 x 3 convolution and a classifier on the pyramid's output, brought up bilinearly.

    Parameters
    ----------
    n_classes
        Number of output channels, background included.
    options
        Of :class:`~napari_cmr.nets.resnet.DeepLabV3ResNet50`.
    """

    def __init__(self, n_classes: int, **options: Any) -> None:
        super().__init__()
        norm: Norm = options.get("norm", "batch")
        self.encoder = DeepLabV3ResNet50(**options)
        width = self.encoder.width
        self.head = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            get_norm_layer(norm, spatial_dims=2, channels=width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, n_classes, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """``(n, 1, h, w)`` to logits ``(n, n_classes, h, w)``."""
        logits = self.head(self.encoder(images)[-1])
        return functional.interpolate(
            logits, images.shape[2:], mode="bilinear", align_corners=False
        )
