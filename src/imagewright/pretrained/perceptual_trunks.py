"""The convolutional parts of four classification networks, under the names of their published weights.

VGG-16 and VGG-19: Simonyan & Zisserman 2015, arXiv:1409.1556, table 1, columns D and E. AlexNet in one column:
Krizhevsky 2014, arXiv:1404.5997. SqueezeNet 1.1: Iandola et al. 2016, arXiv:1602.07360, in the authors' later, smaller
version. Names are those of torchvision's state dicts: `features.0.weight` ...
Shape letters: N pictures, H W.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Trunk(nn.Module):
    """Layers in sequence. `outputs` are the numbers of the layers whose values are returned."""

    def __init__(self, layers: list[nn.Module], outputs: tuple[int, ...]) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers[: outputs[-1] + 1])
        self.outputs = outputs

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalised pictures (N, 3, H, W) to the values of the layers in `outputs`, each (N, F, H', W')."""
        found = []
        for number, layer in enumerate(self.features):
            images = layer(images)
            if number in self.outputs:
                found.append(images)
        return found


class Fire(nn.Module):
    """SqueezeNet's module: 1x1 to few channels (`squeeze`), then 1x1 and 3x3 in parallel, concatenated (`expand`)."""

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
    """VGG-16. Outputs: the last ReLU before each pooling."""
    return Trunk(_vgg_layers((2, 2, 3, 3, 3)), (3, 8, 15, 22, 29))


def vgg19() -> Trunk:
    """VGG-19 (column E). Outputs: the first ReLU of each block, relu1_1 to relu5_1."""
    return Trunk(_vgg_layers((2, 2, 4, 4, 4)), (1, 6, 11, 20, 29))


def _vgg_layers(convolutions: tuple[int, ...]) -> list[nn.Module]:
    """Blocks of so many 3x3 convolutions, each block with a pooling after it."""
    layers: list[nn.Module] = []
    channels = 3
    for width, count in zip((64, 128, 256, 512, 512), convolutions, strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return layers


def alex() -> Trunk:
    """AlexNet. Outputs: each ReLU."""
    layers = [
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
    ]
    return Trunk(layers, (1, 4, 7, 9, 11))


def squeeze() -> Trunk:
    """SqueezeNet 1.1. Outputs: the first ReLU, the module before each further pooling, and the last four modules."""

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    layers = [
        *(nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), pool()),
        *(Fire(64, 16, 64), Fire(128, 16, 64), pool()),
        *(Fire(128, 32, 128), Fire(256, 32, 128), pool()),
        *(Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256)),
    ]
    return Trunk(layers, (1, 4, 7, 9, 10, 11, 12))


TRUNKS: dict[str, Callable[[], Trunk]] = {"vgg": vgg, "vgg19": vgg19, "alex": alex, "squeeze": squeeze}
WIDTHS = {
    "vgg": (64, 128, 256, 512, 512),
    "alex": (64, 192, 384, 256, 256),
    "squeeze": (64, 128, 256, 384, 384, 512, 512),
}
LEAST_SIDE = {"vgg": 16, "alex": 31, "squeeze": 17}  # in pixels; smaller pictures have no values at the last output


def build_trunk(name: str) -> Trunk:
    """A trunk of the table with random weights."""
    return TRUNKS[name]()
