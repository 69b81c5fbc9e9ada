"""StyleGAN3: images without aliasing, whose details move with what they are on, in configurations T and R.

Karras et al. 2021, arXiv:2106.12423: T is equivariant to translation, R to rotation too (section 3); training, the
schedule of layers and the blur of R: appendix F. Numbers are those of the published code. Departures: gamma of R1
follows the published ones at any size; scales are normalised for each image, not for the batch, which changes no
result; gradients that are not finite stop the training instead of being replaced; a training that starts from another
run (`--from`) keeps the ramp-up of its average and the blur; fakes have the classes of the real images of the batch;
sides that are no power of 2 are a window of the next larger square. Shape letters: N batch, C H W image, Z latent, K
classes, S style, L layers that take a style.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import conv2d

from imagewright import distributed
from imagewright.configs import DoublingConfig
from imagewright.layers.adaptive_augmentation import AdaptiveProbability
from imagewright.layers.alias_free_synthesis import AliasFreeSynthesis, Follow, LayerPlan, plan_layers
from imagewright.layers.conditions import Conditions
from imagewright.layers.style_discriminator import StyleDiscriminator
from imagewright.layers.style_mapping import StyleMappingNetwork
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import Critic, squared_gradient
from imagewright.model import Model
from imagewright.models.shared.style_based import StyleBasedConfig, StyleBasedGAN
from imagewright.models.shared.style_views import broadcast
from imagewright.phases import Phase, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.traits import Traits

LOGISTIC = ADVERSARIAL["non_saturating"]
SMALLEST = 16
COARSEST = 16  # samples an image in the first layer
DISCRIMINATOR_INTERVAL = 16  # steps between two evaluations of R1
MAGNITUDE_HALF_LIFE = 20_000  # images
BLURRED = 200_000  # images of a training of R before whose end they are blurred
GENERATOR_RATE, DISCRIMINATOR_RATE = 2.5e-3, 2e-3
BATCH, HALF_LIFE, IMAGES = 32, 10_000, 25_000_000


@dataclass(frozen=True, kw_only=True)
class StyleGAN3Config(StyleBasedConfig, DoublingConfig):
    """The options of StyleGAN3. What is None follows from `variant`."""

    tiny_options: ClassVar[dict[str, Any]] = {
        "latent_dim": 8,
        "style_dim": 8,
        "layers": 3,
        "channel_base": 64,
        "channel_max": 8,
        "discriminator_channel_base": 64,
        "discriminator_channel_max": 16,
    }

    variant: Literal["t", "r"] = Field("t", description="t: details move with the image; r: and turn with it")
    mapping_layers: int = Field(2, ge=1, le=64, description="layers of the mapping network")
    layers: int = Field(14, ge=3, le=64, description="layers of the generator before the one that makes the image")
    kernel: int | None = Field(None, ge=1, le=9, description="side of the generator's kernels (t: 3, r: 1)")
    radial: bool | None = Field(None, description="whether filters are rotationally symmetric (t: no, r: yes)")
    channel_base: int | None = Field(
        None, ge=1, le=2**22, description="channels of the generator times twice the highest frequency (32,768, 65,536)"
    )
    channel_max: int | None = Field(None, ge=1, le=8192, description="the most channels of the generator (512, 1024)")
    discriminator_channel_base: int = Field(
        32_768, ge=1, le=2**22, description="channels of the discriminator times the side, at every resolution"
    )
    discriminator_channel_max: int = Field(512, ge=1, le=8192, description="the most channels of the discriminator")
    group: int = Field(4, ge=1, le=4096, description="images over which deviations are taken")
    penalty: float | None = Field(
        None, ge=0, le=1e6, description="gamma of R1 (published: 2 at 256 pixels, a quarter of it at half the side)"
    )
    blur: float | None = Field(
        None,
        ge=0,
        le=64,
        description="pixels that what is judged is blurred by at first (t: 0, r: 10), over the first 200,000 images",
    )

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        return f"both sides must be {SMALLEST} or more, and for about this size multiples of {_unit_of(size)}"

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        height, width = max(height, SMALLEST), max(width, SMALLEST)
        unit = _unit_of((height, width))
        nearest = max(1, round(height / unit)) * unit, max(1, round(width / unit)) * unit
        # Rounding up may reach the next power of 2, whose unit is twice as large.
        return nearest if _unit_of(nearest) == unit else cls.nearest_size(*nearest)

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """Few and narrow layers and small batches on a CPU, where the published ones take months."""
        if traits.accelerator:
            return {}
        narrow = {"layers": 6, "channel_base": 512, "channel_max": 32, "latent_dim": 64, "style_dim": 64}
        judges = {"discriminator_channel_base": 1024, "discriminator_channel_max": 64}
        # Trainings are short: the augmentation must adapt faster.
        adaptive = {} if traits.given.get("augmentation") == "none" else {"augmentation_images": 100_000}
        return narrow | judges | adaptive | {"batch_size": 16}

    @model_validator(mode="after")
    def _layers_are_left(self) -> StyleGAN3Config:
        if not self.frozen_layers:  # counting them takes a second the first time, for what torch imports
            return self
        most = len(layers_of_discriminator(self)) - 1
        if self.frozen_layers > most:
            raise ValueError(f"frozen_layers={self.frozen_layers}, but the discriminator has {most + 1}: one must move")
        return self

    def chosen(self, name: str) -> Any:
        """An option, or the published number of the variant."""
        given = getattr(self, name)
        return PUBLISHED[name][self.variant] if given is None else given

    @property
    def gamma(self) -> float:
        """Weight of R1."""
        return 2 * (min(self.size) / 256) ** 2 if self.penalty is None else self.penalty

    @property
    def plans(self) -> list[LayerPlan]:
        """Of the generator's layers."""
        base, most = self.chosen("channel_base"), self.chosen("channel_max")
        return plan_layers(self.size, self.layers, base, most, self.channels)


