"""Networks of a few layers that the skeletons share. Shape letters: N batch, C H W image, F features."""

from __future__ import annotations

from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from imagewright.configs import Config, SizedConfig

WIDTH = 8


@dataclass(frozen=True, kw_only=True)
class SkeletonConfig(SizedConfig):
    """Sizes that can be halved twice."""

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        return "both sides must be multiples of 4"

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        return max(4, round(height / 4) * 4), max(4, round(width / 4) * 4)


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    """3x3, of the same size."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def translator(inputs: int, outputs: int) -> nn.Sequential:
    """(N, inputs, H, W) -> (N, outputs, H, W) in [-1, 1]."""
    # Without a bias before the norm, which would remove it.
    first = nn.Conv2d(inputs, WIDTH, 3, padding=1, bias=False)
    return nn.Sequential(first, nn.InstanceNorm2d(WIDTH), nn.ReLU(), conv(WIDTH, outputs), nn.Tanh())


def patch_discriminator(channels: int) -> nn.Sequential:
    """(N, C, H, W) -> logits (N, 1, H / 4, W / 4)."""
    return nn.Sequential(nn.Conv2d(channels, WIDTH, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(WIDTH, 1, 4, 2, 1))


def image_encoder(config: Config, outputs: int) -> nn.Sequential:
    """(N, C, H, W) -> (N, outputs)."""
    channels, height, width = config.image_shape
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(channels * (height // 4) * (width // 4), outputs))


def as_maps(values: Tensor, images: Tensor) -> Tensor:
    """Numbers (N, F) as maps (N, F, H, W) of the size of the images."""
    return values[:, :, None, None].expand(-1, -1, *images.shape[2:])


def halved(images: Tensor, times: int) -> Tensor:
    return avg_pool2d(images, 2**times) if times else images
