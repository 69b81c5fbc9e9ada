"""The networks of BigGAN-deep: bottlenecks, and shortcuts that drop or add channels instead of changing them.

Brock, Donahue & Simonyan 2019, arXiv:1809.11096, appendix B, figure 16 and tables 7 to 9; names of the generator as in
the published PyTorch conversion. Shape letters: N batch, Z noise, K classes or attributes, Y condition, C H W image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from imagewright.layers.biggan import DISCRIMINATOR_WIDTHS, BigGANShape, ProjectionDiscriminator
from imagewright.layers.conditional_norm import normalise_and_rectify
from imagewright.layers.initialisation import initialise_orthogonal
from imagewright.layers.nearest_resampling import double, double_and_convolve, halve
from imagewright.layers.self_attention import SelfAttention
from imagewright.layers.spectral_norm import SpectralConvolution, SpectralEmbedding, SpectralLinear, embed, pointwise

ROWS = 51  # of statistics: of truncations 0, 0.02 ... 1
BOTTLENECK = 4  # by which inner channels are fewer


class StatisticsByTruncation(nn.BatchNorm2d):
    """Running statistics for each truncation of the noise: buffers `running_mean` and `running_var`, (51, C).

    Training moves all rows alike.
    """

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__(channels, eps=eps, affine=False)
        self.register_buffer("running_mean", torch.zeros(ROWS, channels))
        self.register_buffer("running_var", torch.ones(ROWS, channels))

    def last_row(self) -> tuple[Tensor, Tensor]:
        """A copy of the mean and variance (C,) of truncation 1."""
        assert self.running_mean is not None
        assert self.running_var is not None
        return self.running_mean[-1].clone(), self.running_var[-1].clone()

    def set_rows(self, measured: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Set all rows to those between statistics (mean, variance), (C,) each, at even truncations up to 1.

        The statistics of one truncation alone are those of all.
        """
        for buffer, values in zip((self.running_mean, self.running_var), zip(*measured, strict=True), strict=True):
            assert buffer is not None
            if len(values) == 1:
                buffer.copy_(values[0].expand_as(buffer))
            else:
                columns = torch.stack(values).t()[None]
                buffer.copy_(interpolate(columns, size=ROWS, mode="linear", align_corners=True)[0].t())

    def at(self, truncation: float) -> nn.BatchNorm2d:
        """A batch norm in evaluation mode with the statistics of a truncation from 0 to 1.

        Between two rows the nearer one has the smaller weight, as the published network has it.
        """
        assert self.running_mean is not None
        assert self.running_var is not None
        place = truncation * (ROWS - 1)
        row = math.floor(place + 1e-9)
        share = place - row
        norm = nn.BatchNorm2d(self.num_features, eps=self.eps, affine=False).eval()
        mean, variance = self.running_mean[row], self.running_var[row]
        if share > 1e-9:
            mean = share * mean + (1 - share) * self.running_mean[row + 1]
            variance = share * variance + (1 - share) * self.running_var[row + 1]
        norm.running_mean, norm.running_var = mean, variance
        return norm


class TruncationNorm(nn.Module):
    """relu(norm(maps) * gain + offset) of a condition, by the statistics of a truncation.

    scale, offset: layers from conditions (N, Y) to (N, C); the gain is 1 + scale.
    """

    def __init__(self, channels: int, scale: nn.Module, offset: nn.Module, eps: float) -> None:
        super().__init__()
        self.scale, self.offset = scale, offset
        self.statistics = StatisticsByTruncation(channels, eps)

    def forward(self, maps: Tensor, condition: Tensor, truncation: float) -> Tensor:
        statistics = self.statistics if self.statistics.training else self.statistics.at(truncation)
        return normalise_and_rectify(maps, 1 + self.scale(condition), self.offset(condition), statistics)