PUBLISHED: dict[str, dict[str, Any]] = {
    "kernel": {"t": 3, "r": 1},
    "radial": {"t": False, "r": True},
    "channel_base": {"t": 32_768, "r": 65_536},
    "channel_max": {"t": 512, "r": 1024},
    "blur": {"t": 0.0, "r": 10.0},
}


class AliasFreeGenerator(nn.Module):
    """The mapping network and the synthesis: (N, Z) and conditions (N, K) to images (N, C, H, W)."""

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__()
        self.mapping = build_mapping(config)
        self.synthesis = AliasFreeSynthesis(
            config.plans,
            config.style_dim,
            kernel=config.chosen("kernel"),
            radial=config.chosen("radial"),
            clamp=config.clamp or None,
        )

    def forward(self, latents: Tensor, conditions: Tensor | None = None) -> Tensor:
        images: Tensor = self.synthesis(broadcast(self.mapping(latents, conditions), self.synthesis.layers))
        return images


class StyleGAN3(Model, StyleBasedGAN):
    """Networks: `generator`, which is `mapping` and `synthesis`, and `discriminator`. The verbs use the average.

    blur: buffer (T,), the taps by which what is judged is blurred along each axis; there is none without blur.
    """

    Config = StyleGAN3Config
    config: StyleGAN3Config
    averaged = ("generator",)
    blur: Tensor

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__(config)
        self.generator = AliasFreeGenerator(config)
        self.discriminator = build_discriminator(config)
        if config.conditions:
            self.conditions = Conditions(config)
        if config.augmentation == "ada":
            self.augmentation = AdaptiveProbability(
                target=config.augmentation_target, images=config.augmentation_images
            )
        if config.chosen("blur"):
            self.register_buffer("blur", torch.zeros(1 + 2 * math.floor(3 * config.chosen("blur"))))
            self.advance(0)

    def recipe(self, images_seen: int = 0) -> Recipe:
        betas = (0.0, 0.99)
        return Recipe(
            images_seen=IMAGES,
            batch_size=BATCH,
            optimizer=Optimizer(learning_rate=DISCRIMINATOR_RATE, betas=betas),
            optimizers={"generator": Optimizer(learning_rate=GENERATOR_RATE, betas=betas)},
            average=Average(half_life=HALF_LIFE, ramp_up=0.05, buffers="copy"),
        )

    def advance(self, images_seen: int) -> tuple[str, ...]:
        """The blur falls linearly to none."""
        if self.config.chosen("blur"):
            sigma = self.config.chosen("blur") * max(0.0, 1 - images_seen / BLURRED)
            places = torch.arange(len(self.blur), device=self.blur.device) - len(self.blur) // 2
            taps = torch.exp2(-(places / max(sigma, 1e-6)).square()) * (places.abs() <= math.floor(3 * sigma))
            self.blur.copy_(taps / taps.sum())
        return ()

    # Objective

    def phases(self) -> list[Phase]:
        judges: tuple[str, ...] = ("discriminator",)
        if frozen := self.config.frozen_layers:
            judges = tuple(f"discriminator.{name}" for name in layers_of_discriminator(self.config)[frozen:])
        phases = [
            Phase("generator", ("generator",), self.generator_loss),
            Phase("discriminator", judges, self.discriminator_loss),
        ]
        if self.config.gamma:
            phases.append(Phase("r1", judges, self.r1_loss, every=DISCRIMINATOR_INTERVAL, lazy=True))
        return phases

    def generator_loss(self, step: Step) -> Terms:
        return LOGISTIC.generator(self._blurred_critic(step)(self._generate(step)), None)

    def discriminator_loss(self, step: Step) -> Terms:
        """Here alone the means of w and of the magnitudes follow, as published."""
        with torch.no_grad():
            fake = self._generate(step, follows=self.training)
        critic = self._blurred_critic(step)
        real_logits = critic(step.images)
        if self.training:
            self.observe(real_logits, step)
        return LOGISTIC.discriminator(real_logits, critic(fake))

    def r1_loss(self, step: Step) -> Terms:
        return {"penalty": self.config.gamma / 2 * squared_gradient(self._blurred_critic(step), step.images).mean()}

    def _generate(self, step: Step, *, follows: bool = False) -> Tensor:
        generator = self.generator
        styles = generator.mapping(step.draws.normal(self.config.latent_dim), self.to_conditions(step))
        if follows:
            generator.mapping.follow(step.mean(styles.mean(0)))
        layers = generator.synthesis.layers
        images: Tensor = generator.synthesis(broadcast(styles, layers), _follow(step) if follows else None)
        return images

    def _blurred_critic(self, step: Step) -> Critic:
        critic = self.critic(step)
        if not self.config.chosen("blur"):
            return critic
        return lambda images: critic(_blurred(images, self.blur))

    # Verbs

    def decode_moved(self, latents: Tensor, motions: Tensor) -> Tensor:
        """Images (N, C, H, W), not clipped, of latents (N, Z) moved at the input of the synthesis network.

        motions: (N, 3, 3), from places in the image to places in the one that is not moved, in homogeneous coordinates:
            pixels from the centre, x to the right first, y downwards.
        """
        motions = motions.clone()
        motions[:, :2, 2] /= self.config.plans[-1].rate  # pixels of the square that is a unit
        styles = broadcast(self.map_latents(latents), self.style_shape[0])
        images: Tensor = self.generator.synthesis(styles, moved=motions)
        return images


