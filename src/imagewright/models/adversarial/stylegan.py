"""StyleGAN: a style for each layer of a generator that grows, by adaptive instance norm.

Karras et al. 2019, arXiv:1812.04948: generator section 2, style mixing section 3.1, noise section 3.2, truncation
appendix B, training appendix C. It grows as ProGAN does (arXiv:1710.10196), from 8x8 pixels on, with the logistic loss
and R1 at every step. Numbers are those of the published code. Departures: truncation is off unless it is asked for;
the average follows more closely at first (StyleGAN2's ramp-up); sizes that are no power of 2; fakes have the classes of
the real images of the batch. Shape letters: N batch, Z latent, K classes, W style, L layers, C H W image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.layers.adaptive_synthesis import (
    AdaptiveStyleGenerator,
    AdaptiveSynthesis,
    ConcatenatingMapping,
    FusedName,
)
from imagewright.layers.conditions import ConditionalLatents, Conditions
from imagewright.layers.growing import GrowingDiscriminator, fade_real
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import Critic, logits_and_squared_gradient
from imagewright.model import Model
from imagewright.models.shared.growing import GrowingConfig, at_least, grow, suggest_growing
from imagewright.models.shared.style_views import HasStyles, broadcast
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.traits import Traits

LOGISTIC = ADVERSARIAL["non_saturating"]
BATCH_SIZES = {4: 512, 8: 256, 16: 128, 32: 64, 64: 32}  # by the side in pixels; published for 8 GPUs
LEARNING_RATES = {8: 1e-3, 128: 1.5e-3, 256: 2e-3, 512: 3e-3}
AVERAGE_DECAY = 0.995  # of the moving average of styles, a batch
HALF_LIFE = 10_000


@dataclass(frozen=True, kw_only=True)
class StyleGANConfig(GrowingConfig):
    """The options of StyleGAN."""

    tiny_options: ClassVar[dict[str, Any]] = {
        "latent_dim": 8,
        "style_dim": 8,
        "mapping_layers": 2,
        "mapping_width": 8,
        "channel_base": 64,
        "channel_max": 8,
        "grow_from": 4,
        "phase_images": 10**9,  # the full size is reached at the end
    }
    length: ClassVar[int] = 25_000_000

    condition: Literal["none", "labels"] = Field("none", description="what the model is conditioned on")
    latent_dim: int = Field(512, ge=1, le=65_536, description="size of the noise z")
    style_dim: int = Field(512, ge=1, le=65_536, description="size of the style w")
    mapping_layers: int = Field(8, ge=1, le=64, description="layers of the mapping network")
    mapping_width: int = Field(512, ge=1, le=65_536, description="size of its layers but the last")
    mapping_rate: float = Field(0.01, gt=0, le=1e3, description="factor of the learning rate of the mapping network")
    phase_images: int = Field(
        600_000,
        ge=1,
        le=10**9,
        description="images, of 25 million in all, for which a size is trained and the next is faded in",
    )
    grow_from: int = Field(8, ge=4, description="side in pixels at which the training starts; full side: no growth")
    fused: FusedName = Field(
        "auto", description="whether a convolution and a doubling are one layer; auto: from 128 pixels on"
    )
    group: int = Field(4, ge=1, le=1024, description="images over which the deviation of a minibatch is computed")
    penalty: float = Field(10.0, ge=0, le=1e6, description="gamma of R1")
    style_mixing: float = Field(0.9, ge=0, le=1, description="share of batches in which layers have different styles")
    truncated_layers: int = Field(8, ge=0, le=64, description="first layers whose styles truncation moves")

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        narrow = suggest_growing(traits)
        if not narrow:
            return {}
        size = narrow["latent_dim"]
        batch = 16 * BATCH_SIZES[8] // at_least(min(traits.height, traits.width), BATCH_SIZES)
        return narrow | {"style_dim": size, "mapping_width": size, "mapping_layers": 4, "batch_size": batch}


def build_generator(config: StyleGANConfig, lod: float = 0.0) -> AdaptiveStyleGenerator:
    """The generator of a configuration, at a level of detail."""
    mapping = ConcatenatingMapping(
        config.latent_dim,
        config.conditions,
        config.style_dim,
        layers=config.mapping_layers,
        width=config.mapping_width,
        rate=config.mapping_rate,
    )
    synthesis = AdaptiveSynthesis(
        config.style_dim, config.widths, config.channels, config.start, fused=config.fused, lod=lod
    )
    return AdaptiveStyleGenerator(mapping, synthesis, config.style_dim)


def build_discriminator(config: StyleGANConfig, lod: float = 0.0) -> GrowingDiscriminator:
    """The discriminator of a configuration, with a number a class if there are classes."""
    return GrowingDiscriminator(
        config.widths,
        config.channels,
        config.start,
        max(1, config.conditions),
        group=config.group,
        blurred=True,
        means_first=True,
        lod=lod,
    )


class StyleGAN(Model, HasStyles, ConditionalLatents):
    """Networks: `generator`, which is `mapping` and `synthesis`, and `discriminator`. The verbs use the average."""

    Config = StyleGANConfig
    config: StyleGANConfig
    averaged = ("generator",)
    score_unit = "discriminator's logit"

    def __init__(self, config: StyleGANConfig) -> None:
        super().__init__(config)
        self.generator = build_generator(config, config.first_lod)
        self.discriminator = build_discriminator(config, config.first_lod)
        if config.conditions:
            self.conditions = Conditions(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        side = self.config.side_at(images_seen)
        return Recipe(
            images_seen=self.config.length,
            batch_size=at_least(side, BATCH_SIZES),
            optimizer=Optimizer(learning_rate=at_least(side, LEARNING_RATES), betas=(0.0, 0.99)),
            average=Average(half_life=HALF_LIFE, buffers="copy"),
            flip=True,
        )

    def advance(self, images_seen: int) -> tuple[str, ...]:
        """Grow."""
        levels = {"generator": self.generator.synthesis.images.level, "discriminator": self.discriminator.level}
        return grow(levels, self.config.lod_at(images_seen))

    # Objective

    def phases(self) -> list[Phase]:
        return [
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
            Phase("generator", ("generator",), self.generator_loss),
        ]

    def discriminator_loss(self, step: Step) -> Terms:
        """The logistic loss, with R1 from the same evaluation of real images."""
        with torch.no_grad():
            fake = self._generate(step)
        critic = self._critic(step)
        real_logits, slopes = logits_and_squared_gradient(critic, fade_real(step.images, self.discriminator.level))
        conditions = self._to_conditions(step)
        if self.training and conditions is not None:
            self.conditions.remember(step.gather(conditions)[0])
        terms = LOGISTIC.discriminator(real_logits, critic(fake))
        return terms | {"penalty": self.config.penalty / 2 * slopes.mean()}

    def generator_loss(self, step: Step) -> Terms:
        return LOGISTIC.generator(self._critic(step)(self._generate(step)), None)

    def _generate(self, step: Step) -> Tensor:
        """Images (N, C, H, W) of mixed styles, with new noise."""
        images: Tensor = self.generator.synthesis(self._styles(step), step.draws.normal)
        return images

    def _styles(self, step: Step) -> Tensor:
        """(N, L, W): in some batches, the layers in use from a random one on have the style of another latent."""
        generator, size = self.generator, self.config.latent_dim
        conditions = self._to_conditions(step)
        first = generator.mapping(step.draws.normal(size), conditions)
        if self.training:
            generator.follow(step.mean(first.mean(0)), AVERAGE_DECAY)
        second = generator.mapping(step.draws.normal(size), conditions)
        mixed, place = step.draws.whole(2).unbind()
        layers, used = self.style_shape[0], generator.synthesis.used
        cutoff = 1 + (place * (used - 1)).floor()
        later = (torch.arange(layers, device=first.device) >= cutoff) & (mixed < self.config.style_mixing)
        return torch.where(later[:, None], broadcast(second, layers), broadcast(first, layers))

    def _critic(self, rows: Rows) -> Critic:
        """From images to logits (N,) of the classes of `rows`."""
        conditions = self._to_conditions(rows)

        def critic(images: Tensor) -> Tensor:
            logits: Tensor = self.discriminator(images)
            return logits[:, 0] if conditions is None else (logits * conditions).sum(1)

        return critic

    def _to_conditions(self, rows: Rows) -> Tensor | None:
        return self.conditions.to_vectors(rows.labels, None) if self.config.conditions else None

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        images = rows["images"]
        fake = self.generator(draws.normal(self.config.latent_dim), self._to_conditions(images))
        critic = self._critic(images)
        return {"discriminator": (critic(fade_real(images.images, self.discriminator.level)), critic(fake))}

    # Verbs

    @property
    def style_shape(self) -> tuple[int, int]:
        return self.generator.synthesis.count, self.config.style_dim

    def map_latents(self, latents: Tensor) -> Tensor:
        noise, conditions = latents.split((self.config.latent_dim, self.config.conditions), 1)
        styles: Tensor = self.generator.mapping(noise, conditions)
        return styles

    def truncate_styles(self, styles: Tensor, psi: float) -> Tensor:
        """Styles (N, L, W), those of the first `truncated_layers` moved towards the mean of w."""
        return self.generator.truncate(styles, psi, self.config.truncated_layers)

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        return self.generator.synthesis.noise_shapes

    def synthesise(self, styles: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        maps = iter(noise or ())  # which the layers ask for in order
        images: Tensor = self.generator.synthesis(styles, None if noise is None else lambda *_: next(maps))
        return images.clamp(-1, 1)

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The discriminator's logit of each image by itself, (N,); with classes, of all of them, equally likely."""
        logits: Tensor = self.discriminator(images, group=1)
        return logits.logsumexp(1) - math.log(logits.shape[1])

    def extract_features(self, images: Tensor) -> Tensor:
        """The discriminator's smallest map, (N, F)."""
        return self.discriminator.features(images).flatten(1)
