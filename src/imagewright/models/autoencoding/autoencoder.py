"""Autoencoder: an encoder to a narrow code and a decoder back; with noise at its input, a denoising autoencoder.

Hinton & Salakhutdinov 2006 (the code), Vincent et al. 2008 (denoising). Departures: trained by Adam end to end, without
layer-wise pre-training; convolutional unless `network="mlp"`.
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
from imagewright.layers.coders import Network, decoder, encoder
from imagewright.layers.first import first_activations, first_weight
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Step, Terms
from imagewright.recipe import Optimizer, Recipe

NOISES = "none, gaussian:SIGMA (0 to 10, pixels in [-1, 1]) or mask:SHARE (0 to 1 of the pixels set to black)"


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(Config):
    tiny_options: ClassVar[dict[str, Any]] = {"latent_dim": 4, "width": 8}

    latent_dim: int = Field(64, ge=1, le=65_536, description="size of the code")
    network: Network = Field("convolutional", description="convolutional, or mlp: fully connected")
    width: int = Field(
        32, ge=1, le=8192, description="channels after the first convolution, or units of a hidden layer of the mlp"
    )
    layers: int = Field(2, ge=1, le=16, description="hidden layers of the mlp")
    noise: str = Field("none", description=f"noise at the input, to be removed: {NOISES}")

    @field_validator("noise")
    @classmethod
    def _noise_is_known(cls, noise: str) -> str:
        parse_noise(noise)
        return noise


def parse_noise(noise: str) -> tuple[str, float]:
    """`"gaussian:0.3"` to `("gaussian", 0.3)`; raises `ValueError` for any other text."""
    if noise == "none":
        return "none", 0.0
    match = re.fullmatch(r"(gaussian|mask):(\d*\.?\d+)", noise)
    if match is None or not 0 < float(match[2]) <= (10 if match[1] == "gaussian" else 1):
        raise ValueError(f"noise={noise!r}, but it must be {NOISES}")
    return match[1], float(match[2])


class Autoencoder(Model):
    """Networks: `encoder` (N, C, H, W) -> (N, Z), `decoder` (N, Z) -> (N, C, H, W) before the final tanh."""

    Config = AutoencoderConfig
    config: AutoencoderConfig
    score_unit = "minus mean squared error, pixels in [-1, 1]"

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config)
        body = config.network, config.width, config.layers
        self.encoder = encoder(config.image_shape, config.latent_dim, *body)
        self.decoder = decoder(config.image_shape, config.latent_dim, *body)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return Recipe(images_seen=200_000, batch_size=64, optimizer=Optimizer(learning_rate=1e-3))

    def phases(self) -> list[Phase]:
        return [Phase("reconstruction", updates=("encoder", "decoder"), loss=self.reconstruction_loss)]

    def reconstruction_loss(self, step: Step) -> Terms:
        """Mean squared error against the clean image: Vincent et al. 2008, eq. 5, for real-valued pixels."""
        rebuilt = self.decode(self.encoder(self._noisy(step.images, step.draws)))
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
        return self._noisy(images, Draws(generator, len(images), 0, len(images)))

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        return -(self.decode(self.encode(images)) - images).flatten(1).square().mean(1)

    def _noisy(self, images: Tensor, draws: Draws) -> Tensor:
        kind, amount = parse_noise(self.config.noise)
        if kind == "gaussian":
            return images + amount * draws.normal(*images.shape[1:]).to(images.device)
        if kind == "mask":  # whole pixels: a mask a channel would leave the others to predict it from
            dropped = draws.uniform(1, *images.shape[2:]).to(images.device) < amount
            return torch.where(dropped, -1.0, images)
        return images
