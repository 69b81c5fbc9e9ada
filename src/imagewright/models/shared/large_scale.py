"""What BigGAN and BigGAN-deep share: options, objective, recipe and verbs. Their networks differ.

Brock, Donahue & Simonyan 2019, arXiv:1809.11096. Shape letters: N batch, Z noise, K classes or attributes, C H W image,
F features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.configs import ConditionedConfig
from imagewright.layers.biggan import BigGANShape, ProjectionDiscriminator
from imagewright.layers.conditions import ConditionalLatents, Conditions
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.orthogonal import orthogonal_penalty
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.seeds import derive_seed
from imagewright.traits import Traits
from imagewright.views import SameLatents

HINGE = ADVERSARIAL["hinge"]
BATCH, STEPS = 2048, 150_000
HALF_LIFE = 6931 * BATCH  # images: 0.9999 a step
AVERAGED_FROM = 20_000 * BATCH  # images
STATISTICS_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class LargeScaleConfig(ConditionedConfig, BigGANShape):
    """What BigGAN and BigGAN-deep have both."""

    condition: Literal["auto", "labels", "attributes"] = Field(
        "auto", description="what the model is conditioned on; auto: labels if there are any, else attributes"
    )
    latent_dim: int = Field(120, ge=1, le=65_536, description="size of the noise vector, beside the condition")
    embedding_dim: int = Field(128, ge=0, le=4096, description="numbers in the embedding that all norms share")
    orthogonal: float = Field(1e-4, ge=0, le=1e3, description="weight of the orthogonal regularisation")
    discriminator_steps: int = Field(
        1, ge=1, le=100, description="updates of the discriminator for each of the generator"
    )
    norm_eps: float = Field(1e-5, gt=0, le=1, description="added to the variances of norms")
    spectral_eps: float = Field(1e-6, gt=0, le=1, description="least norm of vectors in the spectral norms")

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """On a CPU narrow networks, small batches and higher rates; on a GPU batches of a million pixels."""
        if traits.accelerator:
            return {"batch_size": max(16, min(256, 2**20 // (traits.height * traits.width)))}
        narrow = 12 if max(traits.height, traits.width) < 48 else 8
        options: dict[str, Any] = {
            "width": narrow,
            "discriminator_width": narrow,
            "latent_dim": 64,
            "embedding_dim": 32,
        }
        # Observed on Fashion-MNIST at 28 pixels: at a rate of 1e-3 the discriminator's last units die within a thousand
        # steps, all logits are equal from then on, and nothing is learned.
        return options | {"batch_size": 32, "learning_rate": 3e-4}


class LargeScaleGAN(ConditionalLatents):
    """Mix-in of a `Model` with the networks `generator` and `discriminator`, which take conditions.

    Classes list `Model` first among their bases, so each assigns `phases = LargeScaleGAN.phases`.

    A latent is noise (Z), then the condition (K): weights of classes, or a number from 0 to 1 for each attribute. The
    embedding of several classes is the mean of theirs by these weights, so that classes can be mixed.
    """

    config: LargeScaleConfig
    conditions: Conditions
    generator: nn.Module
    discriminator: ProjectionDiscriminator
    training: bool

    # Objective

    def phases(self) -> list[Phase]:
        return [
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
            Phase("generator", ("generator",), self.generator_loss, every=self.config.discriminator_steps),
        ]

    def discriminator_loss(self, step: Step) -> Terms:
        """The hinge loss of real and of new images, which pass in one batch."""
        conditions = self._conditions_of(step)
        if self.training:
            vectors = self.conditions.to_vectors(step.labels, step.attributes)
            self.conditions.remember(step.gather(vectors)[0])
        wanted = self._wanted(step, conditions)
        with torch.no_grad():
            fake = self.generator(step.draws.normal(self.noise_dim), wanted).to(step.images.dtype)
        logits = self.discriminator(torch.cat([fake, step.images]), torch.cat([wanted, conditions]))
        return HINGE.discriminator(logits[len(fake) :], logits[: len(fake)])

    def generator_loss(self, step: Step) -> Terms:
        wanted = self._wanted(step, self._conditions_of(step))
        fake = self.generator(step.draws.normal(self.noise_dim), wanted)
        terms = HINGE.generator(self.discriminator(fake, wanted), None)
        if self.config.orthogonal:
            terms["orthogonal"] = self.config.orthogonal * orthogonal_penalty(self._regularised())
        return terms

    def _conditions_of(self, rows: Rows) -> Tensor:
        """Classes, int64 (N,), or attributes (N, K) of images."""
        given = rows.labels if self.conditions.of_classes else rows.attributes
        assert given is not None
        return given

    def _wanted(self, step: Step, conditions: Tensor) -> Tensor:
        """Conditions of new images: classes with equal probability, or the attributes of the real images."""
        return step.draws.integers(self.conditions.count) if self.conditions.of_classes else conditions

    def _regularised(self) -> list[Tensor]:
        """The weights of the generator but its embedding."""
        inside = self.generator.named_parameters()
        return [weight for name, weight in inside if weight.ndim > 1 and not name.startswith(("shared", "embeddings"))]

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        images, conditions = rows["images"].images, self._conditions_of(rows["images"])
        fake = self.generator(draws.normal(self.noise_dim), conditions)
        return {"discriminator": (self.discriminator(images, conditions), self.discriminator(fake, conditions))}

    # Verbs

    @property
    def noise_dim(self) -> int:
        return int(self.config.noise)  # type: ignore[attr-defined]

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.generator(*self.split_latents(latents))
        return images

    def split_latents(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Noise (N, Z) and conditions (N, K)."""
        return latents[:, : self.noise_dim], latents[:, self.noise_dim :]

    def extract_features(self, images: Tensor) -> Tensor:
        """The discriminator's last map, summed over its places: (N, F)."""
        return self.discriminator.features(images)

    def statistics_latents(self, number: int, seed: int) -> Tensor:
        """Batch `number` of the latents that standing statistics are computed of."""
        generator = torch.Generator().manual_seed(derive_seed(seed, "standing statistics", number))
        return self.sample_latents(STATISTICS_BATCH, generator).to(self.conditions.filled.device)


def build_recipe(generator_rate: float, discriminator_rate: float) -> Recipe:
    """The recipe for 128 pixels of the authors' PyTorch code with these learning rates."""
    betas, eps = (0.0, 0.999), 1e-6
    return Recipe(
        images_seen=STEPS * BATCH,
        batch_size=BATCH,
        optimizer=Optimizer(learning_rate=generator_rate, betas=betas, eps=eps),
        optimizers={
            "discriminator": Optimizer(learning_rate=discriminator_rate, betas=betas, eps=eps),
        },
        average=Average(half_life=HALF_LIFE, start=AVERAGED_FROM, buffers="copy"),
    )


class TruncatedNoise(SameLatents):
    """A view of the same networks with less noise."""

    truncation: float

    def truncate(self, noise: Tensor) -> Tensor:
        """Noise (N, Z) within the bounds of this truncation, of the quantiles of normal noise."""
        raise NotImplementedError

    def sample_latents(self, count: int, generator: torch.Generator, **given: Any) -> Tensor:
        base: Any = self.base
        latents: Tensor = base.sample_latents(count, generator, **given)
        return torch.cat([self.truncate(latents[:, : base.noise_dim]), latents[:, base.noise_dim :]], 1)
