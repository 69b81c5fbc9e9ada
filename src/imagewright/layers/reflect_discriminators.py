"""Discriminators without norms whose convolutions pad by reflection: of images at several scales, of images at one
scale, and of content.

Lee et al. 2018 (DRIT), arXiv:1808.00948, and Lee et al. 2020 (DRIT++), arXiv:1905.01270. The published code names
norms and applies none. Shape letters: N batch, C H W image or content, S scales.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from imagewright.layers.content_attribute import ReflectConv

CONTENT_KERNEL, CONTENT_STRIDED_KERNEL = 4, 7


class ReflectMultiscaleDiscriminator(nn.Module):
    """From images (N, C, H, W) to logits of patches at each scale, S tensors (N, 1, h, w), the finest first.

    width: channels of the first layer; each layer doubles them.
    layers: strided layers of each scale.
    scales: each takes the mean over 3x3 pixels of the scale before, at half the size.
    """

    def __init__(self, inputs: int, width: int = 64, layers: int = 4, scales: int = 3) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_strided_stack(inputs, width, layers, kernel=4) for _ in range(scales))

    def forward(self, images: Tensor) -> list[Tensor]:
        logits = []
        for number, judge in enumerate(self.scales):
            if number:
                images = avg_pool2d(images, 3, 2, 1, count_include_pad=False)
            logits.append(judge(images).float())  # in fp32, because losses take exponentials of logits
        return logits


class ReflectDiscriminator(nn.Module):
    """From images (N, C, H, W) to logits of patches at one scale, a list of one (N, 1, h, w).

    width, layers: as for `ReflectMultiscaleDiscriminator`.
    """

    def __init__(self, inputs: int, width: int = 64, layers: int = 6) -> None:
        super().__init__()
        self.model = _strided_stack(inputs, width, layers, kernel=3)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.model(images).float()]


class ContentDiscriminator(nn.Module):
    """From content (N, C, H, W) to logits (N, 1, h, w): from which domain it comes (DRIT, section 3.1).

    layers: strided layers, before one without stride; see `most_content_layers`.
    """

    def __init__(self, channels: int, layers: int = 3) -> None:
        super().__init__()
        strided = [ReflectConv(channels, channels, CONTENT_STRIDED_KERNEL, 2, 1, normed=False) for _ in range(layers)]
        last = ReflectConv(channels, channels, CONTENT_KERNEL, normed=False)
        self.model = nn.Sequential(*strided, last, nn.Conv2d(channels, 1, 1))

    def forward(self, content: Tensor) -> Tensor:
        logits: Tensor = self.model(content).float()
        return logits


def most_layers(side: int, kernel: int) -> int:
    """The strided layers that a side in pixels allows: each pads by reflection, which takes two pixels or more.

    kernel: 4 rounds halves down, 3 up.
    """
    return side.bit_length() - 1 if kernel == 4 else (side - 1).bit_length()


def most_scales(side: int, layers: int) -> int:
    """The scales of a `ReflectMultiscaleDiscriminator` of so many layers that a side in pixels allows."""
    return sum(most_layers(-(-side // 2**scale), 4) >= layers for scale in range(side.bit_length()))


def most_content_layers(side: int) -> int:
    """The strided layers of a `ContentDiscriminator` that a side of content allows: 1 from 11, 2 from 25, 3 from 53."""
    least, layers = CONTENT_KERNEL, 0
    while (least := 2 * least + CONTENT_STRIDED_KERNEL - 4) <= side:
        layers += 1
    return layers


def _strided_stack(inputs: int, width: int, layers: int, *, kernel: int) -> nn.Sequential:
    widths = [inputs, *(width * 2**level for level in range(layers))]
    strided = [ReflectConv(inner, outer, kernel, 2, 1, normed=False) for inner, outer in pairwise(widths)]
    return nn.Sequential(*strided, nn.Conv2d(widths[-1], 1, 1))
