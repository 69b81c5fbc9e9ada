"""A tiny model with two latent spaces and truncation, as StyleGAN has them, and a mean that can be computed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from imagewright import catalogue
from imagewright.catalogue import Entry
from imagewright.configs import Config
from imagewright.errors import UserError
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.runs.weights import write_tensors
from imagewright.views import View

Z, W = 4, 6


class TwoSpaces(Model):
    """z is normal; a mapping network makes w of it; a linear synthesis network makes images of w."""

    Config = Config
    spaces = ("z", "w")
    latent_shape = (Z,)

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config or Config(size=(8, 8), channels=3))
        self.mapping, self.synthesis = nn.Linear(Z, W), nn.Linear(W, 3 * self.config.size[0] * self.config.size[1])
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.4, generator=generator)
        # As running means are kept in training: the mean of w over the prior.
        self.register_buffer("w_average", self.mapping.bias.detach().clone())

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, Z, generator=generator)

    def decode(self, latents: Tensor) -> Tensor:
        return self.synthesize(self.mapping(latents))

    def synthesize(self, latents: Tensor) -> Tensor:
        return self.synthesis(latents).unflatten(1, (3, *self.config.size)).tanh()

    def truncate(self, latents: Tensor, psi: float) -> Tensor:
        return torch.lerp(self.w_average, latents, psi)

    def in_space(self, name: str) -> Model:
        return self if name == "z" else InW(self)

    def truncated(self, psi: float) -> Model:
        if not 0 <= psi <= 1:
            raise UserError(f"truncation={psi:g}, but it must be from 0 to 1.")
        return TruncatedZ(self, truncation=psi)


class InW(View):
    """Latents are w."""

    base: TwoSpaces
    latent_shape = (W,)

    def __init__(self, base: TwoSpaces) -> None:
        super().__init__(base, space="w")

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        with torch.no_grad():
            return self.base.mapping(self.base.sample_latents(count, generator))

    def decode(self, latents: Tensor) -> Tensor:
        return self.base.synthesize(latents)

    def truncated(self, psi: float) -> Model:
        return TruncatedW(self, truncation=psi)


class TruncatedZ(View):
    """Latents are z, and w is truncated."""

    base: TwoSpaces
    latent_shape = (Z,)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return self.base.sample_latents(count, generator)

    def decode(self, latents: Tensor) -> Tensor:
        return self.base.synthesize(self.base.truncate(self.base.mapping(latents), self.truncation))


class TruncatedW(View):
    """Latents are w, truncated when they are decoded."""

    base: InW
    latent_shape = (W,)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return self.base.sample_latents(count, generator)

    def decode(self, latents: Tensor) -> Tensor:
        return self.base.decode(self.base.base.truncate(latents, self.truncation))


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue knows the model until the test ends."""
    target = f"{TwoSpaces.__module__}:{TwoSpaces.__qualname__}"
    table = {**catalogue.entries(), "twospaces": Entry("twospaces", target, "tests", "a test's", "none", ())}
    monkeypatch.setattr(catalogue, "entries", lambda: table)


def write_run(path: Path, model: TwoSpaces | None = None) -> Run:
    """A run with the model's weights in its one checkpoint."""
    model = model or TwoSpaces()
    record = {"model": "twospaces", "config": {"size": list(model.config.size), "channels": 3}}
    run = Run.create(path, record)
    write_tensors(run.checkpoint_at(8).weights, model.state_dict(), record | {"images_seen": 8})
    return run
