"""Encoders of content and attribute for two domains, generators that combine both, and the discriminator of content.

Lee et al. 2018 (DRIT), arXiv:1808.00948, and Lee et al. 2020 (DRIT++), arXiv:1905.01270. Content is a map, an attribute
a vector. DRIT++ concatenates the attribute to the maps of the generator; DRIT transforms the maps by it. Every module
takes the domain as a number, 0 for a and 1 for b. Layers are those of the published networks.
Shape letters: N batch, C H W image, Z attribute, K = 4 * width channels of content, h = H / 4, w = W / 4.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm, leaky_relu

from imagewright.layers.norms import InstanceNorm
from imagewright.layers.picture_moments import normalise_by, over_channels, picture_moments
from imagewright.layers.residual import ResidualBlock

HALVINGS = 2  # of the image until content
INJECTIONS = 4  # places where the transforming generator takes the attribute
CONTENT_KERNEL, CONTENT_STRIDED_KERNEL = 4, 7
WHOLE_IMAGE_EPS = 1e-5


class ReflectConv(nn.Module):
    """Reflection padding, a convolution, perhaps an instance norm, and an activation: (N, C, H, W) to (N, C', H', W').

    normed: with an instance norm and a ReLU; else without a norm and with a leaky ReLU of slope 0.01.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, *, normed: bool
    ) -> None:
        super().__init__()
        convolution = nn.Conv2d(inputs, outputs, kernel, stride)
        after = [InstanceNorm(), nn.ReLU(True)] if normed else [nn.LeakyReLU(inplace=True)]
        self.model = nn.Sequential(nn.ReflectionPad2d(padding), convolution, *after)

    def forward(self, maps: Tensor) -> Tensor:
        made: Tensor = self.model(maps)
        return made


class WholeImageNorm(nn.Module):
    """Layer norm over channels and pixels of each image (biased variance), with a weight and a bias a channel.

    Ba et al. 2016, arXiv:1607.06450. (N, C, H, W) to the same shape.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        weight, bias = self.weight.flatten(), self.bias.flatten()
        moments = picture_moments(maps)
        if moments is not None:
            return normalise_by(maps, over_channels(moments), WHOLE_IMAGE_EPS, weight, bias)
        return group_norm(maps, 1, weight, bias, WHOLE_IMAGE_EPS)


class DoublingBlock(nn.Module):
    """A transposed convolution, `WholeImageNorm` and a ReLU: (N, C, H, W) to (N, C', 2H, 2W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1), WholeImageNorm(outputs), nn.ReLU(True)
        )

    def forward(self, maps: Tensor) -> Tensor:
        made: Tensor = self.model(maps)
        return made


class SharedContentEncoder(nn.Module):
    """From images (N, C, H, W) of a domain to content (N, K, h, w). Its last residual block is shared by both domains.

    Section 3.1. The noise that training adds to content is the model's matter.

    channels: of the images of each domain.
    blocks: residual blocks of each domain's own part.
    """

    def __init__(self, channels: tuple[int, int], *, width: int = 64, blocks: int = 3) -> None:
        super().__init__()

        def own(inputs: int) -> nn.Sequential:
            layers: list[nn.Module] = [ReflectConv(inputs, width, 7, 1, 3, normed=False)]
            for level in range(HALVINGS):
                layers.append(ReflectConv(width * 2**level, width * 2 ** (level + 1), 3, 2, 1, normed=True))
            layers += [ResidualBlock(4 * width, "instance") for _ in range(blocks)]
            return nn.Sequential(*layers)

        self.own = nn.ModuleList(own(inputs) for inputs in channels)
        self.shared = nn.Sequential(ResidualBlock(4 * width, "instance"))

    def forward(self, images: Tensor, domain: int) -> Tensor:
        content: Tensor = self.shared(self.own[domain](images))
        return content


