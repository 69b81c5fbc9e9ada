"""The discriminator of MUNIT and UNIT, which judges patches of an image at several scales.

Wang et al. 2018, arXiv:1711.11585, section 3.2; Huang et al. 2018, arXiv:1804.04732, appendix B.2. Names of tensors are
those of the published networks. Shape letters: N batch, C H W image.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from imagewright.layers.conv_blocks import Activation, BlockNorm, ConvBlock, Padding
from imagewright.layers.initialisation import initialise_normal


class PyramidDiscriminator(nn.Module):
    """From images (N, inputs, H, W) to logits of patches (N, 1, h, w), one tensor a scale, the finest first.

    Each scale has a network of its own; the next one gets the image at half the size.

    width: channels of the first layer, doubled by each of the others.
    layers: strided layers; the last convolution has one pixel.
    norm: of all layers but the first.
    """

    def __init__(
        self,
        inputs: int,
        *,
        width: int = 64,
        layers: int = 4,
        scales: int = 3,
        norm: BlockNorm = "none",
        activation: Activation = "leaky_relu",
        pad: Padding = "reflect",
    ) -> None:
        super().__init__()

        def network() -> nn.Sequential:
            blocks: list[nn.Module] = []
            for level in range(layers):
                inner, outer = inputs if level == 0 else width * 2 ** (level - 1), width * 2**level
                own_norm: BlockNorm = "none" if level == 0 else norm
                blocks.append(
                    ConvBlock(inner, outer, 4, stride=2, padding=1, norm=own_norm, activation=activation, pad=pad)
                )
            return nn.Sequential(*blocks, nn.Conv2d(width * 2 ** (layers - 1), 1, 1))

        self.cnns = nn.ModuleList(network() for _ in range(scales))
        self.apply(initialise_normal)

    def forward(self, images: Tensor) -> list[Tensor]:
        logits = []
        for place, network in enumerate(self.cnns):
            if place:
                images = avg_pool2d(images, 3, 2, 1, count_include_pad=False)
            # In fp32, because losses take squares of logits.
            logits.append(network(images).float())
        return logits
