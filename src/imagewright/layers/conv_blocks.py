"""Convolution blocks of MUNIT, UNIT and FUNIT: padding, convolution, norm, activation; residual stacks; modulation.

Huang et al. 2018, arXiv:1804.04732, appendix B; Liu et al. 2019, arXiv:1905.01723, appendix. Names of tensors are those
of the published networks: `conv` and `norm` in a block, `fc` in a linear one. Shape letters: N batch, C channels, H W
map.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from imagewright.layers.norms import EPS, InstanceNorm, normalise_instances
from imagewright.layers.picture_moments import over_channels, picture_moments

BlockNorm = Literal["none", "instance", "layer", "batch", "adaptive"]
Activation = Literal["none", "relu", "leaky_relu", "leaky_relu_0.01", "prelu", "selu", "tanh"]
Padding = Literal["reflect", "replicate", "zero"]

SLOPE = 0.2
PADDINGS: dict[str, Callable[[int], nn.Module]] = {
    "reflect": nn.ReflectionPad2d,
    "replicate": nn.ReplicationPad2d,
    "zero": nn.ZeroPad2d,
}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(SLOPE),
    "prelu": nn.PReLU,
    "leaky_relu_0.01": nn.LeakyReLU,  # of this slope, as in DRIT
    "selu": nn.SELU,
    "tanh": nn.Tanh,
}


class ImageLayerNorm(nn.Module):
    """Each image with mean 0 and deviation 1 over channels and pixels, then a scale and a shift for each channel.

    As published: the deviation is the unbiased one, and `EPS` is added to it, not to the variance.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        shape = (-1, 1, 1, 1)
        moments = picture_moments(maps)
        if moments is None:
            flat = maps.flatten(1).float()  # in fp32, because these are sums over a whole image
            deviation, mean = torch.std_mean(flat, 1)
        else:  # of a picture so large that its biased deviation is the unbiased one
            mean, variance = (each.to(maps.device, torch.float32) for each in over_channels(moments))
            deviation = variance.sqrt()
        normalised = ((maps - mean.view(shape)) / (deviation.view(shape) + EPS)).to(maps.dtype)
        return normalised * self.gamma[:, None, None] + self.beta[:, None, None]


class AdaptiveInstanceNorm(nn.Module):
    """Instance norm, then a scale and a shift for each channel of each image, which another network computes.

    Huang & Belongie 2017, arXiv:1703.06868, eq. 8.
    """

    def forward(self, maps: Tensor, modulation: Tensor) -> Tensor:
        """Maps (N, C, H, W) with `modulation` (N, 2C), the shifts before the scales."""
        shift, scale = modulation[:, :, None, None].chunk(2, 1)
        return normalise_instances(maps) * scale + shift


def build_block_norm(name: BlockNorm, channels: int) -> nn.Module:
    """The norm layer of a name; `nn.Identity` for "none"."""
    if name == "batch":
        return nn.BatchNorm2d(channels)
    if name == "layer":
        return ImageLayerNorm(channels)
    return {"none": nn.Identity, "instance": InstanceNorm, "adaptive": AdaptiveInstanceNorm}[name]()


class ConvBlock(nn.Module):
    """Padding, a convolution with a bias, a norm, an activation: (N, inputs, H, W) to (N, outputs, h, w)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        norm: BlockNorm = "none",
        activation: Activation = "relu",
        pad: Padding = "reflect",
    ) -> None:
        super().__init__()
        self.pad = PADDINGS[pad](padding) if padding else nn.Identity()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm = build_block_norm(norm, outputs)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, maps: Tensor, *modulation: Tensor) -> Tensor:
        """`modulation` (N, 2 * outputs) is given to an adaptive norm alone."""
        made: Tensor = self.activation(self.norm(self.conv(self.pad(maps)), *modulation))
        return made


class ModulatedResidual(nn.Module):
    """Two 3x3 blocks with a sum, (N, C, H, W) to the same shape; an activation follows the first block alone."""

    def __init__(self, channels: int, *, norm: BlockNorm, activation: Activation, pad: Padding) -> None:
        super().__init__()
        self.model = nn.ModuleList(
            ConvBlock(channels, channels, 3, padding=1, norm=norm, activation=each, pad=pad)
            for each in (activation, "none")
        )

    def forward(self, maps: Tensor, *modulation: Tensor) -> Tensor:
        """`modulation`: for an adaptive norm, (N, 2C) for each of the two blocks."""
        inner = maps
        for place, block in enumerate(self.model):
            inner = block(inner, *modulation[place : place + 1])
        return maps + inner


class ResidualStack(nn.Module):
    """Residual blocks one after the other, (N, C, H, W) to the same shape."""

    def __init__(self, channels: int, blocks: int, *, norm: BlockNorm, activation: Activation, pad: Padding) -> None:
        super().__init__()
        self.adaptive = norm == "adaptive"
        self.model = nn.ModuleList(
            ModulatedResidual(channels, norm=norm, activation=activation, pad=pad) for _ in range(blocks)
        )

    def forward(self, maps: Tensor, modulation: Tensor | None = None) -> Tensor:
        """`modulation`: for an adaptive norm, (N, blocks * 4C), in the order of the layers."""
        parts = () if modulation is None else modulation.chunk(2 * len(self.model), 1)
        for place, block in enumerate(self.model):
            maps = block(maps, *parts[2 * place : 2 * place + 2])
        return maps


class LinearBlock(nn.Module):
    """A linear layer and an activation, (N, inputs) to (N, outputs)."""

    def __init__(self, inputs: int, outputs: int, activation: Activation) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, outputs)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, rows: Tensor) -> Tensor:
        made: Tensor = self.activation(self.fc(rows))
        return made


class LinearStack(nn.Module):
    """Linear blocks, (N, inputs) to (N, outputs), of `width` in between; nothing follows the last one."""

    def __init__(self, inputs: int, outputs: int, *, width: int, layers: int, activation: Activation) -> None:
        super().__init__()
        widths = [inputs, *[width] * (layers - 1), outputs]
        last = layers - 1
        self.model = nn.Sequential(
            *(
                LinearBlock(before, after, "none" if place == last else activation)
                for place, (before, after) in enumerate(pairwise(widths))
            )
        )

    def forward(self, rows: Tensor) -> Tensor:
        made: Tensor = self.model(rows)
        return made


class PreactivatedResidual(nn.Module):
    """A residual block whose activations come before its convolutions, (N, inputs, H, W) to (N, outputs, H, W).

    As published: a learned shortcut gets the input, and the shortcut without weights the input after the activation.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        hidden = min(inputs, outputs)
        self.conv_0 = ConvBlock(inputs, hidden, 3, padding=1, activation="none")
        self.conv_1 = ConvBlock(hidden, outputs, 3, padding=1, activation="none")
        if inputs != outputs:
            self.conv_s = nn.ModuleDict({"conv": nn.Conv2d(inputs, outputs, 1, bias=False)})

    def forward(self, maps: Tensor) -> Tensor:
        activated = leaky_relu(maps, SLOPE)
        shortcut = self.conv_s["conv"](maps) if hasattr(self, "conv_s") else activated
        summed: Tensor = shortcut + self.conv_1(leaky_relu(self.conv_0(activated), SLOPE))
        return summed