def _follow(step: Step) -> Follow:
    share = 1 - 0.5 ** (step.draws.rows * distributed.world_size() / MAGNITUDE_HALF_LIFE)

    def follow(mean: Tensor, measured: Tensor) -> None:
        mean.lerp_(step.mean(measured), share)

    return follow


def _blurred(images: Tensor, taps: Tensor) -> Tensor:
    """Images (N, C, H, W) filtered along both axes, with zeros around them."""
    channels, count = images.shape[1], len(taps)
    with torch.autocast(images.device.type, enabled=False):
        images = images.float()
        for shape, padding in (((1, count), (0, count // 2)), ((count, 1), (count // 2, 0))):
            kernel = taps.view(1, 1, *shape).expand(channels, 1, *shape)
            images = conv2d(images, kernel, padding=padding, groups=channels)
    return images


def _unit_of(size: tuple[int, int]) -> int:
    """What sides of about this size are multiples of: of a pixel in the coarsest layer, and of the halvings."""
    square = 1 << (max(size) - 1).bit_length()
    return max(square // COARSEST, 2 ** DoublingConfig.doublings_of(size))


def build_mapping(config: StyleGAN3Config) -> StyleMappingNetwork:
    """The untrained mapping network of a configuration."""
    return StyleMappingNetwork(
        config.latent_dim,
        config.style_dim,
        conditions=config.conditions,
        layers=config.mapping_layers,
        rate=config.mapping_rate,
        decay=0.998,
    )


def build_discriminator(config: StyleGAN3Config) -> StyleDiscriminator:
    """The untrained discriminator of a configuration: StyleGAN2's."""
    sides = (min(config.start) << place for place in range(config.doublings, -1, -1))
    widths = [
        max(1, min(config.discriminator_channel_base // side, config.discriminator_channel_max)) for side in sides
    ]
    return StyleDiscriminator(
        config.channels,
        widths,
        config.start,
        conditions=config.conditions,
        condition_dim=config.condition_dim,
        group=config.group,
        deviations=config.deviation_maps,
        mapping_layers=config.condition_layers,
        mapping_rate=config.mapping_rate,
        clamp=config.clamp or None,
    )


def layers_of_discriminator(config: StyleGAN3Config) -> list[str]:
    """The names of its layers, from the image on."""
    with torch.device("meta"):
        return build_discriminator(config).layers()
