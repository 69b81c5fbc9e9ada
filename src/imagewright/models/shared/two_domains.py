"""What MUNIT and UNIT share: options, an autoencoder and a discriminator for each of two domains, phases, the recipe.

Both papers' published code builds them of the same blocks and trains them with the same numbers.
Shape letters: N batch, C H W image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.configs import MultipleSizedConfig, TwoDomainConfig
from imagewright.layers.pyramid_discriminator import PyramidDiscriminator, most_scales
from imagewright.losses.adversarial import least_squares
from imagewright.model import Feed
from imagewright.phases import Phase, Step, Terms
from imagewright.pixels import size_text
from imagewright.recipe import Optimizer, Recipe
from imagewright.traits import Traits

SMALL = 64
LAYERS, SCALES = 4, 3  # of the published discriminators
LENGTH = 1_000_000  # images of each domain, one a step
HALVED_EVERY = 100_000
DOMAINS = ("a", "b")
ActivationName = Literal["none", "relu", "leaky_relu", "prelu", "selu", "tanh"]
OTHER = {"a": "b", "b": "a"}
FEEDS: Mapping[str, Feed] = {"a": Feed("a"), "b": Feed("b")}
ADAM = Optimizer(learning_rate=1e-4, betas=(0.5, 0.999), weight_decay=1e-4)


@dataclass(frozen=True, kw_only=True)
class TwoAutoencodersConfig(TwoDomainConfig, MultipleSizedConfig):
    """The options of an autoencoder and a discriminator for each of two domains."""

    unit: ClassVar[int] = 4  # with the published two halvings
    smallest: ClassVar[int] = 16  # the style encoder halves four times, and a map of one pixel has no reflection
    tiny_options: ClassVar[dict[str, Any]] = {
        "width": 4,
        "blocks": 1,
        "downsamplings": 1,
        "discriminator_width": 4,
        "discriminator_layers": 2,
        "scales": 2,
    }

    width: int = Field(64, ge=1, le=1024, description="channels of the generators at full size")
    blocks: int = Field(4, ge=1, le=64, description="residual blocks of an encoder, and of a decoder")
    downsamplings: int = Field(2, ge=1, le=6, description="halvings from a picture to its content")
    activation: ActivationName = Field("relu", description="in the generators")
    padding: Literal["reflect", "replicate", "zero"] = Field("reflect", description="of all convolutions")
    discriminator_width: int = Field(64, ge=1, le=1024, description="channels of a discriminator's first layer")
    discriminator_layers: int | None = Field(
        None, ge=1, le=8, description="strided layers of a discriminator; by default 4"
    )
    scales: int | None = Field(
        None, ge=1, le=6, description="scales at which pictures are judged; by default 3, or as many as the size allows"
    )
    discriminator_norm: Literal["none", "instance", "layer", "batch"] = Field(
        "none", description="normalisation in the discriminators"
    )
    discriminator_activation: ActivationName = Field("leaky_relu", description="in the discriminators")
    reconstruction: float = Field(10.0, ge=0, le=1e6, description="weight of the reconstruction of a picture")

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """On a CPU a quarter of the published channels, and a constant rate: the published one falls over days.

        Small pictures go four a step, which a CPU computes more than twice as fast.
        """
        if traits.accelerator:
            return {}
        batch = {"batch_size": 4} if max(traits.height, traits.width) <= SMALL else {}
        return {"width": 16, "discriminator_width": 32, "learning_rate": 4e-4, "schedule": "constant", **batch}

    @model_validator(mode="after")
    def _size_is_possible_for_the_networks(self) -> TwoAutoencodersConfig:
        unit = 2**self.downsamplings
        if self.size[0] % unit or self.size[1] % unit:
            raise ValueError(
                f"downsamplings {self.downsamplings}: sides of {size_text(self.size)} are no multiples of {unit}"
            )
        if self.padding == "reflect" and self.judged_scales > (most := self._most_scales):
            raise ValueError(
                f"scales {self.judged_scales} of {self.judge_layers} layers: pictures of {size_text(self.size)} allow "
                f"{most} scales; fewer --discriminator-layers allow more"
            )
        return self

    @property
    def judge_layers(self) -> int:
        """`discriminator_layers`, or the published 4."""
        return self.discriminator_layers or LAYERS

    @property
    def judged_scales(self) -> int:
        """`scales`, or the published 3 where the size allows."""
        return self.scales or max(1, min(SCALES, self._most_scales))

    @property
    def _most_scales(self) -> int:
        """Scales whose layers all get two pixels a side or more, of which one is mirrored."""
        return most_scales(min(self.size), self.judge_layers)


def build_pyramid(config: TwoAutoencodersConfig) -> PyramidDiscriminator:
    """The untrained discriminator of one domain."""
    return PyramidDiscriminator(
        config.channels,
        width=config.discriminator_width,
        layers=config.judge_layers,
        scales=config.judged_scales,
        norm=config.discriminator_norm,
        activation=config.discriminator_activation,
        pad=config.padding,
    )


class TwoAutoencoders:
    """A mix-in for a `Model` of two domains: its discriminators' objective, and the names of its domains.

    The model has `discriminator_a` and `discriminator_b`, and says what the fakes of a step are (`fake`).
    """

    config: TwoAutoencodersConfig
    discriminator_a: nn.Module
    discriminator_b: nn.Module

    def fake(self, step: Step, domain: str) -> Tensor:
        """The other domain's images, translated to this one; kept for the phase of the generators."""
        raise NotImplementedError

    def discriminator_loss(self, step: Step) -> Terms:
        """Least squares (Mao et al. 2017, arXiv:1611.04076, eq. 9), without its halves, over all scales."""
        terms: Terms = {}
        for domain in DOMAINS:
            judge = self.judge(domain)
            terms[f"real_{domain}"] = least_squares(judge(images_of(step, domain)), 1)
            terms[f"fake_{domain}"] = least_squares(judge(self.fake(step, domain).detach()), 0)
        return terms

    def judge(self, domain: str) -> nn.Module:
        """The discriminator of a domain."""
        return self.discriminator_a if domain == "a" else self.discriminator_b

    @property
    def domains(self) -> tuple[str, ...]:
        return self.config.domain_names


def two_phases(discriminators: Callable[[Step], Terms], generators: Callable[[Step], Terms]) -> list[Phase]:
    """The discriminators' update by their loss, then the generators', on the same fakes."""
    moved = ("generator_a", "generator_b")
    return [
        Phase("discriminators", ("discriminator_a", "discriminator_b"), discriminators, serves=moved),
        Phase("generators", moved, generators),
    ]


def halving_recipe(at: int) -> Recipe:
    """The published recipe: Adam, one image a step, a rate that is halved ten times.

    at: the point, in images of the recommended length.
    """
    rate = ADAM.learning_rate * 0.5 ** (at // HALVED_EVERY)
    adam = Optimizer(learning_rate=rate, betas=ADAM.betas, weight_decay=ADAM.weight_decay)
    return Recipe(images_seen=LENGTH, batch_size=1, optimizer=adam, flip=True)


def images_of(step: Step, domain: str) -> Tensor:
    """The images of a domain in a step."""
    return step.images if domain == "a" else step["b"].images
