"""The synthesis network of StyleGAN2: from a style for each layer to an image.

Karras et al. 2020, arXiv:1912.04958, section 2 and 3.2, figures 2 and 7. Shape letters: N batch, C H W image, W style,
L layers that take a style of their own, I O channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from imagewright.layers.equalised import EqualisedLinear
from imagewright.layers.filtered_convolution import FilteredConv2d
from imagewright.layers.modulated_convolution import modulated_convolution
from imagewright.layers.resampling import filter_from_taps, upsample
from imagewright.layers.style_discriminator import Architecture


class StyleSynthesis(nn.Module):
    """(N, L, W) styles to (N, C, H, W). L is 2 for each resolution.

    channels: C.
    widths: channels at the base and after each doubling.
    base: height and width of the learned constant that it starts from.
    style_dim: W.
    architecture: skip: an image from each resolution, summed; resnet: shortcuts, and one image at the end; orig: only
        the latter.
    noisy: whether noise is added in each layer.
    clamp: the largest size of maps; None for none.
    """

    filter: Tensor

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        base: tuple[int, int],
        style_dim: int,
        *,
        architecture: Architecture = "skip",
        noisy: bool = True,
        clamp: float | None = 256.0,
    ) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.randn(widths[0], *base))
        self.blocks = nn.ModuleList(
            StyleSynthesisBlock(
                widths[place - 1] if place else None,
                width,
                (base[0] << place, base[1] << place),
                style_dim,
                image_channels=channels if architecture == "skip" or place == len(widths) - 1 else None,
                shortcut=architecture == "resnet",
                noisy=noisy,
                clamp=clamp,
            )
            for place, width in enumerate(widths)
        )
        self.register_buffer("filter", filter_from_taps(), persistent=False)

    @property
    def layers(self) -> int:
        """L. The image of a resolution and the first convolution of the next one share a style."""
        return 2 * len(self.blocks)

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        """Height and width of the noise of each convolution; [] if there is none."""
        layers = [part for part in self.modules() if isinstance(part, StyledConvolution)]
        return [(layer.noise.shape[0], layer.noise.shape[1]) for layer in layers if layer.noise is not None]

    def forward(self, styles: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """`noise`: (N, 1, height, width) for each of `noise_shapes`; None: the fixed noise that is in the weights."""
        given = [None] * (2 * len(self.blocks)) if noise is None else [None, *noise]  # the base has no first layer
        maps = self.start.expand(styles.shape[0], -1, -1, -1).contiguous(memory_format=torch.channels_last)
        image: Tensor | None = None
        for place, block in enumerate(self.blocks):
            assert isinstance(block, StyleSynthesisBlock)
            own = styles[:, max(2 * place - 1, 0) : 2 * place + 2]
            maps = block(maps, own, *(given[2 * place : 2 * place + 2] if self.noise_shapes else (None, None)))
            if image is not None:
                # Sums of images are in fp32: bf16 has fewer steps than the 8 bits of a picture.
                with torch.autocast(maps.device.type, enabled=False):
                    image = upsample(image, self.filter)
            if block.to_image is not None:
                made = block.to_image(maps, own[:, -1]).float()
                image = made if image is None else image + made
        assert image is not None
        return image


class StyleSynthesisBlock(nn.Module):
    """(N, inputs, H / 2, W / 2) to (N, outputs, H, W); at the base one convolution, without a change of size.

    inputs: None at the base.
    size: (H, W).
    image_channels: of the image that is made of the maps; None for none.
    """

    def __init__(
        self,
        inputs: int | None,
        outputs: int,
        size: tuple[int, int],
        style_dim: int,
        *,
        image_channels: int | None,
        shortcut: bool,
        noisy: bool,
        clamp: float | None,
    ) -> None:
        super().__init__()
        noise = size if noisy else None
        adds = shortcut and inputs is not None
        gain = math.sqrt(0.5) if adds else 1.0
        self.first = (
            None
            if inputs is None
            else StyledConvolution(inputs, outputs, style_dim, noise=noise, upsampled=True, clamp=clamp)
        )
        self.second = StyledConvolution(outputs, outputs, style_dim, noise=noise, gain=gain, clamp=clamp)
        self.to_image = (
            None if image_channels is None else StyleToImage(outputs, image_channels, style_dim, clamp=clamp)
        )
        self.shortcut = (
            FilteredConv2d(inputs, outputs, 1, resampling="up", bias=False, active=False, gain=gain)
            if adds and inputs is not None
            else None
        )

    def forward(self, maps: Tensor, styles: Tensor, *noise: Tensor | None) -> Tensor:
        """`styles`: (N, 3, W), of both convolutions and the image; (N, 2, W) at the base."""
        made: Tensor = maps
        if self.first is not None:
            made = self.first(made, styles[:, 0], noise[0])
        made = self.second(made, styles[:, -2], noise[1])
        return made if self.shortcut is None else made + self.shortcut(maps)


class StyledConvolution(nn.Module):
    """Modulated convolution of (N, I, H, W) by styles (N, W), noise, bias, and leaky ReLU with the gain sqrt(2).

    noise: height and width of the noise; None for no noise.
    gain: a further factor of the outputs, and of `clamp`.
    """

    noise: Tensor | None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        style_dim: int,
        *,
        noise: tuple[int, int] | None,
        upsampled: bool = False,
        gain: float = 1.0,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.noise_strength = None if noise is None else nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("noise", None if noise is None else torch.randn(noise))
        self.affine = EqualisedLinear(style_dim, inputs, bias_start=1.0)
        self.upsampled, self.gain = upsampled, gain * math.sqrt(2)
        self.clamp = None if clamp is None else clamp * gain

    def forward(self, maps: Tensor, styles: Tensor, noise: Tensor | None = None) -> Tensor:
        """`noise`: (N, 1, H, W); by default the fixed one."""
        bias = (self.bias * self.gain)[:, None, None]
        made = modulated_convolution(
            maps, self.weight, self.affine(styles), upsampled=self.upsampled, gain=self.gain, added=bias
        )
        if self.noise_strength is not None:
            chosen = self.noise if noise is None else noise
            assert chosen is not None
            made = made.add_((chosen * (self.noise_strength * self.gain)).to(made.dtype))
        made = leaky_relu(made, 0.2, inplace=True)
        return made if self.clamp is None else made.clamp(-self.clamp, self.clamp)


class StyleToImage(nn.Module):
    """(N, I, H, W) and styles (N, W) to (N, C, H, W): a 1x1 convolution without demodulation."""

    def __init__(self, inputs: int, channels: int, style_dim: int, *, clamp: float | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.affine = EqualisedLinear(style_dim, inputs, bias_start=1.0)
        self.scale, self.clamp = 1 / math.sqrt(inputs), clamp

    def forward(self, maps: Tensor, styles: Tensor) -> Tensor:
        factors = self.affine(styles) * self.scale
        made = modulated_convolution(maps, self.weight, factors, demodulate=False, added=self.bias[:, None, None])
        return made if self.clamp is None else made.clamp(-self.clamp, self.clamp)
