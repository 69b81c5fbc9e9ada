"""The discriminator of FUNIT, which judges patches for each class by itself.

Liu et al. 2019, arXiv:1905.01723, section 3.1 and appendix; Mescheder et al. 2018, arXiv:1801.04406, for the residual
networks. Shape letters: N batch, C H W image, K classes, F features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from imagewright.layers.conv_blocks import SLOPE, ConvBlock, PreactivatedResidual
from imagewright.layers.initialisation import initialise_kaiming

WIDEST = 1024  # channels


class ClassPatchDiscriminator(nn.Module):
    """From images (N, inputs, H, W) to a map of logits for each of the classes.

    Networks: `features`, and `classes`, one convolution.

    width: channels of the first layer; doubled by every second residual block up to 1,024.
    blocks: residual blocks, an even number; the map is halved after each pair but the last.
    """

    def __init__(self, inputs: int, classes: int, *, width: int = 64, blocks: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvBlock(inputs, width, 7, padding=3, activation="none")]
        for pair in range(blocks // 2):
            if pair:
                layers += [nn.ReflectionPad2d(1), nn.AvgPool2d(3, 2)]
            wider = min(2 * width, WIDEST)
            layers += [PreactivatedResidual(width, width), PreactivatedResidual(width, wider)]
            width = wider
        self.features = nn.Sequential(*layers)
        self.classes = nn.ModuleList([ConvBlock(width, classes, 1, activation="none")])
        self.apply(initialise_kaiming)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, h, w) of the class of each image, int64 (N,), and features (N, F, h, w)."""
        features = leaky_relu(self.features(images), SLOPE)
        # In fp32, because differences of logits are small beside them.
        logits = self.classes[0](features).float()
        return logits[torch.arange(len(labels), device=labels.device), labels], features
