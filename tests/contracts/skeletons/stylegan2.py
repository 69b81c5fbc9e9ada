"""StyleGAN2 with adaptive augmentation in small: statistics that steer training, lazy phases, spaces, truncation.

Karras et al. 2020, arXiv:1912.04958 (lazy regularisation, path length: appendix B); ADA: arXiv:2006.06676, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import softplus

from imagewright.capabilities import LatentPart
from imagewright.losses.penalties import squared_gradient
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.views import View
from skeletons.parts import WIDTH, SkeletonConfig, conv, patch_discriminator

LAYERS = 2  # that take a style each


@dataclass(frozen=True, kw_only=True)
class StyleGAN2Config(SkeletonConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"latent_dim": 8}

    latent_dim: int = Field(8, ge=1, le=1024, description="size of z and of w")


class Synthesis(nn.Module):
    """(N, layers, W) -> (N, C, H, W). The noise strength starts at zero."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        channels, height, width = config.image_shape
        self.start = nn.Sequential(
            nn.Linear(LAYERS * config.latent_dim, WIDTH * (height // 4) * (width // 4)),
            nn.Unflatten(1, (WIDTH, height // 4, width // 4)),
            nn.SiLU(),  # smooth: path lengths have a gradient to w
            nn.Upsample(scale_factor=4),
        )
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(1, WIDTH, height, width))
        self.to_image = conv(WIDTH, channels)

    def forward(self, styles: Tensor) -> Tensor:
        images: Tensor = self.to_image(self.start(styles.flatten(1)) + self.noise_strength * self.noise)
        return images


class StyleGAN2(Model):
    """Networks: `mapping` z -> w, `synthesis` of one w a layer, `discriminator`; the first two are averaged."""

    Config = StyleGAN2Config
    config: StyleGAN2Config
    averaged = ("mapping", "synthesis")
    spaces = ("z", "w")

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__(config)
        size = config.latent_dim
        self.mapping = nn.Sequential(nn.Linear(size, size), nn.LeakyReLU(0.2), nn.Linear(size, size))
        self.synthesis = Synthesis(config)
        self.discriminator = patch_discriminator(config.channels)
        self.register_buffer("w_mean", torch.zeros(size))
        self.register_buffer("path_mean", torch.zeros(()))
        self.register_buffer("augmentation", torch.zeros(()))  # ADA's p

    def recipe(self, images_seen: int = 0) -> Recipe:
        return Recipe(
            images_seen=1000,
            batch_size=8,
            optimizer=Optimizer(learning_rate=2e-3, betas=(0.0, 0.99)),
            average=Average(half_life=100, buffers="copy"),
        )

    def phases(self) -> list[Phase]:
        generator = ("mapping", "synthesis")
        return [
            Phase("generator", generator, self.generator_loss),
            Phase("path_length", generator, self.path_length_loss, every=4, lazy=True),
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
            Phase("r1", ("discriminator",), self.r1_loss, every=4, lazy=True),
        ]

    def generator_loss(self, step: Step) -> Terms:
        fake = self.synthesis(self._styles(step))
        return {"adversarial": softplus(-self._critic(self._augment(fake, step))).mean()}

    def path_length_loss(self, step: Step) -> Terms:
        styles = self._styles(step)
        images = self.synthesis(styles)
        noise = step.draws.normal(*images.shape[1:]) / (images.shape[2] * images.shape[3]) ** 0.5
        (gradient,) = torch.autograd.grad((images * noise).sum(), styles, create_graph=True)
        lengths = gradient.square().sum(2).mean(1).sqrt()
        self.path_mean.lerp_(step.mean(lengths.mean()), 0.01)
        return {"penalty": 2 * (lengths - self.path_mean).square().mean()}

    def discriminator_loss(self, step: Step) -> Terms:
        with torch.no_grad():
            fake = self.synthesis(self._styles(step))
        real_logits = self._critic(self._augment(step.images, step))
        # ADA: p follows the sign of the real logits, over the global batch.
        overfitting = step.mean(real_logits.sign().mean())
        self.augmentation.add_(0.01 * torch.sign(overfitting - 0.6)).clamp_(0, 1)
        return {
            "real": softplus(-real_logits).mean(),
            "fake": softplus(self._critic(self._augment(fake, step))).mean(),
        }

    def r1_loss(self, step: Step) -> Terms:
        return {"penalty": 5 * squared_gradient(self._critic, step.images).mean()}

    def _styles(self, step: Step) -> Tensor:
        """(N, layers, W): a second w from one layer on, by one decision for the global batch (style mixing)."""
        size = self.config.latent_dim
        w, second = self.mapping(step.draws.normal(size)), self.mapping(step.draws.normal(size))
        mixed = step.draws.whole() < 0.9
        self.w_mean.lerp_(step.mean(w.mean(0)), 0.005)
        return torch.stack([w, torch.where(mixed, second, w)], 1)

    def _augment(self, images: Tensor, step: Step) -> Tensor:
        flipped = step.draws.uniform(1, 1, 1) < self.augmentation / 2
        return torch.where(flipped, images.flip(-1), images)

    def _critic(self, images: Tensor) -> Tensor:
        return self.discriminator(images).flatten(1).mean(1)

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        fake = self.decode(draws.normal(self.config.latent_dim))
        return {"discriminator": (self._critic(rows["images"].images), self._critic(fake))}

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.latent_dim,)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, self.config.latent_dim, generator=generator)

    def decode(self, latents: Tensor) -> Tensor:
        return self.decode_w(self.mapping(latents))

    def decode_w(self, w: Tensor) -> Tensor:
        """(N, W) -> (N, C, H, W), the same w for every layer."""
        images: Tensor = self.synthesis(w[:, None].expand(-1, LAYERS, -1))
        return images.clamp(-1, 1)

    def in_space(self, name: str) -> Model:
        return self if name == "z" else InW(self, space=name)

    def truncated(self, psi: float) -> Model:
        return Truncated(self, psi)


class InW(View):
    """The same networks with w as latents."""

    base: StyleGAN2

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return self.base.latent_shape

    @property
    def latent_parts(self) -> tuple[LatentPart, ...]:
        return (LatentPart("w", "normal", 0, self.base.config.latent_dim),)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        w: Tensor = self.base.mapping(self.base.sample_latents(count, generator).to(self.device))
        return w.cpu()

    def decode(self, latents: Tensor) -> Tensor:
        return self.base.decode_w(latents)


class Truncated(View):
    """The same networks with every w moved towards the mean of w: psi = 1 changes nothing, 0 gives one image."""

    base: StyleGAN2

    def __init__(self, base: StyleGAN2, psi: float) -> None:
        super().__init__(base, truncation=psi)
        self.psi = psi

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return self.base.latent_shape

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return self.base.sample_latents(count, generator)

    def decode(self, latents: Tensor) -> Tensor:
        return self.base.decode_w(torch.lerp(self.base.w_mean, self.base.mapping(latents), self.psi))