class LastNorm(nn.Module):
    """The same with a gain and an offset that are learned as they are: `weight` and `bias`, (C,)."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.statistics = StatisticsByTruncation(channels, eps)

    def forward(self, maps: Tensor, truncation: float) -> Tensor:
        statistics = self.statistics if self.statistics.training else self.statistics.at(truncation)
        gain, offset = (each.expand(maps.shape[0], -1) for each in (self.weight, self.bias))
        return normalise_and_rectify(maps, gain, offset, statistics)


class BottleneckDoublingBlock(nn.Module):
    """A residual block of the generator: figure 16 (b).

    doubles: whether it doubles its map. norm, convolution: build these layers.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        norm: Callable[[int], TruncationNorm],
        convolution: Callable[..., Any],
        *,
        doubles: bool,
    ) -> None:
        super().__init__()
        self.outputs, self.doubles, hidden = outputs, doubles, max(1, inputs // BOTTLENECK)
        self.bn_0, self.conv_0 = norm(inputs), convolution(inputs, hidden, 1)
        self.bn_1, self.conv_1 = norm(hidden), convolution(hidden, hidden, 3)
        self.bn_2, self.conv_2 = norm(hidden), convolution(hidden, hidden, 3)
        self.bn_3, self.conv_3 = norm(hidden), convolution(hidden, outputs, 1)

    def forward(self, maps: Tensor, condition: Tensor, truncation: float) -> Tensor:
        inner = self.conv_0(self.bn_0(maps, condition, truncation))
        inner = self.bn_1(inner, condition, truncation)
        if self.doubles:
            inner = double_and_convolve(inner, self.conv_1.normalised_weight(), self.conv_1.bias)
        else:
            inner = self.conv_1(inner)
        inner = self.conv_2(self.bn_2(inner, condition, truncation))
        inner = self.conv_3(self.bn_3(inner, condition, truncation))
        shortcut = maps[:, : self.outputs]
        result: Tensor = inner.add_(double(shortcut) if self.doubles else shortcut)
        return result


class DeepGenerator(nn.Module):
    """From noise (N, Z) and conditions to images (N, C, H, W) in [-1, 1].

    shape: sizes and widths.
    noise: Z. conditions: K. embedding: numbers of the embedding; all norms have noise and embedding as condition.
    output_maps: channels of the last convolution, of which the first C are the image.
    norm_eps: added to variances. spectral_eps: the least norm of a singular vector.
    """

    def __init__(
        self,
        shape: BigGANShape,
        *,
        noise: int,
        conditions: int,
        embedding: int,
        output_maps: int,
        norm_eps: float,
        spectral_eps: float,
    ) -> None:
        super().__init__()
        self.start, self.channels, widths = shape.start, shape.channels, shape.generator_widths
        spectral: dict[str, Any] = {"eps": spectral_eps, "evaluation": "stored"}
        convolution: Callable[..., Any] = partial(SpectralConvolution, **spectral)
        condition = noise + embedding

        def norm(channels: int) -> TruncationNorm:
            maps = (SpectralLinear(condition, channels, bias=False, **spectral) for _ in range(2))
            return TruncationNorm(channels, next(maps), next(maps), norm_eps)

        self.embeddings = nn.Linear(conditions, embedding, bias=False)
        self.gen_z = SpectralLinear(condition, widths[0] * math.prod(self.start), **spectral)
        layers: list[nn.Module] = []
        for level, (inputs, outputs) in enumerate(pairwise(widths)):
            layers.append(BottleneckDoublingBlock(inputs, inputs, norm, convolution, doubles=False))
            layers.append(BottleneckDoublingBlock(inputs, outputs, norm, convolution, doubles=True))
            if shape.attends(shape.attention, shape.doublings - 1 - level):
                layers.append(SelfAttention(outputs, partial(pointwise, **spectral), gamma_shape=(1,)))
        self.layers = nn.ModuleList(layers)
        self.bn = LastNorm(widths[-1], norm_eps)
        self.conv_to_rgb = convolution(widths[-1], output_maps, 3)
        self.apply(initialise_orthogonal)

    def forward(self, noise: Tensor, conditions: Tensor, truncation: float = 1.0) -> Tensor:
        """noise: (N, Z). conditions: classes, int64 (N,), or weights of classes or attributes, (N, K).

        truncation: from 0 to 1: of which the statistics are taken in evaluation mode. The noise is taken as it is.
        """
        condition = torch.cat([noise, embed(conditions, self.embeddings.weight.t())], 1)
        maps = self.gen_z(condition).unflatten(1, (*self.start, -1)).permute(0, 3, 1, 2)  # channels come last
        for layer in self.layers:
            maps = layer(maps) if isinstance(layer, SelfAttention) else layer(maps, condition, truncation)
        images = self.conv_to_rgb(self.bn(maps, truncation))[:, : self.channels]
        return torch.tanh(images.float())


class BottleneckHalvingBlock(nn.Module):
    """A residual block of the discriminator: figure 16 (c). Channels that the shortcut lacks are a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int, convolution: Callable[..., Any], *, halves: bool) -> None:
        super().__init__()
        hidden = max(1, outputs // BOTTLENECK)
        self.halves = halves
        self.conv_0, self.conv_1 = convolution(inputs, hidden, 1), convolution(hidden, hidden, 3)
        self.conv_2, self.conv_3 = convolution(hidden, hidden, 3), convolution(hidden, outputs, 1)
        self.conv_sc = convolution(inputs, outputs - inputs, 1) if outputs > inputs else None

    def forward(self, maps: Tensor) -> Tensor:
        inner = relu(self.conv_1(relu(self.conv_0(relu(maps)))))
        inner = relu(self.conv_2(inner))
        if self.halves:
            inner, maps = halve(inner), halve(maps)
        shortcut = maps if self.conv_sc is None else torch.cat([maps, self.conv_sc(maps)], 1)
        result: Tensor = self.conv_3(inner) + shortcut
        return result


class DeepDiscriminator(ProjectionDiscriminator):
    """The discriminator of BigGAN-deep.

    shape: sizes and widths. conditions: K. spectral_eps: the least norm of a singular vector.
    """

    def __init__(self, shape: BigGANShape, *, conditions: int, spectral_eps: float) -> None:
        super().__init__()
        spectral: dict[str, Any] = {"eps": spectral_eps, "evaluation": "stored"}
        convolution: Callable[..., Any] = partial(SpectralConvolution, **spectral)
        widths = [shape.discriminator_width * multiple for multiple in DISCRIMINATOR_WIDTHS[shape.doublings]]
        layers: list[nn.Module] = [convolution(shape.channels, widths[0], 3)]
        for level, (inputs, outputs) in enumerate(pairwise(widths)):
            layers.append(BottleneckHalvingBlock(inputs, outputs, convolution, halves=True))
            layers.append(BottleneckHalvingBlock(outputs, outputs, convolution, halves=False))
            if shape.attends(shape.discriminator_attention, level + 1):
                layers.append(SelfAttention(outputs, partial(pointwise, **spectral)))
        self.layers = nn.Sequential(*layers)
        self.linear = SpectralLinear(widths[-1], 1, **spectral)
        self.embed = SpectralEmbedding(conditions, widths[-1], **spectral)
        self.apply(initialise_orthogonal)

    def features(self, images: Tensor) -> Tensor:
        return relu(self.layers(images)).sum((2, 3))
