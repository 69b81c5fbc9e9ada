"""Leaky ReLU at a higher sampling rate, between two low-pass filters, so that it adds no frequencies that alias.

Karras et al. 2021 (StyleGAN3), arXiv:2106.12423, section 2.1 and 3.2: the map is upsampled by zero insertion and a
filter, activated, and downsampled by a filter. The map at the high rate has 16 to 64 times as many numbers as those
before and after it. On a CPU it is therefore made for a few channels at a time, by convolutions along one axis that
skip the inserted zeros, and stays in the cache; on other devices each filter along an axis is one matrix product. The
backward pass needs only the slope at each place, a byte. It is linear, so that derivatives of any order exist.
Shape letters: N batch, C channels, H W map, T taps, R r rows at the high rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, pad

from imagewright.layers.lowpass_filters import design_lowpass

SLOPE = 0.2  # of negative numbers
STEEP = 5  # 1 / SLOPE: slopes are noted as 1 and 5, and 0 beyond the clamp
TOWARDS_INFINITY = 1e30
CACHE = 4.5 * 2**20  # bytes of a map at the high rate that is made at a time, for each thread
FEWEST, MOST = 32, 128  # channels at a time

Size = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """How one map becomes another one by a higher rate.

    sides: (H, W) of the given map.
    up, down: factors of the sampling rate, 2 or more.
    cut: numbers at each end of the given map that no result depends on.
    crop: numbers at the high rate that are left out at each end of the filtered map.
    high: sides at the high rate.
    made: sides of the result.
    """

    sides: Size
    up: int
    down: int
    cut: Size
    crop: Size
    high: Size
    made: Size

    @classmethod
    def between(cls, given: Size, made: Size, up: int, down: int, taps: Size) -> Geometry:
        """The centres of both maps are the same place. `taps`: of the filters up and down."""
        if min(up, down) < 2:
            raise ValueError(f"factors of the sampling rate are {up} and {down}, but they must be 2 or more")
        rows, columns = (_along_an_axis(*pair, up, down, *taps) for pair in zip(given, made, strict=True))
        cut, crop, high = zip(rows, columns, strict=True)
        return cls(given, up, down, cut, crop, high, made)


def _along_an_axis(given: int, made: int, up: int, down: int, up_taps: int, down_taps: int) -> tuple[int, int, int]:
    """`cut`, `crop` and `high` of an axis."""
    high = (made - 1) * down + down_taps
    total = high - given * up + up_taps - 1  # zeros around the map with inserted zeros
    crop = up_taps - 1 - (total + up) // 2
    if crop < 0:
        raise ValueError(f"a map of {given} is too small for {made} after factors of {up} and {down}")
    cut = max(0, -((up_taps - 1 - crop) // up))
    crop -= cut * up
    # One more at the end than is needed, if the crop is uneven: the strided filter does not reach it.
    return cut, crop, (given - 2 * cut - 1) * up + up_taps - 2 * crop


class FilteredLeakyReLU(nn.Module):
    """(N, C, H, W) to (N, C, *made): leaky ReLU with the gain sqrt(2), clamped, at a higher sampling rate.

    given, made: sides before and after.
    rates: samples a unit of length before, at the highest, and after.
    cutoffs, half_widths: of the filters before and after, in cycles a unit.
    taps: of a filter for each factor of its rate.
    radial: whether the filter after is rotationally symmetric.
    clamp: the largest size of an activated number; None for no limit.
    """

    up_filter: Tensor
    down_filter: Tensor

    def __init__(
        self,
        given: Size,
        made: Size,
        rates: tuple[int, int, int],
        cutoffs: tuple[float, float],
        half_widths: tuple[float, float],
        *,
        taps: int = 6,
        radial: bool = False,
        clamp: float | None = 256.0,
    ) -> None:
        super().__init__()
        before, highest, after = rates
        up, down = highest // before, highest // after
        up_taps, down_taps = (taps * factor if factor > 1 else 1 for factor in (up, down))
        radial = radial and down > 1
        self.register_buffer("up_filter", design_lowpass(up_taps, cutoffs[0], half_widths[0], highest))
        self.register_buffer(
            "down_filter", design_lowpass(down_taps, cutoffs[1], half_widths[1], highest, radial=radial)
        )
        self.geometry = Geometry.between(given, made, up, down, (up_taps, down_taps))
        self.clamp = math.inf if clamp is None else clamp

    def forward(self, maps: Tensor) -> Tensor:
        limit = self.clamp / (SLOPE * math.sqrt(2))
        # Filters in float32 under autocast too; their gains hold what the noted slopes lack.
        up = self.up_filter * self.geometry.up
        down = self.down_filter.flip(tuple(range(self.down_filter.ndim)))
        down = down * (SLOPE * math.sqrt(2)) ** (1 / 2 if down.ndim == 1 else 1)
        with torch.autocast(maps.device.type, enabled=False):
            precision = _precision_for(maps)
            made: Tensor = _Activation.apply(maps, up.to(precision), down.to(precision), self.geometry, limit)
        return made


class _Activation(torch.autograd.Function):
    """The whole of it. Notes the slope at each place of the high rate."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, up: Tensor, down: Tensor, geometry: Geometry, limit: float) -> Tensor:
        # A traced graph is for any number of images, so that it has no parts.
        resampling = Resampling(geometry, up, down, up.device.type != "cpu" or torch.compiler.is_exporting())
        slopes = resampling.new_slopes(maps) if ctx.needs_input_grad[0] else None
        clamps = maps.device.type != "cpu" or _may_reach(limit, maps, up)

        def activate(high: Tensor, noted: Tensor | None) -> Tensor:
            steepness = high.mul(TOWARDS_INFINITY).clamp_(1, STEEP)
            high.mul_(steepness)
            if clamps:
                steepness.masked_fill_(high.abs() > limit, 0)
                high.clamp_(-limit, limit)
            if noted is not None:
                noted.copy_(steepness)
            return high

        made = resampling.forwards(maps, activate, slopes)
        ctx.save_for_backward(slopes, up, down)
        ctx.geometry = geometry
        return made

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        slopes, up, down = ctx.saved_tensors
        back: Tensor = _Linear.apply(gradient, slopes, up, down, ctx.geometry, True)
        return back, None, None, None, None


