"""The identity network: a face to 128 numbers whose distance says whether two faces are of one person.

King 2017, the ResNet of dlib (public domain; He et al. 2015, arXiv:1512.03385, with fewer layers and half the
channels), with the weights that `@vladmandic/face-api` stores in 8 bits. Half of its training faces are of VGG-Face and
FaceScrub. Two faces of one person are nearer than 0.6. Shape letters: N faces, C H W map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 150  # pixels of the input
NUMBERS = 128
MEANS = (122.782, 117.001, 104.298)  # of red, green and blue, in 0..255
SCALE = 255.0  # as face-api has it; dlib has 256, which changes the numbers by 3e-4
STEM = 32
# (name, channels, whether it halves the map) of each block.
BLOCKS = (
    *(("conv32_1", 32, False), ("conv32_2", 32, False), ("conv32_3", 32, False)),
    *(("conv64_down", 64, True), ("conv64_1", 64, False), ("conv64_2", 64, False), ("conv64_3", 64, False)),
    *(("conv128_down", 128, True), ("conv128_1", 128, False), ("conv128_2", 128, False)),
    *(("conv256_down", 256, True), ("conv256_1", 256, False), ("conv256_2", 256, False)),
    ("conv256_down_out", 256, True),
)


class ScaledConv(nn.Module):
    """A convolution, then a scale and a shift for each channel (a batch norm whose statistics are folded in)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding)
        self.scale = nn.Parameter(torch.ones(outputs))
        self.shift = nn.Parameter(torch.zeros(outputs))

    def forward(self, values: Tensor) -> Tensor:
        scaled: Tensor = self.conv(values) * self.scale[:, None, None] + self.shift[:, None, None]
        return scaled


class IdentityBlock(nn.Module):
    """Two convolutions beside a shortcut. A block that halves pools the shortcut; of the two maps the smaller one gets
    zeros at the right and below, and the shortcut channels of zeros."""

    def __init__(self, inputs: int, outputs: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.conv1 = ScaledConv(inputs, outputs, 3, 2 if halves else 1, 0 if halves else 1)
        self.conv2 = ScaledConv(outputs, outputs, 3, 1, 1)

    def forward(self, values: Tensor) -> Tensor:
        found = self.conv2(torch.relu(self.conv1(values)))
        if self.halves:
            values = functional.avg_pool2d(values, 2)
            height, width = (values.shape[side] - found.shape[side] for side in (2, 3))
            found = functional.pad(found, (0, width, 0, height))
            values = functional.pad(values, (0, 0, 0, 0, 0, found.shape[1] - values.shape[1]))
        return torch.relu(values + found)


class IdentityNetwork(nn.Module):
    """Aligned faces (N, 3, 150, 150) in 0..255 to (N, 128)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ScaledConv(3, STEM, 7, 2, 0)
        inputs, blocks = STEM, []
        for _, outputs, halves in BLOCKS:
            blocks.append(IdentityBlock(inputs, outputs, halves=halves))
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.projection = nn.Linear(inputs, NUMBERS, bias=False)
        self.register_buffer("means", torch.tensor(MEANS).view(1, 3, 1, 1), persistent=False)

    means: Tensor

    def forward(self, faces: Tensor) -> Tensor:
        values = torch.relu(self.stem((faces - self.means) / SCALE))
        values = self.blocks(functional.max_pool2d(values, 3, 2))
        numbers: Tensor = self.projection(values.mean((2, 3)))
        return numbers


def rename_identity(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the published file, in TensorFlow's order of axes, under the names of `IdentityNetwork`."""
    renamed = {"projection.weight": published["fc"].transpose(0, 1).contiguous()}

    def take(ours: str, theirs: str) -> None:
        renamed[f"{ours}.conv.weight"] = published[f"{theirs}/conv/filters"].permute(3, 2, 0, 1).contiguous()
        renamed[f"{ours}.conv.bias"] = published[f"{theirs}/conv/bias"]
        renamed[f"{ours}.scale"] = published[f"{theirs}/scale/weights"]
        renamed[f"{ours}.shift"] = published[f"{theirs}/scale/biases"]

    take("stem", "conv32_down")
    for number, (name, _, _) in enumerate(BLOCKS):
        take(f"blocks.{number}.conv1", f"{name}/conv1")
        take(f"blocks.{number}.conv2", f"{name}/conv2")
    return renamed
