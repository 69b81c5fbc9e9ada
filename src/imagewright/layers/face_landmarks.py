"""The face landmark network of StarGAN v2, and the masks of a face's parts that follow from its heat maps.

Wang et al. 2019, arXiv:1904.07399 (98 landmarks), after Bulat & Tzimiropoulos 2017, arXiv:1703.07332, and coordinate
channels of Liu et al. 2018, arXiv:1807.03247; masks: Choi et al. 2020, arXiv:1912.01865, appendix A. Layers and names
are those of the published network. Shape letters: N batch, C H W map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

SIDE = 256  # pixels of the images that the network was trained on
LANDMARKS = 98
DEPTH = 4  # halvings of the hourglass
FAINT = 0.1  # values of a heat map below it count as 0


class LandmarkNetwork(nn.Module):
    """From images (N, 3, 256, 256) in [0, 1] to heat maps of 98 landmarks and of the boundary, (N, 99, 64, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = CoordinateConv(3, 64, 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = HierarchicalBlock(64, 128)
        self.conv3 = HierarchicalBlock(128, 128)
        self.conv4 = HierarchicalBlock(128, 256)
        self.m0 = Hourglass(256, DEPTH)
        self.top_m_0 = HierarchicalBlock(256, 256)
        self.conv_last0 = nn.Conv2d(256, 256, 1)
        self.bn_end0 = nn.BatchNorm2d(256)
        self.l0 = nn.Conv2d(256, LANDMARKS + 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = relu(self.bn1(self.conv1(images)))
        maps = self.conv4(self.conv3(avg_pool2d(self.conv2(maps), 2)))
        maps = self.top_m_0(self.m0(maps))
        heatmaps: Tensor = self.l0(relu(self.bn_end0(self.conv_last0(maps))))
        return heatmaps


class CoordinateConv(nn.Module):
    """A convolution that also sees its place: row and column, from -1 to 1, and the distance from the middle."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs + 3, outputs, kernel, stride, padding)

    def forward(self, maps: Tensor) -> Tensor:
        height, width = maps.shape[2:]
        rows = torch.linspace(-1, 1, height, device=maps.device)[:, None].expand(height, width)
        columns = torch.linspace(-1, 1, width, device=maps.device)[None].expand(height, width)
        radii = (rows.square() + columns.square()).sqrt()
        places = torch.stack([rows, columns, radii / radii.max()]).to(maps.dtype)
        made: Tensor = self.conv(torch.cat([maps, places.expand(len(maps), -1, -1, -1)], 1))
        return made


class HierarchicalBlock(nn.Module):
    """Three 3x3 convolutions in a row, whose results of a half, a quarter and a quarter of the channels are joined."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half, quarter = outputs // 2, outputs // 4
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, half, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, quarter, 3, 1, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(quarter)
        self.conv3 = nn.Conv2d(quarter, quarter, 3, 1, 1, bias=False)
        self.downsample: nn.Module | None = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(inputs), nn.ReLU(True), nn.Conv2d(inputs, outputs, 1, bias=False)
            )

    def forward(self, maps: Tensor) -> Tensor:
        one = self.conv1(relu(self.bn1(maps)))
        two = self.conv2(relu(self.bn2(one)))
        three = self.conv3(relu(self.bn3(two)))
        added: Tensor = maps if self.downsample is None else self.downsample(maps)
        return torch.cat([one, two, three], 1) + added


class Hourglass(nn.Module):
    """From maps (N, C, H, W) to the same shape, seen at `depth` smaller sizes as well. Newell et al. 2016."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        self.coordconv = CoordinateConv(channels, channels, 1)
        for level in range(depth, 0, -1):
            for part in ("b1", "b2", "b3"):
                self.add_module(f"{part}_{level}", HierarchicalBlock(channels, channels))
        self.b2_plus_1 = HierarchicalBlock(channels, channels)

    def forward(self, maps: Tensor) -> Tensor:
        return self._at(self.depth, self.coordconv(maps))

    def _at(self, level: int, maps: Tensor) -> Tensor:
        block = self.get_submodule
        smaller = block(f"b2_{level}")(avg_pool2d(maps, 2))
        smaller = self._at(level - 1, smaller) if level > 1 else self.b2_plus_1(smaller)
        smaller = block(f"b3_{level}")(smaller)
        summed: Tensor = block(f"b1_{level}")(maps) + interpolate(smaller, scale_factor=2, mode="nearest")
        return summed


# Masks. Landmarks: 0-32 contour, 33-50 eyebrows, 51-59 nose, 60-75 eyes, 76-95 mouth, 96-97 pupils.

# Maps from `first` to `last`: moved up by rows (pixels at 256), and to a power.
MOVED = (
    (8, 24, 0, 3),  # chin
    (33, 50, -7, 2),  # eyebrows
    (55, 59, 8, 4),  # nostrils
    (77, 81, -8, 4),  # upper lip
    (83, 87, 8, 4),  # lower lip
    (88, 95, -2, 3),  # inner lip
)
CLEARED = (*range(8), *range(25, 33), 33, 46, 76, 82)
NOSE, EYES = slice(52, 55), slice(60, 76)
NOSE_ROWS, EYES_ROWS = 4, (-8, -24)
# Parts that the second mask leaves out.
OUTER = (slice(8, 25), slice(76, 96), slice(33, 51))


def face_masks(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Masks (N, 1, 4 h, 4 w) in [0, 1] from heat maps of landmarks (N, 98, h, w), without the boundary.

    The first one shows all parts of the face, the second one the eyes and the nose.
    """
    large = interpolate(heatmaps, scale_factor=4, mode="bilinear", align_corners=True)
    maps = _normalised(torch.where(large < FAINT, 0.0, large))
    scale = maps.shape[2] // SIDE  # 1 at the published size
    for first, last, rows, power in MOVED:
        part = slice(first, last + 1)
        maps[:, part] = _moved(maps[:, part], rows * scale) ** power
    maps[:, CLEARED] = 0
    maps[:, NOSE] = _moved(maps[:, NOSE], NOSE_ROWS * scale)
    near, far = EYES_ROWS
    maps[:, EYES] = _moved(maps[:, EYES], near) ** 3 + _moved(maps[:, EYES], far)
    whole = maps.sum(1, keepdim=True).clamp(0, 1)
    for part in OUTER:
        maps[:, part] = 0
    return whole, maps.sum(1, keepdim=True).clamp(0, 1)


def _normalised(maps: Tensor, eps: float = 1e-6) -> Tensor:
    """Each map from 0 to 1."""
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    return (maps - low) / (high - low + eps)


def _moved(maps: Tensor, rows: int) -> Tensor:
    """Each row shows what is `rows` further down, in a circle."""
    return maps.roll(-rows, 2)
