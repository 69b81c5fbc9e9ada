"""Shared by tests of metrics on pictures: pictures by number, and models with known results."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from imagewright.capabilities import LatentPart
from imagewright.configs import Config
from imagewright.model import Model
from imagewright.pretrained.features.contract import About, Features


class ArrayPictures:
    """Pictures uint8 (N, C, H, W) by number."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def pictures(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(self.pixels[rows])


def smooth_pictures(count: int, size: tuple[int, int] = (16, 16), channels: int = 3, seed: int = 0) -> np.ndarray:
    """uint8 (N, C, H, W): sums of waves, so that neighbouring pixels are similar, as in photographs."""
    random = np.random.default_rng(seed)
    down, right = np.meshgrid(*(np.arange(side) for side in size), indexing="ij")
    phases = random.uniform(0, 6.28, (count, channels, 3, 1, 1))
    speeds = random.uniform(0.1, 0.7, (2, count, channels, 3, 1, 1))
    waves = np.sin(speeds[0] * down + speeds[1] * right + phases).mean(2)
    return np.clip(128 + 110 * waves, 0, 255).astype(np.uint8)


class Linear(Model):
    """Decodes normal latents by a matrix. If `conditional`, the last two numbers of a latent are one of two classes."""

    Config = Config

    def __init__(
        self, latents: int = 6, size: tuple[int, int] = (8, 8), channels: int = 1, conditional: bool = False
    ) -> None:
        super().__init__(Config(size=size, channels=channels))
        self.shape, self.conditional = (channels, *size), conditional
        self.latent_shape = (latents + 2 * conditional,)
        generator = torch.Generator().manual_seed(1)
        self.register_buffer(
            "matrix", torch.randn(channels * size[0] * size[1], *self.latent_shape, generator=generator)
        )

    @property
    def latent_parts(self) -> tuple[LatentPart, ...]:
        noise = self.latent_shape[0] - 2 * self.conditional
        parts = (LatentPart("noise", "normal", 0, noise),)
        return (*parts, LatentPart("class", "category", noise, noise + 2)) if self.conditional else parts

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        latents = torch.randn(count, *self.latent_shape, generator=generator)
        if self.conditional:
            latents[:, -2:] = torch.eye(2)[torch.randint(2, (count,), generator=generator)]
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        return (latents @ self.matrix.T).view(-1, *self.shape)


class Darker(Model):
    """Reconstructs pictures `steps` grey levels darker."""

    Config = Config

    def __init__(self, size: tuple[int, int], channels: int, steps: int) -> None:
        super().__init__(Config(size=size, channels=channels))
        self.latent_shape, self.steps = (channels, *size), steps

    def encode(self, images: Tensor) -> Tensor:
        return images

    def decode(self, latents: Tensor) -> Tensor:
        return latents - self.steps / 127.5


class Averages:
    """Features without a network: the mean brightness and detail of sixteen parts of a picture."""

    about = About("averages", "0", 32, None, "none", None, "0 to 1", "none")
    block, concurrent = 1, True

    def prepare(self, images: Tensor) -> Tensor:
        values = images.float().mean(1, keepdim=True) / 255
        down, right = values.diff(dim=2)[..., :-1], values.diff(dim=3)[..., :-1, :]
        detail = functional.adaptive_avg_pool2d(down.square() + right.square(), 4).sqrt()
        return torch.cat([functional.adaptive_avg_pool2d(values, 4), detail], 1).flatten(1)

    def extract(self, prepared: Tensor) -> Features:
        return Features(prepared)
