"""BlazeFace, short range: a detector of faces near the camera, 101 thousand parameters.

Bazarevsky et al. 2019, "BlazeFace", arXiv:1907.05047; layers are those of the published file of MediaPipe (Apache-2.0).
896 anchors: two at each cell of a 16x16 grid, six at each cell of an 8x8 grid. Shape letters: N pictures.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor, nn

from imagewright.pretrained.faces.blaze_blocks import BlazeBlock
from imagewright.pretrained.same_convolution import SameConv

SIDE = 128  # pixels of the input
STEM = 24
# (channels, stride) of each block; the outputs of the twelfth block feed the fine grid, those of the last the coarse.
BLOCKS = (
    *((24, 1), (28, 1), (32, 2), (36, 1), (42, 1), (48, 2)),
    *((56, 1), (64, 1), (72, 1), (80, 1), (88, 1), (96, 2)),
    *((96, 1), (96, 1), (96, 1), (96, 1)),
)
FINE_BLOCKS, FINE_CHANNELS = 11, 88
GRIDS = ((16, 2), (8, 6))  # (cells along a side, anchors at a cell)
NUMBERS = 16  # of an anchor: centre, width and height, then six points
POINTS = ("right eye", "left eye", "nose tip", "mouth centre", "right ear", "left ear")


class BlazeFace(nn.Module):
    """Pictures (N, 3, 128, 128) in [-1, 1] to numbers (N, 896, 16) in pixels from the anchors, and logits (N, 896)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, 5, 2, bias=True)
        inputs, blocks = STEM, []
        for outputs, stride in BLOCKS:
            blocks.append(BlazeBlock(inputs, outputs, stride, nn.ReLU()))
            inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        widths = (FINE_CHANNELS, inputs)
        self.scores = nn.ModuleList(nn.Conv2d(width, each, 1) for width, (_, each) in zip(widths, GRIDS, strict=True))
        self.boxes = nn.ModuleList(
            nn.Conv2d(width, each * NUMBERS, 1) for width, (_, each) in zip(widths, GRIDS, strict=True)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        values = torch.relu(self.stem(images))
        maps = []
        for number, block in enumerate(self.blocks, 1):
            values = block(values)
            if number in (FINE_BLOCKS, len(self.blocks)):
                maps.append(values)
        count = len(images)
        boxes = [
            head(each).permute(0, 2, 3, 1).reshape(count, -1, NUMBERS)
            for head, each in zip(self.boxes, maps, strict=True)
        ]
        logits = [
            head(each).permute(0, 2, 3, 1).reshape(count, -1) for head, each in zip(self.scores, maps, strict=True)
        ]
        return torch.cat(boxes, 1), torch.cat(logits, 1)


def anchor_centres() -> np.ndarray:
    """(896, 2): x and y of each anchor, in pixels of the input."""
    rows = []
    for cells, anchors in GRIDS:
        places = (np.arange(cells) + 0.5) * SIDE / cells
        grid = np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)  # row by row, x first
        rows.append(np.repeat(grid, anchors, 0))
    return np.concatenate(rows)


def decode_blazeface(numbers: np.ndarray, logits: np.ndarray, least: float) -> tuple[np.ndarray, ...]:
    """Boxes (K, 4) as x0 y0 x1 y1, points (K, 6, 2) and scores (K,) of one picture, in pixels of the input.

    numbers: (896, 16).
    logits: (896,).
    least: the score from which a face is one.
    """
    scores = expit(logits.astype(np.float64))
    chosen = scores >= least
    numbers, centres = numbers[chosen], anchor_centres()[chosen]
    middle, half = numbers[:, :2] + centres, numbers[:, 2:4] / 2
    points = numbers[:, 4:].reshape(len(numbers), len(POINTS), 2) + centres[:, None]
    return np.concatenate([middle - half, middle + half], 1), points, scores[chosen]


def rename_blazeface(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the published file under the names of `BlazeFace`."""
    names = {"stem": "conv2d"}
    for number in range(len(BLOCKS)):
        names[f"blocks.{number}.depthwise"] = "depthwise_conv2d" + (f"_{number}" if number else "")
        names[f"blocks.{number}.pointwise"] = f"conv2d_{number + 1}"
    for number, stride in enumerate((8, 16)):
        names |= {f"scores.{number}": f"classificator_{stride}", f"boxes.{number}": f"regressor_{stride}"}
    return {
        f"{ours}.{part}": published[f"{theirs}/{leaf}"]
        for ours, theirs in names.items()
        for part, leaf in (("weight", "Kernel"), ("bias", "Bias"))
    }
