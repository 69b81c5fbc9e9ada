"""Autoencoder: an encoder to a short code, and a decoder back to the image; with input noise, a denoising autoencoder.

Hinton & Salakhutdinov 2006 (autoencoder), Vincent et al. 2008 (denoising). Departures: trained by Adam end to end,
without layer-wise pre-training; convolutional unless `network="mlp"`.
Shape letters: N batch, C H W image, Z code.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import torch
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import Config
from imagewright.layers.coders import Network, build_decoder, build_encoder
from imagewright.layers.first import first_activations, first_weight
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Step, Terms
from imagewright.recipe import Optimizer, Recipe

NOISES = "none, gaussian:SIGMA (0 to 10, pixels in [-1, 1]) or mask:SHARE (0 to 1 of the pixels set to black)"


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(Config):
    """The options of the autoencoder."""

    tiny_options: ClassVar[dict[str, Any]] = {"latent_dim": 4, "width": 8}

    latent_dim: int = Field(64, ge=1, le=65_536, description="size of the code")
    network: Network = Field("convolutional", description="convolutional, or mlp: fully connected")
    width: int = Field(
        32, ge=1, le=8192, description="channels after the first convolution, or units of a hidden layer of the mlp"
    )
    layers: int = Field(2, ge=1, le=16, description="hidden layers of the mlp")
    noise: str = Field("none", description=f"noise of the input, which the model learns to remove: {NOISES}")

    @field_validator("noise")
    @classmethod
    def _noise_is_known(cls, noise: str) -> str:
        parse_noise(noise)
        return noise


def parse_noise(noise: str) -> tuple[str, float]:
    """Kind and amount of noise, such as ("gaussian", 0.3) for "gaussian:0.3". Raises `ValueError` for other texts."""
    if noise == "none":
        return "none", 0.0
    match = re.fullmatch(r"(gaussian|mask):(\d*\.?\d+)", noise)
    if match is None or not 0 < float(match[2]) <= (10 if match[1] == "gaussian" else 1):
        raise ValueError(f"noise={noise!r}, but it must be {NOISES}")
    return match[1], float(match[2])


class Autoencoder(Model):
    """Networks: `encoder`, from (N, C, H, W) to (N, Z), and `decoder`, from (N, Z) to (N, C, H, W) before a tanh."""

    Config = AutoencoderConfig
    config: AutoencoderConfig
    score_unit = "minus mean squared error, pixels in [-1, 1]"

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config)
        body = config.network, config.width, config.layers
        self.encoder = build_encoder(config.image_shape, config.latent_dim, *body)
        self.decoder = build_decoder(config.image_shape, config.latent_dim, *body)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return Recipe(images_seen=200_000, batch_size=64, optimizer=Optimizer(learning_rate=1e-3))

    def phases(self) -> list[Phase]:
        return [Phase("reconstruction", updates=("encoder", "decoder"), loss=self.reconstruction_loss)]

    def reconstruction_loss(self, step: Step) -> Terms:
        """The mean squared error to the clean image: Vincent et al. 2008, eq. 5, for real-valued pixels."""
        rebuilt = self.decode(self.encoder(self._add_noise(step.images, step.draws)))
        return {"squared_error": (rebuilt - step.images).square().mean()}

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.latent_dim,)

    def encode(self, images: Tensor) -> Tensor:
        codes: Tensor = self.encoder(images)
        return codes

    def decode(self, latents: Tensor) -> Tensor:
        return torch.tanh(self.decoder(latents))

    def activations(self, latents: Tensor) -> Tensor:
        return first_activations(self.decoder, latents)

    def first_weight(self) -> Tensor:
        return first_weight(self.decoder, torch.eye(self.latent_shape[0], device=self.device))

    def add_noise(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return self._add_noise(images, Draws(generator, len(images), 0, len(images)))

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """Minus the mean squared reconstruction error of each image, (N,)."""
        return -(self.decode(self.encode(images)) - images).flatten(1).square().mean(1)

    def _add_noise(self, images: Tensor, draws: Draws) -> Tensor:
        kind, amount = parse_noise(self.config.noise)
        if kind == "gaussian":
            return images + amount * draws.normal(*images.shape[1:]).to(images.device)
        if kind == "mask":  # in all channels of a pixel, since one channel could be predicted from the others
            dropped = draws.uniform(1, *images.shape[2:]).to(images.device) < amount
            return torch.where(dropped, -1.0, images)
        return images
