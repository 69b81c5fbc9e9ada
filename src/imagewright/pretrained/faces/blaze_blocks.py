"""The block of BlazeFace and of the face mesh: depthwise and pointwise convolutions beside a shortcut.

Bazarevsky et al. 2019, "BlazeFace", arXiv:1907.05047, figure 1 (the single block).
Shape letters: N pictures, C H W map.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from imagewright.pretrained.same_convolution import SameConv


class BlazeBlock(nn.Module):
    """(N, C, H, W) to (N, C', H / stride, W / stride): the shortcut is pooled, and gets channels of zeros.

    activation: after the sum, with as many channels as the output.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, activation: nn.Module) -> None:
        super().__init__()
        self.stride, self.added = stride, outputs - inputs
        self.depthwise = SameConv(inputs, inputs, 3, stride, inputs, bias=True)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.activation = activation

    def forward(self, values: Tensor) -> Tensor:
        found = self.pointwise(self.depthwise(values))
        if self.stride == 2:
            values = functional.max_pool2d(values, 2)
        if self.added:
            values = functional.pad(values, (0, 0, 0, 0, 0, self.added))
        summed: Tensor = self.activation(values + found)
        return summed
