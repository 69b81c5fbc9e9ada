"""CycleGAN: translation between two sets of images without pairs.

Zhu et al. 2017, arXiv:1703.10593: objective eq. 1 to 3 with least squares instead of logarithms (section 4), identity
loss of section 5.2, networks of the appendix. Numbers are those of the published code. Departures: a step moves both
generators and then both discriminators with one batch of each set; any size whose sides are multiples of 4.
Shape letters: N batch, C H W image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import l1_loss

from imagewright.capabilities import Target
from imagewright.configs import TwoDomainConfig
from imagewright.layers.image_pool import ImagePool
from imagewright.losses.adversarial import ADVERSARIAL, least_squares
from imagewright.model import Feed, Model
from imagewright.models.shared.translation import (
    TranslationConfig,
    build_discriminator,
    build_generator,
    constant_then_linear,
)
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Recipe

EPOCH = 1_334  # images of the larger set of horse2zebra; the published training has 200 epochs
LEAST_SQUARES = ADVERSARIAL["least_squares"]


@dataclass(frozen=True, kw_only=True)
class CycleGANConfig(TwoDomainConfig, TranslationConfig):
    """The options of CycleGAN."""

    tiny_options: ClassVar[dict[str, Any]] = {
        "width": 4,
        "blocks": 1,
        "discriminator_width": 4,
        "discriminator_layers": 1,
        "pool": 6,
    }

    cycle: float = Field(10.0, ge=0, le=1e6, description="weight of the cycle loss")
    identity: float = Field(
        0.5, ge=0, le=1e6, description="weight of the identity loss, in units of the cycle loss; 0 leaves it out"
    )
    pool: int = Field(50, ge=0, le=10_000, description="past fakes kept for each discriminator; 0: none")


class CycleGAN(Model):
    """Networks: `generator_ab`, `generator_ba` (N, C, H, W) to the same; `discriminator_a`, `discriminator_b`."""

    Config = CycleGANConfig
    config: CycleGANConfig
    feeds: ClassVar[Mapping[str, Feed]] = {"a": Feed("a"), "b": Feed("b")}

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__(config)
        channels = config.channels
        self.generator_ab = build_generator(config, channels, channels)
        self.generator_ba = build_generator(config, channels, channels)
        self.discriminator_a = build_discriminator(config, channels)
        self.discriminator_b = build_discriminator(config, channels)
        self.pool_a = ImagePool(config.pool, config.image_shape)
        self.pool_b = ImagePool(config.pool, config.image_shape)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return constant_then_linear(images=200 * EPOCH, at=images_seen)

    # Objective

    def phases(self) -> list[Phase]:
        return [
            Phase("generators", ("generator_ab", "generator_ba"), self.generator_loss),
            Phase("discriminators", ("discriminator_a", "discriminator_b"), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Iterator[Terms]:
        """Eq. 3 for both directions, and the identity loss of section 5.2, in parts that share no graph."""
        weight = self.config.cycle
        ways = (
            ("a", "b", step.images, self.generator_ab, self.generator_ba, self.discriminator_b),
            ("b", "a", step["b"].images, self.generator_ba, self.generator_ab, self.discriminator_a),
        )
        for name, other, real, forth, back, judge in ways:
            fake = forth(real)
            step.shared[f"fake_{other}"] = fake.detach()
            yield {
                f"adversarial_{other}": least_squares([judge(fake)], 1),
                f"cycle_{name}": weight * l1_loss(back(fake), real),
            }
            if self.config.identity:
                yield {f"identity_{name}": weight * self.config.identity * l1_loss(back(real), real)}

    def discriminator_loss(self, step: Step) -> Iterator[Terms]:
        """Eq. 1 with least squares for both discriminators; fakes come from the pools."""
        for name, real, judge, pool in (
            ("a", step.images, self.discriminator_a, self.pool_a),
            ("b", step["b"].images, self.discriminator_b, self.pool_b),
        ):
            fake = pool(step, step.shared[f"fake_{name}"])
            found = LEAST_SQUARES.discriminator(judge(real), judge(fake.to(real.dtype)))
            yield {f"{term}_{name}": value for term, value in found.items()}

    # Verbs

    @property
    def domains(self) -> tuple[str, ...]:
        return self.config.domain_names

    def translate(self, images: Tensor, target: Target) -> Tensor:
        translated: Tensor = (self.generator_ba if target.domain == 0 else self.generator_ab)(images)
        return translated

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        a, b = rows["a"].images, rows["b"].images
        fake_b, fake_a = self.generator_ab(a), self.generator_ba(b)
        one, other = self.domains
        return {
            one: a,
            f"{one} to {other}": fake_b,
            f"and back to {one}": self.generator_ba(fake_b),
            other: b,
            f"{other} to {one}": fake_a,
            f"and back to {other}": self.generator_ab(fake_a),
        }

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        a, b = rows["a"].images, rows["b"].images
        return {
            "discriminator_a": (self.discriminator_a(a), self.discriminator_a(self.generator_ba(b))),
            "discriminator_b": (self.discriminator_b(b), self.discriminator_b(self.generator_ab(a))),
        }
