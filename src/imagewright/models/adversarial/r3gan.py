"""R3GAN: a relativistic loss with gradient penalties on real and generated images, and plain modern networks.

Huang et al. 2024, arXiv:2501.05441: objective section 2 (`losses/adversarial.py`, eq. 2; R1 and R2, eq. 3 and 4),
networks section 3 (`layers/grouped_residual.py`), schedules and presets appendix, with the numbers of the published
code. Departures: the generator is updated first, and the discriminator gets the same generated images, in a step with
one batch of real images; sizes other than powers of two; the average's half-life is at most twice its final share of
the images seen, for trainings that are shorter than the published ones; gamma of other sizes than those of the presets
grows with the cube of the side, as between the presets; under bf16 all stages compute in it.
Shape letters: N batch, Z latent, K classes or attributes, C H W image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import ConditionedConfig, DoublingConfig
from imagewright.layers.adaptive_augmentation import augment
from imagewright.layers.augmentation_numbers import Multipliers
from imagewright.layers.conditions import ConditionalLatents, Conditions
from imagewright.layers.grouped_residual import GroupedDiscriminator, GroupedGenerator, GroupedStages
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import logits_and_squared_gradient
from imagewright.model import Model
from imagewright.models.shared.adversarial import few_images
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.statistics.gaussians import normal_rows
from imagewright.traits import Traits

RELATIVISTIC = ADVERSARIAL["relativistic"]
CHANGES = Multipliers.of_groups(blitting=1, geometry=1, colour=0.5, cutout=1)
FIRST_RATE, LAST_RATE = 2e-4, 5e-5
FIRST_BETA, LAST_BETA = 0.9, 0.99
FULL_WIDTH = 32  # pixels
GAMMA_FALL = 0.1  # the last gamma, in first ones
AVERAGED_A_MINUTE = 400  # images of the average's half-life for each minute on a CPU: about a twentieth of those seen


@plain_dataclass(frozen=True, kw_only=True)
class R3GANPreset:
    """Published numbers. full_width: the largest side of maps with the whole width, which others halve with each
    doubling; gamma: at first; augmentation: the last probability; half_life, images: in millions."""

    side: int
    width: int = 768
    full_width: int = FULL_WIDTH
    group_width: int = 16
    gamma: float
    augmentation: float
    half_life: float
    images: float = 20.0
    batch: int = 256


PRESETS = {
    "cifar10": R3GANPreset(side=32, gamma=0.05, augmentation=0.55, half_life=5.0, batch=512),
    "ffhq64": R3GANPreset(side=64, gamma=2.0, augmentation=0.3, half_life=0.5),
    "ffhq256": R3GANPreset(side=256, gamma=150.0, augmentation=0.3, half_life=0.5),
    "imagenet32": R3GANPreset(
        side=32, width=1536, group_width=32, gamma=0.5, augmentation=0.5, half_life=50.0, images=200.0, batch=4096
    ),
    "imagenet64": R3GANPreset(
        side=64,
        width=1536,
        full_width=64,
        group_width=32,
        gamma=1.0,
        augmentation=0.4,
        half_life=50.0,
        images=200.0,
        batch=4096,
    ),
}
NEAREST = ("cifar10", "ffhq64", "ffhq256")  # of which `auto` takes one


@dataclass(frozen=True, kw_only=True)
class R3GANConfig(ConditionedConfig, DoublingConfig):
    """The options of R3GAN. What is None or empty follows from `preset`."""

    tiny_options: ClassVar[dict[str, Any]] = {"latent_dim": 8, "width": 8, "group_width": 4, "blocks": 1}

    preset: Literal["auto", "cifar10", "ffhq64", "ffhq256", "imagenet32", "imagenet64"] = Field(
        "auto",
        description="published numbers, for all that is not given; auto: cifar10, ffhq64 or ffhq256 by size",
    )
    condition: Literal["none", "labels"] = Field("none", description="what the model is conditioned on")
    latent_dim: int = Field(64, ge=1, le=65_536, description="size of the noise")
    width: int | None = Field(None, ge=1, le=8192, description="channels of small maps (768; imagenet: 1536)")
    group_width: int | None = Field(
        None, ge=1, le=8192, description="channels of a group of the grouped convolutions (16; imagenet: 32)"
    )
    full_width: int | None = Field(
        None,
        ge=1,
        le=2**20,
        description="largest side of maps with so many channels, which are halved with each doubling beyond it (32; "
        "imagenet64: 64)",
    )
    blocks: int = Field(2, ge=1, le=64, description="residual blocks at each size of maps")
    expansion: int = Field(2, ge=1, le=64, description="channels inside a block, in channels outside")
    stage_widths: str = Field(
        "", description="channels at each size of maps, from the smallest on, with commas between them (by width)"
    )
    stage_groups: str = Field("", description="groups of the convolutions at each size, likewise (by group_width)")
    stage_blocks: str = Field("", description="residual blocks at each size, likewise (as many as blocks)")
    embedding: int = Field(64, ge=1, le=65_536, description="size of the generator's embedding of a class")
    discriminator_embedding: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="size of the discriminator's embedding of a class (channels of small maps)",
    )
    gamma: float | None = Field(
        None, ge=0, le=1e9, description="weight of R1 and R2 at first, a tenth of it at last (0.05 to 150, by preset)"
    )
    second_beta: float | None = Field(None, ge=0, lt=1, description="Adam's second beta (0.9 at first, 0.99 at last)")
    augmentation: float | None = Field(
        None, ge=0, le=1, description="probability of each augmentation at last, from 0 on (0.3 to 0.55, by preset)"
    )

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """On a CPU few channels, most of them on small maps, and small batches; large sets are not augmented.

        An image then costs about six times as much as with the DCGAN that is suggested there.
        """
        if traits.accelerator or "preset" in traits.given:
            return {}
        options: dict[str, Any] = {"width": 128, "full_width": 4, "blocks": 1, "batch_size": 16}
        # Squared gradients are averaged over as many images as in published batches of 512: over ten steps of 16 images
        # their mean is mostly noise, and samples come to lack variety.
        batch = min(traits.given.get("batch_size", 16), PRESETS["cifar10"].batch)
        options["second_beta"] = round(FIRST_BETA ** (batch / PRESETS["cifar10"].batch), 4)
        # Published averages are over up to half of the images seen; a short training moves too much for that.
        options["ema_half_life"] = round(min(max(AVERAGED_A_MINUTE * traits.minutes, 1_000), 20_000))
        if "gamma" not in traits.given:  # the rate suits it
            options |= {"gamma": 1.0, "learning_rate": 1e-3}
        if traits.images >= few_images(traits):
            options["augmentation"] = 0.0
        return options

    @model_validator(mode="after")
    def _stages_are_possible(self) -> R3GANConfig:
        for name in ("stage_widths", "stage_groups", "stage_blocks"):
            count = len(self._listed(name))
            if count not in (0, self.doublings + 1):
                raise ValueError(f"{name} has {count} numbers, but there are {self.doublings + 1} sizes of maps")
        for width, groups in zip(self.stages.widths, self.stages.groups, strict=True):
            if groups < 1 or (width * self.expansion) % groups:
                raise ValueError(
                    f"{width * self.expansion} channels (width {width} times expansion {self.expansion}) cannot be "
                    f"split into {groups} groups: choose group_width or stage_groups that divide them"
                )
        return self

    @property
    def numbers(self) -> R3GANPreset:
        """Those of the preset."""
        if self.preset != "auto":
            return PRESETS[self.preset]
        side = min(self.size)
        return min((PRESETS[name] for name in NEAREST), key=lambda preset: abs(math.log2(side / preset.side)))

    @property
    def stages(self) -> GroupedStages:
        """Of both networks."""
        numbers, sizes = self.numbers, self.doublings + 1
        width, group = self.width or numbers.width, self.group_width or numbers.group_width
        sides = [min(self.start) << place for place in range(sizes)]
        widths = self._listed("stage_widths") or regular_widths(width, self.full_width or numbers.full_width, sides)
        inner = (each * self.expansion for each in widths)
        return GroupedStages(
            start=self.start,
            widths=widths,
            groups=self._listed("stage_groups") or [max(1, channels // group) for channels in inner],
            blocks=self._listed("stage_blocks") or [self.blocks] * sizes,
            expansion=self.expansion,
        )

    @property
    def first_gamma(self) -> float:
        """The weight of R1 and R2 at the start."""
        numbers = self.numbers
        return numbers.gamma * (min(self.size) / numbers.side) ** 3 if self.gamma is None else self.gamma

    @property
    def last_probability(self) -> float:
        """The probability of augmentations at the end."""
        return self.numbers.augmentation if self.augmentation is None else self.augmentation

    def _listed(self, name: str) -> list[int]:
        text = getattr(self, name)
        parts = [part.strip() for part in text.split(",")] if text else []
        if not all(part.isdecimal() and 0 < int(part) <= 65_536 for part in parts):
            raise ValueError(f"{name}={text!r}, but it must be whole numbers from 1 on with commas between them")
        return [int(part) for part in parts]


class R3GAN(Model, ConditionalLatents):
    """Networks: `generator` and `discriminator`; the verbs use the generator's moving average.

    gamma: buffer, the weight of R1 and R2; probability: buffer, of augmentations. Both follow from the images seen.
    """

    Config = R3GANConfig
    config: R3GANConfig
    averaged = ("generator",)
    score_unit = "discriminator's logit"
    gamma: Tensor
    probability: Tensor

    def __init__(self, config: R3GANConfig) -> None:
        super().__init__(config)
        self.generator = build_generator(config)
        self.discriminator = build_discriminator(config)
        self.register_buffer("gamma", torch.tensor(config.first_gamma))
        self.register_buffer("probability", torch.zeros(()))
        if config.conditions:
            self.conditions = Conditions(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        numbers = self.config.numbers
        length, half_life = numbers.images * 1e6, numbers.half_life * 1e6
        part = images_seen / length
        second = self.config.second_beta
        return Recipe(
            images_seen=round(length),
            batch_size=numbers.batch,
            optimizer=Optimizer(
                learning_rate=cosine(FIRST_RATE, LAST_RATE, part),
                betas=(0.0, cosine(FIRST_BETA, LAST_BETA, part) if second is None else second),
            ),
            average=Average(
                half_life=max(1, round(cosine(0, half_life, part))), ramp_up=2 * half_life / length, buffers="copy"
            ),
        )

    def advance(self, images_seen: int) -> tuple[str, ...]:
        part = images_seen / (self.config.numbers.images * 1e6)
        first = self.config.first_gamma
        self.gamma.fill_(cosine(first, first * GAMMA_FALL, part))
        self.probability.fill_(cosine(0, self.config.last_probability, part))
        return ()

    # Objective

    def phases(self) -> list[Phase]:
        return [
            Phase("generator", ("generator",), self.generator_loss),
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Terms:
        conditions = self._to_conditions(step)
        fake = self.generator(step.draws.normal(self.config.latent_dim), conditions)
        step.shared["fake"] = fake.detach()
        with torch.no_grad():
            real_logits = self.discriminator(self._augment(step.images, step), conditions)
        return RELATIVISTIC.generator(self.discriminator(self._augment(fake, step), conditions), real_logits)

    def discriminator_loss(self, step: Step) -> Terms:
        conditions = self._to_conditions(step)
        if self.training and conditions is not None:
            self.conditions.remember(step.gather(conditions)[0])
        fake = step.once("fake", lambda: self.generator(step.draws.normal(self.config.latent_dim), conditions))

        def critic(images: Tensor) -> Tensor:
            return self.discriminator(self._augment(images, step), conditions)

        real_logits, real_slopes = logits_and_squared_gradient(critic, step.images, precise=False)
        fake_logits, fake_slopes = logits_and_squared_gradient(critic, fake, precise=False)
        penalties = {"r1": self.gamma / 2 * real_slopes.mean(), "r2": self.gamma / 2 * fake_slopes.mean()}
        return RELATIVISTIC.discriminator(real_logits, fake_logits) | penalties

    def _augment(self, images: Tensor, step: Step) -> Tensor:
        return augment(images, self.probability, CHANGES, step.draws) if self.config.last_probability else images

    def _to_conditions(self, rows: Rows) -> Tensor | None:
        return self.conditions.to_vectors(rows.labels, None) if self.config.conditions else None

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        conditions = self._to_conditions(rows["images"])
        fake = self.generator(draws.normal(self.config.latent_dim), conditions)
        judged = (self.discriminator(images, conditions) for images in (rows["images"].images, fake))
        real_logits, fake_logits = judged
        return {"discriminator": (real_logits, fake_logits)}

    # Verbs

    def sample_in_turn(self, generators: Iterable[torch.Generator], **given: Tensor) -> Tensor:
        if not self.config.conditions:
            return normal_rows(generators, self.config.latent_dim)
        latents = [self.sample_latents(1, each, **given) for each in generators]
        return torch.cat(latents)

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.generator(*self._split(latents))
        return images.clamp(-1, 1)

    def activations(self, latents: Tensor) -> Tensor:
        return self.generator.activations(*self._split(latents))

    def first_weight(self) -> Tensor:
        return self.generator.first_weight(self.config.latent_dim)

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The discriminator's logit of each image, (N,); with classes, of all of them, which are equally likely."""
        if not self.config.conditions:
            logits: Tensor = self.discriminator(images)
            return logits
        every = torch.eye(self.config.conditions, device=images.device)
        return self.discriminator.logits_of(images, every).logsumexp(1) - math.log(len(every))

    def extract_features(self, images: Tensor) -> Tensor:
        """The discriminator's last map, (N, F)."""
        features: Tensor = self.discriminator.features(images).flatten(1)
        return features

    def _split(self, latents: Tensor) -> tuple[Tensor, Tensor | None]:
        """Noise, and conditions if there are any."""
        noise, conditions = latents.split((self.config.latent_dim, self.config.conditions), 1)
        return noise, conditions if self.config.conditions else None


def regular_widths(width: int, full_width: int, sides: Sequence[int]) -> list[int]:
    """Channels of maps with these sides: `width`, and beyond the side `full_width` half of it for each doubling."""
    return [max(1, width * full_width // max(side, full_width)) for side in sides]


def cosine(first: float, last: float, part: float) -> float:
    """A number that moves from the first to the last one by half a period of a cosine, at a part of the training."""
    return first + (1 - math.cos(math.pi * min(part, 1.0))) / 2 * (last - first)


def build_generator(config: R3GANConfig) -> GroupedGenerator:
    """The untrained generator of a configuration."""
    return GroupedGenerator(config.channels, config.stages, config.latent_dim, config.conditions, config.embedding)


def build_discriminator(config: R3GANConfig) -> GroupedDiscriminator:
    """The untrained discriminator of a configuration."""
    stages = config.stages
    embedding = config.discriminator_embedding or stages.widths[0]
    return GroupedDiscriminator(config.channels, stages, config.conditions, embedding)
