"""A convolution padded as TensorFlow's "same": at stride 2 the odd pixel is added at the right and the bottom."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def pad_same(values: Tensor, kernel: int, stride: int) -> Tensor:
    """(N, C, H, W) padded with zeros for an output of ceil(H / stride) x ceil(W / stride)."""
    pads = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in values.shape[2:]]
    if not any(pads):
        return values
    top, left = pads[0] // 2, pads[1] // 2
    return functional.pad(values, (left, pads[1] - left, top, pads[0] - top))


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding; without bias unless asked for."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, *, bias: bool = False
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=bias)

    def forward(self, values: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', ceil(H / stride), ceil(W / stride))."""
        padded = pad_same(values, self.kernel_size[0], self.stride[0])
        return functional.conv2d(padded, self.weight, self.bias, self.stride, 0, 1, self.groups)
