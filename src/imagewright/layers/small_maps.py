"""Transposed convolutions of one small map with many channels as a matrix product, for a single picture on a CPU.

The library's kernels are made for batches and large maps. Of one map of 4x4 with 1,024 channels they take four times
as long as the product, which mostly reads the weights (docs/measurements.md, the studio). Results differ by rounding.
Shape letters: I O channels, K side of the kernel, H W map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

MOST_PLACES = 64  # of a map: above 8x8 the library's kernels are as fast
LEAST_CHANNELS = 256  # of a map: below, either way takes less than a millisecond


class SmallMapsAsProducts(TorchFunctionMode):
    """In the block, modules `ConvTranspose2d` of one small float32 map on the CPU multiply matrices. No gradients."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[Any],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is torch.conv_transpose2d and not kwargs and _suits(*args):
            return _product(*args)
        return func(*args, **(kwargs or {}))


def _suits(maps: Tensor, weight: Tensor, *arguments: Any) -> bool:
    """Whether a call is one of the module's, of one small map, without groups, dilation and padding of the output."""
    if len(arguments) != len(("bias", "stride", "padding", "output padding", "groups", "dilation")):
        return False
    plain = arguments[3:] == ((0, 0), 1, (1, 1))
    one = maps.ndim == 4 and len(maps) == 1 and maps.shape[2:].numel() <= MOST_PLACES and len(weight) >= LEAST_CHANNELS
    return plain and one and maps.device.type == "cpu" and maps.dtype == weight.dtype == torch.float32


def _product(
    maps: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int], padding: tuple[int, int], *_: Any
) -> Tensor:
    """maps: (1, I, H, W); weight: (I, O, K, K). Each place of a map adds its patch (O, K, K) to the result."""
    kernel = tuple(weight.shape[2:])
    patches = weight.flatten(1).t() @ maps.flatten(2)  # (1, O K K, H W)
    size = tuple(
        (side - 1) * step - 2 * around + reach
        for side, step, around, reach in zip(maps.shape[2:], stride, padding, kernel, strict=True)
    )
    made = functional.fold(patches, size, kernel, stride=stride, padding=padding)
    return made if bias is None else made + bias[:, None, None]
