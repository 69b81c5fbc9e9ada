"""BigGAN: class-conditional generation at scale.

Brock, Donahue & Simonyan 2019, arXiv:1809.11096: hinge loss, class-conditional norms of a shared embedding, latents
that reach every block (section 3), the truncation trick and orthogonal regularisation (eq. 3); networks of appendix B
(`layers/biggan.py`). Numbers are those of the authors' PyTorch code for 128 pixels: one update of the discriminator
for one of the generator (paper: two), rates of 1e-4 and 4e-4.
Departures: norms see the batch of one device, and of one micro-batch; the average's half-life is short at first, and
its norms have standing statistics, computed where the model is shown or saved; a batch of half a million pixels or so,
instead of 2,048 images, is suggested; attributes as conditions. Truncation takes noise by its quantile, so that the
picture of a seed stays the same kind; the distribution is that of sampling again.
Shape letters: N batch, Z noise, K classes or attributes, C H W image, F features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.configs import ConditionedConfig
from imagewright.errors import UserError
from imagewright.layers.biggan import BigGANShape, Discriminator, Generator, ProjectionDiscriminator
from imagewright.layers.conditions import ConditionalLatents, Conditions
from imagewright.layers.standing_statistics import compute_standing_statistics
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.orthogonal import orthogonal_penalty
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.seeds import derive_seed
from imagewright.statistics.gaussians import truncate_normal
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
        """On a CPU narrow networks and small batches; on a GPU batches of half a million pixels."""
        if traits.accelerator:
            return {"batch_size": max(16, min(256, 2**20 // (traits.height * traits.width)))}
        narrow = 16 if max(traits.height, traits.width) < 48 else 8
        return {"width": narrow, "discriminator_width": narrow, "latent_dim": 64, "embedding_dim": 32, "batch_size": 32}


@dataclass(frozen=True, kw_only=True)
class BigGANConfig(LargeScaleConfig):
    """The options of BigGAN."""

    tiny_options: ClassVar[dict[str, Any]] = {
        "latent_dim": 9,
        "embedding_dim": 4,
        "width": 2,
        "discriminator_width": 2,
        "attention": "8",
        "discriminator_attention": "8",
    }

    embedding_dim: int = Field(
        128, ge=0, le=4096, description="numbers in the embedding that all norms share; 0: each norm has its own"
    )
    hierarchical: bool = Field(True, description="whether every block takes a part of the noise; needs an embedding")
    wide: bool = Field(True, description="whether inner channels of the discriminator are those of a block's output")

    @model_validator(mode="after")
    def _noise_can_be_split(self) -> BigGANConfig:
        parts = self.doublings + 1
        if self.hierarchical and not self.embedding_dim:
            raise ValueError("hierarchical needs a shared embedding: give --embedding-dim 128, or --no-hierarchical")
        if self.hierarchical and self.latent_dim < parts:
            raise ValueError(f"latent_dim {self.latent_dim}: a part for each of {parts} layers needs {parts} or more")
        return self

    @property
    def noise(self) -> int:
        """Z: `latent_dim`, rounded down to equal parts if it is split."""
        parts = self.doublings + 1 if self.hierarchical else 1
        return self.latent_dim // parts * parts


class BigGAN(Model, ConditionalLatents):
    """Networks: `generator` and `discriminator`; the verbs use the generator's moving average.

    A latent is noise (Z), then the condition (K): weights of classes, or a number from 0 to 1 for each attribute. The
    embedding of several classes is the mean of theirs by these weights, so that classes can be mixed.
    """

    Config: ClassVar[type[LargeScaleConfig]] = BigGANConfig
    config: LargeScaleConfig
    discriminator: ProjectionDiscriminator
    averaged = ("generator",)

    def __init__(self, config: LargeScaleConfig) -> None:
        super().__init__(config)
        self.generator, self.discriminator = self.build_networks(config)
        self.conditions = Conditions(config)

    def build_networks(self, config: Any) -> tuple[nn.Module, ProjectionDiscriminator]:
        """The untrained generator and discriminator."""
        return build_generator(config), build_discriminator(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        betas, eps = (0.0, 0.999), 1e-6
        return Recipe(
            images_seen=STEPS * BATCH,
            batch_size=BATCH,
            optimizers={
                "generator": Optimizer(learning_rate=1e-4, betas=betas, eps=eps),
                "discriminator": Optimizer(learning_rate=4e-4, betas=betas, eps=eps),
            },
            average=Average(half_life=HALF_LIFE, start=AVERAGED_FROM, buffers="copy"),
        )

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

    def truncated(self, psi: float) -> Model:
        """A view whose noise is sampled again until no number is beyond psi (section 3.1); 0: no noise at all."""
        if psi < 0:
            raise UserError(f"truncation={psi:g}, but the largest noise of biggan is 0 or more: 0.5 is strong, 2 weak.")
        return TruncatedNoise(self, truncation=psi)

    def accumulate_statistics(self, count: int, *, seed: int, thorough: bool) -> None:
        batches = max(1, round(count / STATISTICS_BATCH))
        compute_standing_statistics(self.generator, batches, lambda k: self.decode(self.statistics_latents(k, seed)))

    def statistics_latents(self, number: int, seed: int) -> Tensor:
        """Batch `number` of the latents that standing statistics are computed of."""
        generator = torch.Generator().manual_seed(derive_seed(seed, "standing statistics", number))
        return self.sample_latents(STATISTICS_BATCH, generator).to(self.device)


class TruncatedNoise(SameLatents):
    """The same networks with less noise."""

    base: BigGAN
    truncation: float

    def sample_latents(self, count: int, generator: torch.Generator, **given: Any) -> Tensor:
        latents = self.base.sample_latents(count, generator, **given)
        noise = self.base.noise_dim
        latents[:, :noise] = truncate_normal(latents[:, :noise], self.truncation)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        return self.base.decode(latents)


def build_generator(config: BigGANConfig) -> Generator:
    """The untrained generator."""
    return Generator(
        config,
        noise=config.noise,
        conditions=config.conditions,
        shared=config.embedding_dim,
        hierarchical=config.hierarchical,
        norm_eps=config.norm_eps,
        spectral_eps=config.spectral_eps,
    )


def build_discriminator(config: BigGANConfig) -> Discriminator:
    """The untrained discriminator."""
    return Discriminator(config, conditions=config.conditions, wide=config.wide, spectral_eps=config.spectral_eps)
