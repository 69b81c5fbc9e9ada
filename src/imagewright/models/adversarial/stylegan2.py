"""StyleGAN2 with adaptive discriminator augmentation (ADA): images from a style for each layer.

Karras et al. 2020, arXiv:1912.04958: modulated convolutions (section 2), path length regularisation and architectures
without growing (section 3), lazy terms (appendix B). ADA and its presets: Karras et al. 2020, arXiv:2006.06676.
Freeze-D: Mo et al. 2020, arXiv:2002.10964. Numbers are those of the published code. Departures: `auto` counts on one
GPU; without path length the generator's rate is not corrected for it; gradients that are not finite stop the training
instead of being replaced; a training that starts from another run (`--from`) keeps the ramp-up of its average; fakes
have the classes of the real images of the batch; the base may have other sides than 4x4, for other sizes.
Shape letters: N batch, C H W image, Z latent, K classes, W style, L layers that take a style.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.configs import DoublingConfig
from imagewright.layers.adaptive_augmentation import AdaptiveProbability
from imagewright.layers.conditions import Conditions
from imagewright.layers.style_discriminator import Architecture, StyleDiscriminator
from imagewright.layers.style_mapping import StyleMappingNetwork
from imagewright.layers.style_synthesis import StyleSynthesis
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import path_lengths, squared_gradient
from imagewright.model import Model
from imagewright.models.shared.style_based import StyleBasedConfig, StyleBasedGAN
from imagewright.models.shared.style_presets import Preset, PresetName, preset_of
from imagewright.models.shared.style_views import broadcast
from imagewright.phases import Draws, Phase, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.traits import Traits

LOGISTIC = ADVERSARIAL["non_saturating"]
GENERATOR_INTERVAL, DISCRIMINATOR_INTERVAL = 4, 16  # steps between two evaluations of the lazy terms
NARROW, WIDER = 16, 32  # channels at full size on a CPU, in less than an hour and in more
SHORT = 60  # minutes
PATH_MEMORY = 0.01  # share of a batch in the running mean of path lengths


@dataclass(frozen=True, kw_only=True)
class StyleGAN2Config(StyleBasedConfig, DoublingConfig):
    """The options of StyleGAN2. What is None follows from `preset`."""

    tiny_options: ClassVar[dict[str, Any]] = {
        "latent_dim": 8,
        "style_dim": 8,
        "mapping_layers": 2,
        "channel_base": 64,
        "channel_max": 16,
        "discriminator_architecture": "resnet",
    }

    preset: PresetName = Field("auto", description="published numbers, for all that is not given; auto: by the size")
    mapping_layers: int | None = Field(None, ge=1, le=64, description="layers of the mapping network (2, or 8)")
    mapping_width: int | None = Field(None, ge=1, le=65_536, description="size of its layers but the last (of w)")
    channel_base: int | None = Field(
        None, ge=1, le=2**22, description="channels times the side, at every resolution (16,384 or 32,768)"
    )
    channel_max: int = Field(512, ge=1, le=8192, description="the most channels of a layer")
    architecture: Architecture = Field("skip", description="of the generator: skip, resnet or orig")
    discriminator_architecture: Architecture | None = Field(
        None, description="of the discriminator: resnet, skip or orig (resnet; cifar: orig)"
    )
    noise: bool = Field(True, description="whether noise is added in each layer of the generator")
    group: int | None = Field(None, ge=1, le=4096, description="images over which deviations are taken (4, 8, 32)")
    penalty: float | None = Field(
        None, ge=0, le=1e6, description="gamma of R1 (auto: 0.0002 times the squared side, divided by the batch)"
    )
    path_length: float | None = Field(
        None, ge=0, le=1e6, description="weight of the path length regularisation (2; cifar: 0)"
    )
    style_mixing: float | None = Field(
        None, ge=0, le=1, description="share of batches in which layers have different styles (0.9; cifar: 0)"
    )

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """On a CPU narrow networks, small batches, and an augmentation that adapts faster: trainings are short.

        Observed on faces of 32 pixels after four minutes of one core: a Frechet distance of 10.6 with 16 channels at
        full size, 14.0 with 32, which see half as many images.
        """
        if traits.accelerator:
            return {}
        side, width = min(traits.height, traits.width), NARROW if traits.minutes < SHORT else WIDER
        narrow = {"channel_base": width * side, "channel_max": 4 * width, "style_dim": 128, "latent_dim": 128}
        adaptive = {} if traits.given.get("augmentation") == "none" else {"augmentation_images": 100_000}
        # As `auto` has it for this batch.
        penalty = {} if traits.given.keys() & {"preset", "batch_size"} else {"penalty": 2e-4 * side**2 / 16}
        return narrow | {"batch_size": 16} | adaptive | penalty

    @model_validator(mode="after")
    def _layers_are_left(self) -> StyleGAN2Config:
        if not self.frozen_layers:  # counting them takes a second the first time, for what torch imports
            return self
        most = len(layers_of_discriminator(self)) - 1
        if self.frozen_layers > most:
            raise ValueError(f"frozen_layers={self.frozen_layers}, but the discriminator has {most + 1}: one must move")
        return self

    @property
    def numbers(self) -> Preset:
        """Those of the preset."""
        return preset_of(self.preset, min(self.size))

    @property
    def widths(self) -> list[int]:
        """Channels at the base and after each doubling."""
        channel_base = self.channel_base or self.numbers.channel_base
        sides = (min(self.start) << place for place in range(self.doublings + 1))
        return [max(1, min(channel_base // side, self.channel_max)) for side in sides]

    def chosen(self, name: str) -> Any:
        """An option, or the preset's number."""
        given = getattr(self, name)
        return getattr(self.numbers, name) if given is None else given


