"""The convolutional parts of three classification networks, with the names that their published weights have.

VGG-16: Simonyan & Zisserman 2015, arXiv:1409.1556, table 1, column D. AlexNet in one column: Krizhevsky 2014,
arXiv:1404.5997. SqueezeNet 1.1: Iandola et al. 2016, arXiv:1602.07360, in the authors' later, lighter version. Names
are those of torchvision's state dicts: `features.0.weight` ...
Shape letters: N pictures, H W.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Trunk(nn.Module):
    """Layers in a row, and after which of them their values are kept."""

    def __init__(self, layers: list[nn.Module], kept: tuple[int, ...]) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers[: kept[-1] + 1])
        self.kept = kept

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalised pictures (N, 3, H, W) to the kept values, each (N, F, H', W')."""
        found = []
        for number, layer in enumerate(self.features):
            images = layer(images)
            if number in self.kept:
                found.append(images)
        return found


class Fire(nn.Module):
    """SqueezeNet's module: few channels (`squeeze`), then as many of 1x1 as of 3x3 beside one another (`expand`)."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 2 * expanded, H, W)."""
        squeezed = self.squeeze(values).relu()
        return torch.cat([self.expand1x1(squeezed).relu(), self.expand3x3(squeezed).relu()], 1)


def vgg() -> Trunk:
    """VGG-16: the last ReLU before each pooling, and the very last."""
    layers: list[nn.Module] = []
    channels = 3
    for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return Trunk(layers, (3, 8, 15, 22, 29))


def alex() -> Trunk:
    """AlexNet: after each ReLU."""
    layers = [
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
    ]
    return Trunk(layers, (1, 4, 7, 9, 11))


def squeeze() -> Trunk:
    """SqueezeNet 1.1: the first ReLU, the module before each pooling, and the last four."""

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    layers = [
        *(nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), pool()),
        *(Fire(64, 16, 64), Fire(128, 16, 64), pool()),
        *(Fire(128, 32, 128), Fire(256, 32, 128), pool()),
        *(Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256)),
    ]
    return Trunk(layers, (1, 4, 7, 9, 10, 11, 12))


TRUNKS: dict[str, Callable[[], Trunk]] = {"vgg": vgg, "alex": alex, "squeeze": squeeze}
WIDTHS = {
    "vgg": (64, 128, 256, 512, 512),
    "alex": (64, 192, 384, 256, 256),
    "squeeze": (64, 128, 256, 384, 384, 512, 512),
}
LEAST_SIDE = {"vgg": 16, "alex": 31, "squeeze": 17}  # pixels, under which the last kept values are none


def trunk_named(name: str) -> Trunk:
    """A trunk of the table, its weights drawn at random."""
    return TRUNKS[name]()
