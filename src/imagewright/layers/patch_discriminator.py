"""PatchGAN discriminators, which judge overlapping patches of an image.

Isola et al. 2017, arXiv:1611.07004, section 3.2.2 and appendix 6.1.2: patches of 70 pixels with three strided layers,
of one pixel without. Layers and names are those of the published networks. Shape letters: N batch, C H W image.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from imagewright.layers.blur import BlurredHalving
from imagewright.layers.norms import NormName, build_norm, has_bias

WIDEST = 8  # times `width`


class PatchDiscriminator(nn.Module):
    """From images (N, inputs, H, W) to logits of patches (N, 1, h, w), without a sigmoid.

    width: channels of the first layer; doubled by each up to 8 times.
    layers: strided layers; a patch has 16, 34, 70, 142 ... pixels for 1, 2, 3, 4.
    blurred: whether filters halve the maps after convolutions without stride, as in CUT.
    """

    def __init__(
        self, inputs: int, *, width: int = 64, layers: int = 3, norm: NormName = "batch", blurred: bool = False
    ) -> None:
        super().__init__()
        halving = 1 if blurred else 2
        widths = [width * min(2**level, WIDEST) for level in range(layers + 1)]
        modules: list[nn.Module] = [nn.Conv2d(inputs, width, 4, halving, 1), nn.LeakyReLU(0.2, True)]
        modules += [BlurredHalving(width)] if blurred else []
        for level, (inner, outer) in enumerate(pairwise(widths), 1):
            stride = 1 if level == layers else halving
            modules += [
                nn.Conv2d(inner, outer, 4, stride, 1, bias=has_bias(norm)),
                build_norm(norm, outer),
                nn.LeakyReLU(0.2, True),
            ]
            modules += [BlurredHalving(outer)] if blurred and level < layers else []
        modules.append(nn.Conv2d(widths[-1], 1, 4, 1, 1))
        self.model = nn.Sequential(*modules)

    def forward(self, images: Tensor) -> Tensor:
        # In fp32, because losses take exponentials and logarithms of logits.
        logits: Tensor = self.model(images).float()
        return logits


class PixelDiscriminator(nn.Module):
    """From images (N, inputs, H, W) to a logit for each pixel (N, 1, H, W), without a sigmoid."""

    def __init__(self, inputs: int, *, width: int = 64, norm: NormName = "batch") -> None:
        super().__init__()
        bias = has_bias(norm)
        self.net = nn.Sequential(
            nn.Conv2d(inputs, width, 1),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(width, 2 * width, 1, bias=bias),
            build_norm(norm, 2 * width),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(2 * width, 1, 1, bias=bias),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.net(images).float()
        return logits
