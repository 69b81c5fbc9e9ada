"""The coarse-to-fine generator of pix2pixHD: a ResNet generator at low resolution, and enhancers for twice the size.

Wang et al. 2018, arXiv:1711.11585, section 3.1. Layers and names are those of the published networks. Shape letters: N
batch, C H W image.
"""

from __future__ import annotations

from torch import Tensor, nn

from imagewright.layers.blur import halve
from imagewright.layers.norms import NormName, build_norm
from imagewright.layers.residual import ResidualBlock, ResidualGenerator

LAST_LAYERS = 3  # of the ResNet generator, which make the picture: padding, convolution, tanh


class LocalEnhancer(nn.Module):
    """From (N, inputs, H, W) to (N, outputs, H, W) in [-1, 1]; sides are multiples of 2^(downsamplings + enhancers).

    `model` is the global generator without its last layers, at sides divided by 2^enhancers. Enhancer n adds its own
    maps (`model{n}_1`) to the maps from below, and goes on from their sum (`model{n}_2`).

    width: channels at full size; doubled at each halving.
    downsamplings, blocks: of the global generator.
    enhancers: how many; each doubles the sides.
    enhancer_blocks: residual blocks of each enhancer.
    norm, of_image: as for `ResidualBlock`. All convolutions have a bias.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 32,
        downsamplings: int = 4,
        blocks: int = 9,
        enhancers: int = 1,
        enhancer_blocks: int = 3,
        norm: NormName = "instance",
        of_image: bool = False,
    ) -> None:
        super().__init__()
        self.enhancers = enhancers
        coarse = ResidualGenerator(
            inputs,
            outputs,
            width=width * 2**enhancers,
            blocks=blocks,
            norm=norm,
            downsamplings=downsamplings,
            of_image=of_image,
            bias=True,
        )
        self.model = coarse.model[:-LAST_LAYERS]

        def normed(channels: int) -> list[nn.Module]:
            return [build_norm(norm, channels, of_image=of_image), nn.ReLU(True)]

        for number in range(1, enhancers + 1):
            fine = width * 2 ** (enhancers - number)
            into = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, fine, 7), *normed(fine)]
            into += [nn.Conv2d(fine, 2 * fine, 3, 2, 1), *normed(2 * fine)]
            out: list[nn.Module] = [
                ResidualBlock(2 * fine, norm, of_image=of_image, bias=True) for _ in range(enhancer_blocks)
            ]
            out += [nn.ConvTranspose2d(2 * fine, fine, 3, 2, 1, 1), *normed(fine)]
            if number == enhancers:
                out += [nn.ReflectionPad2d(3), nn.Conv2d(fine, outputs, 7), nn.Tanh()]
            self.add_module(f"model{number}_1", nn.Sequential(*into))
            self.add_module(f"model{number}_2", nn.Sequential(*out))

    @property
    def enhancer_names(self) -> list[str]:
        """The names of the sub-modules beside `model`."""
        return [f"model{number}_{part}" for number in range(1, self.enhancers + 1) for part in (1, 2)]

    def forward(self, images: Tensor) -> Tensor:
        pyramid = [images]
        for _ in range(self.enhancers):
            pyramid.append(halve(pyramid[-1]))
        maps: Tensor = self.model(pyramid.pop())
        for number in range(1, self.enhancers + 1):
            own = self.get_submodule(f"model{number}_1")(pyramid.pop())
            maps = self.get_submodule(f"model{number}_2")(own + maps)
        return maps
