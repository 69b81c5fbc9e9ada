"""CenterFace: a detector of faces of any size, also small ones in crowds, 1.8 million parameters.

Xu et al. 2019, "CenterFace: Joint Face Detection and Alignment Using Face as Point", arXiv:1911.03599 (weights MIT,
trained on WIDER FACE); its trunk is MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) with ReLU, and its neck a
feature pyramid. Norms are folded into the convolutions of the published file, but for those of the neck.
Shape letters: N pictures, H W.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

STRIDE = 4  # pixels of a cell of the outputs
MULTIPLE = 32  # of which the sides of a picture must be
# (expansion, channels, blocks, stride of the first) of each stage, as in table 2 of MobileNetV2.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
STEM = 32
NECK = 24
LEVELS = (1, 2, 4)  # the stages that the neck adds to the last one
NECK_NORM_FLOOR = 1e-3
POINTS = ("right eye", "left eye", "nose tip", "right mouth corner", "left mouth corner")


class InvertedBlock(nn.Module):
    """Expand by a 1x1 convolution, filter each channel, project; added to its input if the shape is equal."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        expand = [nn.Conv2d(inputs, width, 1), nn.ReLU()] if expansion > 1 else []
        depthwise = nn.Conv2d(width, width, 3, stride, 1, groups=width)
        self.layers = nn.Sequential(*expand, depthwise, nn.ReLU(), nn.Conv2d(width, outputs, 1))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.layers(values)
        return values + found if self.adds else found


class CenterFace(nn.Module):
    """Pictures (N, 3, H, W) in 0..255, sides multiples of 32, to maps at a quarter of the size.

    Returns probabilities (N, 1, H/4, W/4), logarithms of height and width in cells (N, 2, ...), offsets y and x in
    cells (N, 2, ...), and five points as y and x in heights and widths of the box from its corner (N, 10, ...).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 3, 2, 1)
        inputs, stages, widths = STEM, [], []
        for expansion, outputs, count, stride in STAGES:
            blocks = []
            for place in range(count):
                blocks.append(InvertedBlock(inputs, outputs, 1 if place else stride, expansion))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
            widths.append(outputs)
        self.stages = nn.ModuleList(stages)
        self.last = nn.Conv2d(inputs, NECK, 1)
        self.laterals = nn.ModuleList(nn.Conv2d(widths[level], NECK, 1) for level in LEVELS)
        self.raises = nn.ModuleList(nn.ConvTranspose2d(NECK, NECK, 2, 2, bias=False) for _ in LEVELS)
        self.norms = nn.ModuleList(nn.BatchNorm2d(NECK, eps=NECK_NORM_FLOOR) for _ in LEVELS)
        self.head = nn.Conv2d(NECK, NECK, 3, padding=1)
        self.outputs = nn.ModuleList(nn.Conv2d(NECK, each, 1) for each in (1, 2, 2, 10))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values = torch.relu(self.stem(images))
        maps = []
        for stage in self.stages:
            values = stage(values)
            maps.append(values)
        values = torch.relu(self.last(values))
        for place in reversed(range(len(LEVELS))):
            values = torch.relu(self.norms[place](self.raises[place](values)))
            values = values + torch.relu(self.laterals[place](maps[LEVELS[place]]))
        values = torch.relu(self.head(values))
        heat, size, offset, points = (output(values) for output in self.outputs)
        return torch.sigmoid(heat), size, offset, points


def decode_centerface(
    heat: np.ndarray, size: np.ndarray, offset: np.ndarray, points: np.ndarray, least: float
) -> tuple[np.ndarray, ...]:
    """Boxes (K, 4) as x0 y0 x1 y1, points (K, 5, 2) and scores (K,) of one picture, in pixels of the input.

    heat, size, offset, points: the four maps, (channels, H/4, W/4).
    least: the score from which a face is one.
    """
    rows, columns = np.nonzero(heat[0] >= least)
    cells = np.stack([columns, rows], 1)
    sides = np.exp(size[::-1, rows, columns].T) * STRIDE  # width, height
    centres = (cells + offset[::-1, rows, columns].T + 0.5) * STRIDE
    corners = centres - sides / 2
    places = points[:, rows, columns].T.reshape(len(rows), len(POINTS), 2)[:, :, ::-1]
    return (
        np.concatenate([corners, corners + sides], 1),
        places * sides[:, None] + corners[:, None],
        heat[0, rows, columns],
    )


def rename_centerface(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the published file under the names of `CenterFace`.

    Folded convolutions have numbers for names there, in the order in which they are applied; others have names.
    """
    renamed: dict[str, Tensor] = {}
    numbered = sorted((name for name in published if name.isdigit()), key=int)
    tensors = iter([published[name] for name in numbered])
    with torch.device("meta"):
        network = CenterFace()
    convolutions = ["stem"]
    convolutions += [
        name for name, module in network.named_modules() if name.startswith("stages") and isinstance(module, nn.Conv2d)
    ]
    convolutions += ["last", *(f"laterals.{place}" for place in reversed(range(len(LEVELS)))), "head"]
    for name in convolutions:
        renamed[f"{name}.weight"], renamed[f"{name}.bias"] = next(tensors), next(tensors)
    for place in range(len(LEVELS)):
        neck = f"neck.deconv_layers.{place}"
        renamed[f"raises.{place}.weight"] = published[f"{neck}.conv.weight"]
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            renamed[f"norms.{place}.{leaf}"] = published[f"{neck}.bn.{leaf}"]
    for place, name in enumerate(("pos", "reg", "off", "lm")):
        renamed[f"outputs.{place}.weight"] = published[f"head.{name}_conv.weight"]
        renamed[f"outputs.{place}.bias"] = published[f"head.{name}_conv.bias"]
    return renamed