class _Linear(torch.autograd.Function):
    """The activation with noted slopes, which is linear in its input; or the transpose of that."""

    @staticmethod
    def forward(
        ctx: Any, given: Tensor, slopes: Tensor, up: Tensor, down: Tensor, geometry: Geometry, transposed: bool
    ) -> Tensor:
        resampling = Resampling(geometry, up, down, up.device.type != "cpu")
        ctx.save_for_backward(slopes, up, down)
        ctx.geometry, ctx.transposed = geometry, transposed

        def scale(high: Tensor, noted: Tensor | None) -> Tensor:
            assert noted is not None
            return high.mul_(noted.to(high.dtype))

        return (resampling.backwards if transposed else resampling.forwards)(given, scale, slopes)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        slopes, up, down = ctx.saved_tensors
        back: Tensor = _Linear.apply(gradient, slopes, up, down, ctx.geometry, not ctx.transposed)
        return back, None, None, None, None, None


AtTheHighRate = Callable[[Tensor, Tensor | None], Tensor]
"""From a map at the high rate, and its noted slopes, to another one, in place."""


@dataclass(frozen=True)
class Resampling:
    """Up, something at the high rate, and down; or the transposes of both in the opposite order.

    up: the filter before (T,), with its gain.
    down: the filter after, (T,) or (T, T), as it is correlated with the map.
    products: whether filters along an axis are matrix products, and a map is processed as a whole. Filters of both axes
        together are convolutions.
    """

    geometry: Geometry
    up: Tensor
    down: Tensor
    products: bool

    def new_slopes(self, maps: Tensor) -> Tensor:
        """Room for the slopes at the high rate, flat: one part of a map follows another."""
        return torch.empty(
            math.prod(maps.shape[:2]) * math.prod(self.geometry.high), dtype=torch.int8, device=maps.device
        )

    def forwards(self, maps: Tensor, at_high: AtTheHighRate, slopes: Tensor | None) -> Tensor:
        """(N, C, H, W) to (N, C, *made)."""

        def process(part: Tensor, noted: Tensor | None) -> Tensor:
            return self._reduce(at_high(self._raise(part), noted))

        return self._in_parts(maps, self.geometry.made, process, slopes)

    def backwards(self, maps: Tensor, at_high: AtTheHighRate, slopes: Tensor | None) -> Tensor:
        """(N, C, *made) to (N, C, H, W)."""

        def process(part: Tensor, noted: Tensor | None) -> Tensor:
            return self._raise_transposed(at_high(self._reduce_transposed(part), noted))

        return self._in_parts(maps, self.geometry.sides, process, slopes)

    def _in_parts(self, maps: Tensor, made: Size, process: AtTheHighRate, slopes: Tensor | None) -> Tensor:
        count, channels = maps.shape[:2]
        area = math.prod(self.geometry.high)
        result = torch.empty(
            (count, channels, *made), dtype=maps.dtype, device=maps.device, memory_format=_format_of(maps)
        )
        # Convolutions of single channels are fastest with the channels last, matrix products with them first.
        layout = torch.contiguous_format if self.products else torch.channels_last
        place = 0
        for images, width in self._parts(count, channels, area * max(4, maps.element_size())):
            part = maps[images, width].to(self.up.dtype, memory_format=layout)
            numbers = part.shape[0] * part.shape[1] * area
            noted = None
            if slopes is not None:
                noted = slopes[place : place + numbers]
                if self.products:
                    noted = noted.view(*part.shape[:2], *self.geometry.high)
                else:
                    noted = noted.view(len(part), *self.geometry.high, part.shape[1]).permute(0, 3, 1, 2)
            result[images, width] = process(part, noted)
            place += numbers
        return result

    def _parts(self, count: int, channels: int, size: int) -> Iterator[tuple[slice, slice]]:
        """The images and channels that are processed at a time. `size`: bytes of a channel at the high rate."""
        if self.products:
            yield slice(count), slice(channels)
            return
        room = CACHE * torch.get_num_threads() / size
        width = min(max(int(room) // 16 * 16, FEWEST), MOST, channels)
        images = max(1, int(room / width))
        for first in range(0, count, images):
            for start in range(0, channels, width):
                yield slice(first, first + images), slice(start, start + width)

    # Each filter, and its transpose

    def _raise(self, maps: Tensor) -> Tensor:
        (top, left), (height, width) = self.geometry.cut, maps.shape[2:]
        kept = maps[..., top : height - top, left : width - left]
        return self._spread(kept, self.up, self.geometry.up, self.geometry.crop, self.geometry.high)

    def _raise_transposed(self, high: Tensor) -> Tensor:
        top, left = self.geometry.cut
        made = self._gather(high, self.up, self.geometry.up, self.geometry.crop)
        return pad(made, (left, left, top, top)) if top or left else made

    def _reduce(self, high: Tensor) -> Tensor:
        return self._gather(high, self.down, self.geometry.down, (0, 0))

    def _reduce_transposed(self, maps: Tensor) -> Tensor:
        return self._spread(maps, self.down, self.geometry.down, (0, 0), self.geometry.high)

    def _spread(self, maps: Tensor, taps: Tensor, factor: int, crop: Size, sides: Size) -> Tensor:
        """Zeros between the numbers of (N, C, ...), and a filter: (N, C, *sides), after `crop` at both ends."""
        if self.products and taps.ndim == 1:
            rows, columns = (_matrix(taps, factor, *each) for each in zip(maps.shape[2:], crop, sides, strict=True))
            return rows.T @ (maps @ columns)
        for vertical in (None,) if taps.ndim == 2 else (False, True):
            kernel, strides, axes = _kernel_of(taps, factor, maps.shape[1], vertical)
            padding = tuple(each * use for each, use in zip(crop, axes, strict=True))
            lengths = (
                (side - 1) * factor + len(taps) - 2 * each for side, each in zip(maps.shape[2:], crop, strict=True)
            )
            more = tuple((side - length) * use for side, length, use in zip(sides, lengths, axes, strict=True))
            maps = conv_transpose2d(maps, kernel, None, strides, padding, more, groups=maps.shape[1])
        return maps

    def _gather(self, high: Tensor, taps: Tensor, factor: int, crop: Size) -> Tensor:
        """The transpose of `_spread`: zeros of `crop` at both ends, a filter, and every `factor`-th number."""
        if self.products and taps.ndim == 1:
            lengths = (
                (side + 2 * each - len(taps)) // factor + 1 for side, each in zip(high.shape[2:], crop, strict=True)
            )
            rows, columns = (_matrix(taps, factor, *each) for each in zip(lengths, crop, high.shape[2:], strict=True))
            return rows @ (high @ columns.T)
        for vertical in (None,) if taps.ndim == 2 else (True, False):
            kernel, strides, axes = _kernel_of(taps, factor, high.shape[1], vertical)
            padding = tuple(each * use for each, use in zip(crop, axes, strict=True))
            high = conv2d(high, kernel, None, strides, padding, groups=high.shape[1])
        return high


def _kernel_of(taps: Tensor, factor: int, channels: int, vertical: bool | None) -> tuple[Tensor, Size, Size]:
    """The kernel of every channel, the strides, and 1 for the axes that are filtered; `vertical` None: both."""
    axes = (1, 1) if vertical is None else (int(vertical), int(not vertical))
    shape = tuple(len(taps) if use else 1 for use in axes)
    kernel = taps.reshape(1, 1, *shape).expand(channels, 1, *shape).contiguous()
    return kernel, (factor if axes[0] else 1, factor if axes[1] else 1), axes


def _matrix(taps: Tensor, factor: int, numbers: int, crop: int, side: int) -> Tensor:
    """(numbers, side): what each number adds to the filtered map, along an axis."""
    places = torch.arange(side, device=taps.device) + crop - factor * torch.arange(numbers, device=taps.device)[:, None]
    return torch.where((places >= 0) & (places < len(taps)), taps[places.clamp(0, len(taps) - 1)], 0)


def _may_reach(limit: float, maps: Tensor, up: Tensor) -> bool:
    """Whether an activated number can be larger than `limit`."""
    if torch.compiler.is_exporting():
        return True  # a traced graph is for any numbers
    return bool(maps.abs().amax() * up.abs().sum() ** 2 * STEEP > limit) if maps.numel() else False


def _precision_for(maps: Tensor) -> torch.dtype:
    """On a CPU float32 for half precision, in which the convolutions of single channels are slow there."""
    return torch.float32 if maps.device.type == "cpu" and maps.element_size() == 2 else maps.dtype


def _format_of(maps: Tensor) -> torch.memory_format:
    last = maps.is_contiguous(memory_format=torch.channels_last) and not maps.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format
