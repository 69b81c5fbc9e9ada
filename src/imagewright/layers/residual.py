"""The ResNet generator of Johnson et al. 2016 (arXiv:1603.08155), as CycleGAN, pix2pix and pix2pixHD build it.

Zhu et al. 2017, arXiv:1703.10593, appendix; Wang et al. 2018, arXiv:1711.11585, section 3.2. Layers and names are those
of the published networks: a padding, a norm and an activation take an index each. Shape letters: N batch, C H W image.
"""

from __future__ import annotations

from torch import Tensor, nn

from imagewright.layers.blur import BlurredDoubling, BlurredHalving
from imagewright.layers.noise import NoiseDropout
from imagewright.layers.norms import NormName, build_norm, has_bias


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a sum, (N, C, H, W) to the same shape; nothing follows the sum.

    dropout: after the first convolution, 0 for none.
    bias: of the convolutions; by default `has_bias` of the norm.
    """

    def __init__(
        self, channels: int, norm: NormName, *, dropout: float = 0.0, of_image: bool = False, bias: bool | None = None
    ) -> None:
        super().__init__()
        bias = has_bias(norm) if bias is None else bias

        def convolution() -> list[nn.Module]:
            return [
                nn.ReflectionPad2d(1),
                nn.Conv2d(channels, channels, 3, bias=bias),
                build_norm(norm, channels, of_image=of_image),
            ]

        drop = [NoiseDropout(dropout)] if dropout else []
        self.conv_block = nn.Sequential(*convolution(), nn.ReLU(True), *drop, *convolution())

    def forward(self, maps: Tensor) -> Tensor:
        summed: Tensor = maps + self.conv_block(maps)
        return summed


class ResidualGenerator(nn.Module):
    """From (N, inputs, H, W) to (N, outputs, H, W) in [-1, 1]; H and W are multiples of 2^downsamplings.

    width: channels at full size; doubled at each of `downsamplings`.
    blocks: residual blocks at the smallest size.
    dropout, of_image, bias: as for `ResidualBlock`; the last convolution always has a bias.
    blurred: whether sizes change by filters beside convolutions without stride, as in CUT.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 64,
        blocks: int = 9,
        norm: NormName = "instance",
        downsamplings: int = 2,
        dropout: float = 0.0,
        of_image: bool = False,
        bias: bool | None = None,
        blurred: bool = False,
    ) -> None:
        super().__init__()
        bias = has_bias(norm) if bias is None else bias

        def normed(channels: int) -> list[nn.Module]:
            return [build_norm(norm, channels, of_image=of_image), nn.ReLU(True)]

        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, width, 7, bias=bias), *normed(width)]
        halvings = []  # the places of the convolutions that halve, or precede a filter that does
        for level in range(downsamplings):
            channels = width * 2**level
            halvings.append(len(layers))
            stride = 1 if blurred else 2
            layers += [nn.Conv2d(channels, 2 * channels, 3, stride, 1, bias=bias), *normed(2 * channels)]
            layers += [BlurredHalving(2 * channels)] if blurred else []
        channels = width * 2**downsamplings
        # Park et al. 2020, arXiv:2007.15651, appendix C.2: the image, the halvings, the first and the fifth block.
        first, blocks_seen = len(layers), sorted({0, min(4, blocks - 1)}) if blocks else []
        self.feature_places = (0, *halvings, *(first + block for block in blocks_seen))
        self.feature_channels = (inputs, *(2 * width * 2**level for level in range(downsamplings)))
        self.feature_channels += (channels,) * len(blocks_seen)
        layers += [ResidualBlock(channels, norm, dropout=dropout, of_image=of_image, bias=bias) for _ in range(blocks)]
        for level in reversed(range(downsamplings)):
            channels = width * 2**level
            if blurred:
                layers += [BlurredDoubling(2 * channels), nn.Conv2d(2 * channels, channels, 3, 1, 1, bias=bias)]
            else:
                layers += [nn.ConvTranspose2d(2 * channels, channels, 3, 2, 1, 1, bias=bias)]
            layers += normed(channels)
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.model(images)
        return made

    def features(self, images: Tensor) -> list[Tensor]:
        """The encoder's maps at `feature_places`, with `feature_channels` channels; the first is the padded image."""
        found, maps = [], images
        for place in range(self.feature_places[-1] + 1):
            maps = self.model[place](maps)
            if place in self.feature_places:
                found.append(maps)
        return found

    def with_features(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What `forward` returns and what `features` does, in one pass."""
        found = self.features(images)
        made: Tensor = self.model[self.feature_places[-1] + 1 :](found[-1])
        return made, found
