"""ProGAN: generator and discriminator grow together, from 4x4 pixels to the full size.

Karras et al. 2018, arXiv:1710.10196: growth section 2, minibatch deviation section 3, equalised rates section 4.1,
pixel norm section 4.2, networks table 2, training appendix A.1. Numbers are those of the published code, preset v1:
WGAN-GP with a drift term, one update of each network a step, smaller batches from 256 pixels on, Adam's moments anew
where a size begins to be faded in and where it is there. Departures: the average follows more closely at first
(StyleGAN2's ramp-up); sizes that are no power of 2; a class enters beside the normalised noise, as in the PyTorch port
of the published networks, not before its normalisation. Shape letters: N batch, Z noise, K classes, C H W image.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from imagewright.layers.conditions import ConditionalLatents, Conditions
from imagewright.layers.equalised import EqualisedConv2d
from imagewright.layers.growing import (
    GAIN,
    DoublingConvolution,
    GrowingDiscriminator,
    GrowingImages,
    activate,
    fade_real,
)
from imagewright.layers.norms import pixel_norm
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import gradient_penalty
from imagewright.model import Model
from imagewright.models.shared.growing import GrowingConfig, at_least, grow, suggest_growing
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.traits import Traits

WASSERSTEIN = ADVERSARIAL["wasserstein"]
BATCH_SIZES = {4: 16, 256: 14, 512: 6, 1024: 3}  # by the side in pixels
DECAY = 0.999  # of the average, a step
FIRST_GAIN = GAIN / 4  # of the layer from latents, whatever its map; published for 4x4


@dataclass(frozen=True, kw_only=True)
class ProGANConfig(GrowingConfig):
    """The options of ProGAN."""

    tiny_options: ClassVar[dict[str, Any]] = {
        "latent_dim": 8,
        "channel_base": 64,
        "channel_max": 8,
        "phase_images": 10**9,  # the full size is reached at the end
    }
    length: ClassVar[int] = 19_000_000

    condition: Literal["none", "labels"] = Field("none", description="what the model is conditioned on")
    latent_dim: int = Field(512, ge=1, le=65_536, description="size of the noise")
    phase_images: int = Field(
        800_000,
        ge=1,
        le=10**9,
        description="images, of 19 million in all, for which a size is trained and the next is faded in",
    )
    grow_from: int = Field(4, ge=4, description="side in pixels at which the training starts; full side: no growth")
    fused: bool = Field(
        True, description="whether a convolution and a change of size are one layer (published for new trainings)"
    )
    group: int = Field(4, ge=1, le=1024, description="images over which the deviation of a minibatch is computed")
    penalty: float = Field(10.0, ge=0, le=1e6, description="weight of the gradient penalty")
    drift: float = Field(1e-3, ge=0, le=1e3, description="weight of the squared score of real images")

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        return suggest_growing(traits)


class FirstMap(nn.Module):
    """Latents (N, Z) to the first map (N, C, h, w): a transposed convolution of a single pixel.

    The kernel is mirrored, since the published layer is a convolution with padding 3.
    """

    def __init__(self, latents: int, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, latents, *size))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.scale = FIRST_GAIN / math.sqrt(latents)

    def forward(self, latents: Tensor) -> Tensor:
        kernel = (self.weight * self.scale).flip(2, 3)
        return torch.einsum("nz,czhw->nchw", latents, kernel) + self.bias[:, None, None]


class ProgressiveGenerator(nn.Module):
    """From latents (N, Z + K) to images (N, C, H, W), without a tanh; table 2.

    latents: numbers of noise, and classes.
    widths: channels from the smallest to the full size.
    """

    def __init__(
        self,
        latents: tuple[int, int],
        widths: Sequence[int],
        channels: int,
        first_map: tuple[int, int],
        *,
        fused: bool,
        lod: float = 0.0,
    ) -> None:
        super().__init__()
        self.noise = latents[0]
        layers: list[nn.Module] = [FirstMap(sum(latents), widths[0], first_map)]
        layers.append(EqualisedConv2d(widths[0], widths[0], 3, gain=GAIN))
        for inner, outer in itertools.pairwise(widths):
            layers.append(DoublingConvolution(inner, outer, fused=fused, transposed=fused))
            layers.append(EqualisedConv2d(outer, outer, 3, gain=GAIN))
        self.layers = nn.ModuleList(layers)
        self.images = GrowingImages(widths, channels, lod)

    def forward(self, latents: Tensor) -> Tensor:
        noise, condition = latents[:, : self.noise], latents[:, self.noise :]
        maps, former = torch.cat([pixel_norm(noise), condition], 1), None
        for number in range(self.images.stages):
            former = maps
            for layer in self.layers[2 * number : 2 * number + 2]:
                maps = pixel_norm(activate(layer(maps)))
        images: Tensor = self.images(maps, former)
        return images


def build_generator(config: ProGANConfig, lod: float = 0.0) -> ProgressiveGenerator:
    """The generator of a configuration, at a level of detail."""
    latents = config.latent_dim, config.conditions
    return ProgressiveGenerator(latents, config.widths, config.channels, config.start, fused=config.fused, lod=lod)


def build_discriminator(config: ProGANConfig, lod: float = 0.0) -> GrowingDiscriminator:
    """The discriminator of a configuration, whose numbers are a score and then a logit a class."""
    return GrowingDiscriminator(
        config.widths,
        config.channels,
        config.start,
        1 + config.conditions,
        group=config.group,
        blurred=False,
        means_first=config.fused,
        lod=lod,
    )


class ProGAN(Model, ConditionalLatents):
    """Networks: `generator` and `discriminator`; the verbs use the generator's moving average."""

    Config = ProGANConfig
    config: ProGANConfig
    averaged = ("generator",)
    score_unit = "discriminator's score"

    def __init__(self, config: ProGANConfig) -> None:
        super().__init__(config)
        self.generator = build_generator(config, config.first_lod)
        self.discriminator = build_discriminator(config, config.first_lod)
        if config.conditions:
            self.conditions = Conditions(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        batch_size = at_least(self.config.side_at(images_seen), BATCH_SIZES)
        return Recipe(
            images_seen=self.config.length,
            batch_size=batch_size,
            optimizer=Optimizer(learning_rate=1e-3, betas=(0.0, 0.99)),
            average=Average(half_life=round(batch_size * math.log(0.5) / math.log(DECAY)), buffers="copy"),
        )

    def advance(self, images_seen: int) -> tuple[str, ...]:
        """Grow."""
        levels = {"generator": self.generator.images.level, "discriminator": self.discriminator.level}
        return grow(levels, self.config.lod_at(images_seen))

    # Objective

    def phases(self) -> list[Phase]:
        return [
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
            Phase("generator", ("generator",), self.generator_loss),
        ]

    def discriminator_loss(self, step: Step) -> Terms:
        """WGAN-GP with drift: appendix A.1; both kinds of images are classified if there are classes."""
        with torch.no_grad():
            fake = self._generate(step, step.draws)
        real = fade_real(step.images, self.discriminator.level)
        of_real, of_fake = self.discriminator(real), self.discriminator(fake)
        scores = of_real[:, 0]
        penalty = gradient_penalty(self._score, real, fake.to(real.dtype), step.draws.uniform(1, 1, 1)).mean()
        terms = WASSERSTEIN.discriminator(scores, of_fake[:, 0])
        terms["penalty"] = self.config.penalty * penalty
        terms["drift"] = self.config.drift * scores.square().mean()
        if step.labels is not None and self.config.conditions:
            if self.training:
                self.conditions.remember(step.gather(self._to_conditions(step))[0])
            terms["classes"] = cross_entropy(of_real[:, 1:], step.labels) + cross_entropy(of_fake[:, 1:], step.labels)
        return terms

    def generator_loss(self, step: Step) -> Terms:
        """Generated images have the classes of the real images of the batch."""
        numbers = self.discriminator(self._generate(step, step.draws))
        terms = WASSERSTEIN.generator(numbers[:, 0], None)
        if step.labels is not None and self.config.conditions:
            terms["classes"] = cross_entropy(numbers[:, 1:], step.labels)
        return terms

    def _generate(self, rows: Rows, draws: Draws) -> Tensor:
        """Images (N, C, H, W) of the classes of real ones."""
        noise = draws.normal(self.config.latent_dim)
        images: Tensor = self.generator(torch.cat([noise, self._to_conditions(rows)], 1))
        return images

    def _to_conditions(self, rows: Rows) -> Tensor:
        """The classes (N, K) of images, K = 0 without classes."""
        if not self.config.conditions:
            return rows.images.new_zeros(len(rows.images), 0)
        return self.conditions.to_vectors(rows.labels, rows.attributes).to(rows.images.dtype)

    def _score(self, images: Tensor) -> Tensor:
        numbers: Tensor = self.discriminator(images)
        return numbers[:, 0]

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        real = fade_real(rows["images"].images, self.discriminator.level)
        return {"discriminator": (self._score(real), self._score(self._generate(rows["images"], draws)))}

    # Verbs

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.generator(latents)
        return images.clamp(-1, 1)

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The discriminator's score of each image by itself, (N,); higher is more real. Comparable in one run only."""
        return self.discriminator(images, group=1)[:, 0]

    def extract_features(self, images: Tensor) -> Tensor:
        """The discriminator's smallest map, (N, F)."""
        return self.discriminator.features(images).flatten(1)