class StyleBasedGenerator(nn.Module):
    """The mapping network and the synthesis: (N, Z) and conditions (N, K) to images (N, C, H, W)."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.mapping = build_mapping(config)
        self.synthesis = StyleSynthesis(
            config.channels,
            config.widths,
            config.start,
            config.style_dim,
            architecture=config.architecture,
            noisy=config.noise,
            clamp=config.clamp or None,
        )

    def forward(self, latents: Tensor, conditions: Tensor | None = None) -> Tensor:
        images: Tensor = self.synthesis(broadcast(self.mapping(latents, conditions), self.synthesis.layers))
        return images


class StyleGAN2(Model, StyleBasedGAN):
    """Networks: `generator`, which is `mapping` and `synthesis`, and `discriminator`. The verbs use the average.

    path_mean: buffer, the running mean of path lengths.
    """

    Config = StyleGAN2Config
    config: StyleGAN2Config
    averaged = ("generator",)
    path_mean: Tensor

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__(config)
        self.generator = StyleBasedGenerator(config)
        self.discriminator = build_discriminator(config)
        self.register_buffer("path_mean", torch.zeros(()))
        if config.conditions:
            self.conditions = Conditions(config)
        if config.augmentation == "ada":
            self.augmentation = AdaptiveProbability(
                target=config.augmentation_target, images=config.augmentation_images
            )

    def recipe(self, images_seen: int = 0) -> Recipe:
        numbers = self.config.numbers
        return Recipe(
            images_seen=numbers.thousands * 1000,
            batch_size=numbers.batch,
            optimizer=Optimizer(learning_rate=numbers.learning_rate, betas=(0.0, 0.99)),
            average=Average(half_life=round(numbers.half_life * 1000), ramp_up=numbers.ramp_up, buffers="copy"),
        )

    # Objective

    def phases(self) -> list[Phase]:
        judges: tuple[str, ...] = ("discriminator",)
        if frozen := self.config.frozen_layers:
            judges = tuple(f"discriminator.{name}" for name in layers_of_discriminator(self.config)[frozen:])
        phases = [Phase("generator", ("generator",), self.generator_loss)]
        if self.config.chosen("path_length"):
            lengths = self.path_length_loss
            phases.append(Phase("path_length", ("generator",), lengths, every=GENERATOR_INTERVAL, lazy=True))
        phases.append(Phase("discriminator", judges, self.discriminator_loss))
        if self.config.chosen("penalty"):
            phases.append(Phase("r1", judges, self.r1_loss, every=DISCRIMINATOR_INTERVAL, lazy=True))
        return phases

    def generator_loss(self, step: Step) -> Terms:
        fake = self.generator.synthesis(self._styles(step), self._noise(step.draws))
        return LOGISTIC.generator(self.critic(step)(fake), None)

    def path_length_loss(self, step: Step) -> Terms:
        """Of half the images: a change of a style by so much changes the image by as much, whatever the style."""
        half = max(1, len(step.images) // 2)
        noise = [each[:half] for each in self._noise(step.draws) or ()] or None
        probe = step.draws.normal(*self.config.image_shape)[:half]
        lengths = path_lengths(lambda styles: self.generator.synthesis(styles, noise), self._styles(step)[:half], probe)
        mean = torch.lerp(self.path_mean, lengths.mean(), PATH_MEMORY)
        if self.training:
            self.path_mean.copy_(step.mean(mean))
        return {"penalty": self.config.chosen("path_length") * (lengths - mean).square().mean()}

    def discriminator_loss(self, step: Step) -> Terms:
        with torch.no_grad():
            fake = self.generator.synthesis(self._styles(step), self._noise(step.draws))
        critic = self.critic(step)
        real_logits = critic(step.images)
        if self.training:
            self.observe(real_logits, step)
        return LOGISTIC.discriminator(real_logits, critic(fake))

    def r1_loss(self, step: Step) -> Terms:
        return {"penalty": self.config.chosen("penalty") / 2 * squared_gradient(self.critic(step), step.images).mean()}

    def _styles(self, step: Step) -> Tensor:
        """(N, L, W): in some batches, the layers from a random one on have the style of another latent."""
        layers, conditions = self.generator.synthesis.layers, self.to_conditions(step)
        first = self.generator.mapping(step.draws.normal(self.config.latent_dim), conditions)
        if self.training:
            self.generator.mapping.follow(step.mean(first.mean(0)))
        probability = self.config.chosen("style_mixing")
        if not probability:
            return broadcast(first, layers)
        second = self.generator.mapping(step.draws.normal(self.config.latent_dim), conditions)
        mixed, place = step.draws.whole(2).unbind()
        cutoff = 1 + (place * (layers - 1)).floor()
        later = (torch.arange(layers, device=first.device) >= cutoff) & (mixed < probability)
        return torch.where(later[:, None], broadcast(second, layers), broadcast(first, layers))

    def _noise(self, draws: Draws) -> list[Tensor] | None:
        shapes = self.generator.synthesis.noise_shapes
        return [draws.normal(1, *shape) for shape in shapes] if shapes else None

    # Verbs

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        return self.generator.synthesis.noise_shapes

    def synthesise(self, styles: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        images: Tensor = self.generator.synthesis(styles, noise)
        return images.clamp(-1, 1)


def build_mapping(config: StyleGAN2Config) -> StyleMappingNetwork:
    """The untrained mapping network of a configuration."""
    return StyleMappingNetwork(
        config.latent_dim,
        config.style_dim,
        conditions=config.conditions,
        layers=config.chosen("mapping_layers"),
        width=config.mapping_width,
        rate=config.mapping_rate,
    )


def build_discriminator(config: StyleGAN2Config) -> StyleDiscriminator:
    """The untrained discriminator of a configuration."""
    return StyleDiscriminator(
        config.channels,
        config.widths[::-1],
        config.start,
        architecture=config.discriminator_architecture or config.numbers.architecture,
        conditions=config.conditions,
        condition_dim=config.condition_dim,
        group=config.chosen("group"),
        deviations=config.deviation_maps,
        mapping_layers=config.condition_layers,
        mapping_rate=config.mapping_rate,
        clamp=config.clamp or None,
    )


def layers_of_discriminator(config: StyleGAN2Config) -> list[str]:
    """The names of its layers, from the image on."""
    with torch.device("meta"):
        return build_discriminator(config).layers()
