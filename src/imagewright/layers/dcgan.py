"""The generator and discriminator of DCGAN, for all models built on them, and the image sizes that they support.

Radford, Metz & Chintala 2015, arXiv:1511.06434, section 3. Layers and their order are those of the PyTorch example, so
that state dicts of either load into the other. Shape letters: N batch, Z inputs, C H W image, F features.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.configs import SizedConfig
from imagewright.layers.first import first_activations, first_weight
from imagewright.layers.pca_base import PCABase

START = 4  # the shorter side of the first map
WIDEST = 16  # times `width`, up to which channels double; in the paper, at 64 pixels, they end at 8


@dataclass(frozen=True, kw_only=True)
class DCGANShape(SizedConfig):
    """The sizes and widths of the networks. The shorter side is 4 times a power of two."""

    width: int = Field(64, ge=1, le=2048, description="channels at the finest map; doubled at each halving")

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        return (
            "the shorter side must be 4 times a power of two (8, 16, 32, 64, 128 ...) and the longer side a multiple "
            "of a quarter of it"
        )

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        doublings = max(1, round(math.log2(max(min(height, width), 1) / START)))
        scale = START * 2**doublings / min(height, width)
        height, width = (max(START, round(side * scale / 2**doublings)) * 2**doublings for side in (height, width))
        return height, width

    @property
    def doublings(self) -> int:
        """The number of doublings from the size of the first map to that of the image."""
        return int(math.log2(min(self.size) // START))

    @property
    def start(self) -> tuple[int, int]:
        """Height and width of the first map."""
        return self.size[0] >> self.doublings, self.size[1] >> self.doublings

    @property
    def widths(self) -> list[int]:
        """Channels of the maps between the image and the first map, finest first."""
        return [self.width * min(2**level, WIDEST) for level in range(self.doublings)]


class Generator(nn.Module):
    """From (N, Z) to images (N, C, H, W) in [-1, 1].

    shape: size and widths.
    inputs: Z.
    components: of the base that is given to it, of which it learns the gains; 0 without a base.
    """

    def __init__(self, shape: DCGANShape, inputs: int, components: int = 0) -> None:
        super().__init__()
        widths = shape.widths[::-1]
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(inputs, widths[0], shape.start, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(True),
        ]
        for inner, outer in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outer),
                nn.ReLU(True),
            ]
        layers += [nn.ConvTranspose2d(widths[-1], shape.channels, 4, stride=2, padding=1, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)
        self.apply(_initialise_as_published)
        if components:
            self.gains = nn.Parameter(torch.ones(components))

    def forward(self, latents: Tensor, base: PCABase | None = None) -> Tensor:
        """base: whose samples of the first inputs are added before the tanh; None for nothing."""
        inputs = latents.flatten(1)
        maps: Tensor = self.main[:-1](inputs[..., None, None])
        if base is not None:
            maps = maps + base(inputs[:, : len(self.gains)], self.gains)
        images: Tensor = self.main[-1](maps)
        return images

    def activations(self, latents: Tensor) -> Tensor:
        """The first map, flattened: (N, Z) to (N, F)."""
        return first_activations(self.main, latents.flatten(1)[..., None, None])

    def first_weight(self) -> Tensor:
        """The matrix (F, Z) of the first layer, with its batch normalisation in evaluation mode."""
        projection = next(self.main.parameters())  # (Z, F, height, width)
        return first_weight(self.main, torch.eye(len(projection)).to(projection)[..., None, None])


class Discriminator(nn.Module):
    """From images (N, C, H, W) to logits (N,), without the sigmoid of the paper.

    shape: size and widths.
    normalised: whether it has batch normalisation. It must not if the gradient at each image is penalised, because
        batch statistics mix the gradients of images. Without norms the convolutions have biases; without both, the
        logit of a mid-grey image (all pixels 0) would be 0 for any weights.
    channels: of the input, if it has more channels than the image.
    """

    def __init__(self, shape: DCGANShape, *, normalised: bool, channels: int | None = None) -> None:
        super().__init__()
        widths = shape.widths
        layers: list[nn.Module] = [
            nn.Conv2d(channels or shape.channels, widths[0], 4, stride=2, padding=1, bias=not normalised),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for inner, outer in pairwise(widths):
            layers += [
                nn.Conv2d(inner, outer, 4, stride=2, padding=1, bias=not normalised),
                nn.BatchNorm2d(outer) if normalised else nn.Identity(),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        layers.append(nn.Conv2d(widths[-1], 1, shape.start, bias=False))
        self.main = nn.Sequential(*layers)
        self.apply(_initialise_as_published if normalised else _initialise_without_norms)

    def forward(self, images: Tensor) -> Tensor:
        # In fp32, because losses take exponentials and logarithms of logits.
        logits: Tensor = self.main(images).flatten().float()
        return logits

    def features(self, images: Tensor) -> Tensor:
        """The last map (N, F, height, width), from which the logit is computed."""
        maps: Tensor = self.main[:-1](images)
        return maps

    def compute_logits(self, features: Tensor) -> Tensor:
        """Logits (N,) from the last map."""
        logits: Tensor = self.main[-1](features).flatten().float()
        return logits


def _initialise_as_published(module: nn.Module) -> None:
    """Section 4 of the paper: weights from N(0, 0.02); scales of norms from N(1, 0.02), as in the PyTorch example."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def _initialise_without_norms(module: nn.Module) -> None:
    """He et al. 2015, arXiv:1502.01852, eq. 15. With the paper's deviation of 0.02 the signal would vanish."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, a=0.2, nonlinearity="leaky_relu")
