"""Networks that grow during training: a layer of twice the size is faded in beside the images of the former size.

Karras et al. 2018 (ProGAN), arXiv:1710.10196, section 2, figure 2, and table 2; StyleGAN (Karras et al. 2019,
arXiv:1812.04948) grows in the same way. All parameters exist from the start; the level of detail says how many are in
use. Images have the full size at every stage: the generator enlarges its own, the discriminator averages what it gets.
Shape letters: N batch, C H W image, M channels of a map, K outputs of the discriminator.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu

from imagewright.layers.equalised import EqualisedConv2d, EqualisedLinear
from imagewright.layers.minibatch_deviation import append_minibatch_deviation
from imagewright.layers.nearest_resampling import convolve_and_halve, double_and_convolve, halve
from imagewright.layers.resampling import filter_from_taps

SLOPE, GAIN = 0.2, math.sqrt(2)
BLUR = (1.0, 2.0, 1.0)


def activate(maps: Tensor) -> Tensor:
    """Leaky ReLU; the gain for it is in the weights of the layer before."""
    return leaky_relu(maps, SLOPE)


class ChannelBlur(nn.Module):
    """(N, M, H, W) filtered by [1, 2, 1] along both axes, with zeros around.

    kernel: constant buffer, (M, 1, 3, 3), as in published files.
    """

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("kernel", filter_from_taps(BLUR).expand(channels, 1, -1, -1).contiguous())

    def forward(self, maps: Tensor) -> Tensor:
        blurred: Tensor = _SymmetricBlur.apply(maps, self.kernel.to(maps.dtype))
        return blurred


class _SymmetricBlur(torch.autograd.Function):
    """A blur by a symmetric kernel is its own adjoint, so that all its derivatives are blurs.

    torch differentiates the gradient of a convolution of each channel several times as slowly.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(kernel)
        return conv2d(maps, kernel, padding=kernel.shape[-1] // 2, groups=len(kernel))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (kernel,) = ctx.saved_tensors
        return _SymmetricBlur.apply(gradients[0], kernel.to(gradients[0].dtype)), None


class LevelOfDetail(nn.Module):
    """How many doublings of the size a network lacks: 0 is full size; a fraction while the next one is faded in.

    lod: the number, as a buffer.
    """

    lod: Tensor

    def __init__(self, lod: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("lod", torch.tensor(float(lod)))
        self._read = (self.lod, -1, float(lod))

    @property
    def value(self) -> float:
        """The number in Python. A GPU is waited for only after something else than `set` changed the buffer."""
        tensor, version, value = self._read
        if tensor is self.lod and version == self.lod._version:
            return value
        if self.lod.is_cuda and torch.cuda.is_current_stream_capturing():
            return value  # a graph is recorded after steps that have read it
        if torch.compiler.is_exporting():
            return value  # the buffer of a network that is traced holds no number, and was read before
        self._remember(float(self.lod))
        return self._read[2]

    def set(self, lod: float) -> None:
        """Change the number."""
        self.lod.fill_(lod)
        self._remember(lod)

    def _remember(self, lod: float) -> None:
        self._read = (self.lod, self.lod._version, lod)

    @property
    def whole(self) -> int:
        """Doublings that are not even begun."""
        return math.floor(self.value)

    @property
    def fades(self) -> bool:
        """Whether a doubling is being faded in."""
        return self.value > self.whole

    def fade(self, new: Tensor, old: Tensor) -> Tensor:
        """The blend of what a new layer gives and of what there was before it."""
        return new + (old - new) * (self.lod - self.whole)


class GrowingImages(nn.Module):
    """The images of a growing generator, from its maps at each size.

    widths: channels of the maps, from the smallest to the full size.
    """

    def __init__(self, widths: Sequence[int], channels: int, lod: float) -> None:
        super().__init__()
        self.outputs = nn.ModuleList(EqualisedConv2d(width, channels, 1) for width in widths)
        self.level = LevelOfDetail(lod)

    @property
    def stages(self) -> int:
        """Sizes that are in use."""
        return len(self.outputs) - self.level.whole

    def forward(self, maps: Tensor, former: Tensor | None) -> Tensor:
        """Images (N, C, H, W) at full size from maps of the largest size in use, and of the size before it."""
        images: Tensor = self.outputs[self.stages - 1](maps)
        if self.level.fades:
            old = self.outputs[self.stages - 2](former)
            images = self.level.fade(images, interpolate(old, scale_factor=2.0, mode="nearest"))
        if self.level.whole:
            images = interpolate(images, scale_factor=float(2**self.level.whole), mode="nearest")
        return images


class DoublingConvolution(EqualisedConv2d):
    """(N, inputs, H, W) to (N, outputs, 2 H, 2 W): nearest-neighbour doubling, then a 3x3 convolution; or fused.

    fused: the published fused form: a transposed convolution whose 4x4 kernel is the 3x3 one at four places. It is the
        same layer with mirrored kernels.
    transposed: whether weights are stored as those of a transposed convolution, (inputs, outputs, 3, 3).
    """

    def __init__(self, inputs: int, outputs: int, *, fused: bool, transposed: bool = False, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 3, bias=bias, gain=GAIN)
        self.fused, self.transposed = fused, transposed
        if transposed:
            self.weight = nn.Parameter(torch.randn(inputs, outputs, 3, 3))

    def forward(self, maps: Tensor) -> Tensor:
        weight = self.weight.transpose(0, 1) if self.transposed else self.weight
        weight = weight.flip(2, 3) if self.fused else weight
        return double_and_convolve(maps, weight * self.scale, self.bias)


class HalvingConvolution(EqualisedConv2d):
    """(N, inputs, H, W) to (N, outputs, H / 2, W / 2): a 3x3 convolution and leaky ReLU with 2x2 means.

    blurred: whether maps are blurred first, as in StyleGAN.
    means_first: whether the means are taken before the bias and the activation; else after them. The fused form of
        ProGAN, a convolution with stride 2, does so, and StyleGAN in both of its forms.
    """

    def __init__(self, inputs: int, outputs: int, *, blurred: bool, means_first: bool) -> None:
        super().__init__(inputs, outputs, 3, gain=GAIN)
        self.blur = ChannelBlur(inputs) if blurred else None
        self.means_first = means_first

    def forward(self, maps: Tensor) -> Tensor:
        maps = maps if self.blur is None else self.blur(maps)
        if self.means_first:
            return activate(convolve_and_halve(maps, self.weight * self.scale, self.bias))
        return halve(activate(super().forward(maps)))


class GrowingDiscriminator(nn.Module):
    """From images (N, C, H, W) at full size to numbers (N, K); table 2 of ProGAN.

    widths: channels from the smallest to the full size.
    first_map: height and width of the smallest size.
    outputs: K.
    group: images of a group of the minibatch's deviation.
    blurred, means_first: as for `HalvingConvolution`.
    """

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        first_map: tuple[int, int],
        outputs: int,
        *,
        group: int,
        blurred: bool,
        means_first: bool,
        lod: float = 0.0,
    ) -> None:
        super().__init__()
        downwards, smallest = list(reversed(widths)), widths[0]
        self.group = group
        self.level = LevelOfDetail(lod)
        self.inputs = nn.ModuleList(EqualisedConv2d(channels, width, 1, gain=GAIN) for width in downwards)
        layers: list[nn.Module] = []
        for width, next_width in itertools.pairwise(downwards):
            layers.append(EqualisedConv2d(width, width, 3, gain=GAIN))
            layers.append(HalvingConvolution(width, next_width, blurred=blurred, means_first=means_first))
        layers.append(EqualisedConv2d(smallest + 1, smallest, 3, gain=GAIN))
        layers.append(EqualisedLinear(smallest * math.prod(first_map), smallest, gain=GAIN))
        layers.append(EqualisedLinear(smallest, outputs))
        self.layers = nn.ModuleList(layers)

    def forward(self, images: Tensor, group: int | None = None) -> Tensor:
        """`group`: images of a minibatch's deviation, other than by default; 1: each image is judged by itself."""
        *_, convolution, dense, last = self.layers
        maps = append_minibatch_deviation(self.features(images), group or self.group)
        hidden = activate(dense(activate(convolution(maps)).flatten(1)))
        outputs: Tensor = last(hidden).float()
        return outputs

    def features(self, images: Tensor) -> Tensor:
        """The maps at the smallest size, (N, M, h, w)."""
        whole = self.level.whole
        images = avg_pool2d(images, 2**whole) if whole else images
        maps = activate(self.inputs[whole](images))
        for place in range(whole, len(self.inputs) - 1):
            maps = self.layers[2 * place + 1](activate(self.layers[2 * place](maps)))
            if place == whole and self.level.fades:
                maps = self.level.fade(maps, activate(self.inputs[place + 1](halve(images))))
        return maps


def fade_real(images: Tensor, level: LevelOfDetail) -> Tensor:
    """Real images (N, C, H, W) as a network of this level shows images: blended with their halved version.

    ProGAN, caption of figure 2. The discriminator averages to the size in use.
    """
    if not level.fades:
        return images
    factor = 2 ** (level.whole + 1)
    coarse = interpolate(avg_pool2d(images, factor), scale_factor=float(factor), mode="nearest")
    return level.fade(images, coarse)