class PoolingResidual(nn.Module):
    """Two 3x3 convolutions and a mean over 2x2 pixels beside a shortcut, without norm: (N, C, H, W) to half the size.

    The leaky ReLU does not work in place, so the shortcut sees the input as it came.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        second = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3), nn.AvgPool2d(2))
        self.conv = nn.Sequential(
            nn.LeakyReLU(0.2), nn.ReflectionPad2d(1), nn.Conv2d(inputs, inputs, 3), nn.LeakyReLU(0.2), second
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1))

    def forward(self, maps: Tensor) -> Tensor:
        summed: Tensor = self.conv(maps) + self.shortcut(maps)
        return summed


class GaussianAttributeEncoder(nn.Module):
    """From images (N, C, H, W) of a domain to mean and log-variance of the attribute, (N, Z) each; H, W 16 or more.

    DRIT++, for the concatenating generator.
    """

    def __init__(self, channels: tuple[int, int], style_dim: int, *, width: int = 64) -> None:
        super().__init__()
        widths = [width, 2 * width, 3 * width, 4 * width]

        def features(inputs: int) -> nn.Sequential:
            blocks = [PoolingResidual(inner, outer) for inner, outer in pairwise(widths)]
            return nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(inputs, width, 4, 2), *blocks)

        self.features = nn.ModuleList(features(inputs) for inputs in channels)
        self.mean = nn.ModuleList(nn.Linear(widths[-1], style_dim) for _ in channels)
        self.log_variance = nn.ModuleList(nn.Linear(widths[-1], style_dim) for _ in channels)

    def forward(self, images: Tensor, domain: int) -> tuple[Tensor, Tensor]:
        pooled = leaky_relu(self.features[domain](images), 0.2).mean((2, 3))
        return self.mean[domain](pooled), self.log_variance[domain](pooled)


class PlainAttributeEncoder(nn.Module):
    """From images (N, C, H, W) of a domain to the attribute (N, Z); H, W 16 or more. DRIT, without variance."""

    def __init__(self, channels: tuple[int, int], style_dim: int, *, width: int = 64) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 4 * width, 4 * width]

        def own(inputs: int) -> nn.Sequential:
            layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, width, 7), nn.ReLU(True)]
            for inner, outer in pairwise(widths):
                layers += [nn.ReflectionPad2d(1), nn.Conv2d(inner, outer, 4, 2), nn.ReLU(True)]
            return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Conv2d(widths[-1], style_dim, 1))

        self.own = nn.ModuleList(own(inputs) for inputs in channels)

    def forward(self, images: Tensor, domain: int) -> Tensor:
        attributes: Tensor = self.own[domain](images).flatten(1)
        return attributes


class ConcatenatingDecoder(nn.Module):
    """From content and attribute to images of a domain; the attribute is concatenated to the maps before each stage.

    DRIT++. Its first residual block is shared by both domains.

    channels: of the images of each domain.
    style_dim: Z.
    blocks: residual blocks of each domain's own part.
    """

    def __init__(self, channels: tuple[int, int], style_dim: int, width: int = 64, *, blocks: int = 3) -> None:
        super().__init__()
        first = 4 * width + style_dim
        second = (first + style_dim) // 2
        third = (second + style_dim) // 2

        def own(outputs: int) -> nn.ModuleList:
            residual = nn.Sequential(*(ResidualBlock(first, "instance") for _ in range(blocks)))
            doubling = DoublingBlock(first + style_dim, second), DoublingBlock(second + style_dim, third)
            image = nn.ConvTranspose2d(third + style_dim, outputs, 1)
            return nn.ModuleList([residual, *doubling, image])

        self.shared = nn.Sequential(ResidualBlock(4 * width, "instance"))
        self.own = nn.ModuleList(own(outputs) for outputs in channels)

    def before_tanh(self, content: Tensor, attributes: Tensor, domain: int) -> Tensor:
        """(N, K, h, w) and (N, Z) to (N, C, H, W), unbounded."""
        maps: Tensor = self.shared(content)
        stages = self.own[domain]
        assert isinstance(stages, nn.ModuleList)
        for stage in stages:
            maps = stage(with_attribute(maps, attributes))
        return maps

    def forward(self, content: Tensor, attributes: Tensor, domain: int) -> Tensor:
        return torch.tanh(self.before_tanh(content, attributes, domain))


class FeaturewiseTransform(nn.Module):
    """Maps (N, K, h, w) transformed by a code (N, K): concatenated to them before two 1x1 convolutions, twice."""

    def __init__(self, channels: int) -> None:
        super().__init__()

        def convolution() -> nn.Sequential:
            padded = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3))
            return nn.Sequential(padded, InstanceNorm())

        def combination() -> nn.Sequential:
            inner = nn.Conv2d(2 * channels, 2 * channels, 1)
            return nn.Sequential(inner, nn.ReLU(True), nn.Conv2d(2 * channels, channels, 1), nn.ReLU(True))

        self.conv1, self.conv2 = convolution(), convolution()
        self.blk1, self.blk2 = combination(), combination()

    def forward(self, maps: Tensor, code: Tensor) -> Tensor:
        made = self.blk1(with_attribute(self.conv1(maps), code))
        summed: Tensor = self.blk2(with_attribute(self.conv2(made), code)) + maps
        return summed


class TransformingDecoder(nn.Module):
    """From content and attribute to images of a domain; the attribute transforms the maps four times.

    DRIT. A small network turns the attribute into a code for each transform. Nothing is shared by the domains.
    """

    def __init__(self, channels: tuple[int, int], style_dim: int, width: int = 64) -> None:
        super().__init__()
        inner = 4 * width

        def codes() -> nn.Sequential:
            hidden = [nn.Linear(style_dim, inner), nn.ReLU(True), nn.Linear(inner, inner), nn.ReLU(True)]
            return nn.Sequential(*hidden, nn.Linear(inner, INJECTIONS * inner))

        def doubling(outputs: int) -> nn.Sequential:
            image = nn.ConvTranspose2d(width, outputs, 1)
            return nn.Sequential(DoublingBlock(inner, 2 * width), DoublingBlock(2 * width, width), image)

        self.codes = nn.ModuleList(codes() for _ in channels)
        self.transforms = nn.ModuleList(
            nn.ModuleList(FeaturewiseTransform(inner) for _ in range(INJECTIONS)) for _ in channels
        )
        self.doubling = nn.ModuleList(doubling(outputs) for outputs in channels)

    def before_tanh(self, content: Tensor, attributes: Tensor, domain: int) -> Tensor:
        """(N, K, h, w) and (N, Z) to (N, C, H, W), unbounded."""
        transforms, maps = self.transforms[domain], content
        assert isinstance(transforms, nn.ModuleList)
        for transform, code in zip(transforms, self.codes[domain](attributes).chunk(INJECTIONS, 1), strict=True):
            maps = transform(maps, code)
        made: Tensor = self.doubling[domain](maps)
        return made

    def forward(self, content: Tensor, attributes: Tensor, domain: int) -> Tensor:
        return torch.tanh(self.before_tanh(content, attributes, domain))


class ContentDiscriminator(nn.Module):
    """From content (N, C, h, w) to logits (N, 1, h', w'): from which domain it comes (DRIT, section 3.1).

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


def most_content_layers(side: int) -> int:
    """The strided layers of a `ContentDiscriminator` that a side of content allows: 1 from 11, 2 from 25, 3 from 53."""
    least, layers = CONTENT_KERNEL, 0
    while (least := 2 * least + CONTENT_STRIDED_KERNEL - 4) <= side:
        layers += 1
    return layers


def with_attribute(maps: Tensor, attributes: Tensor) -> Tensor:
    """Maps (N, C, h, w) and numbers (N, Z) side by side: (N, C + Z, h, w), the numbers equal at every place."""
    spread = attributes.to(maps.dtype)[:, :, None, None].expand(-1, -1, *maps.shape[2:])
    return torch.cat([maps, spread], 1)
