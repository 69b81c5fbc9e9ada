"""DRIT in small: two images a row; a content discriminator with its own rate and clip, which alone moves in every step.

Lee et al. 2018, arXiv:1808.00948: content adversarial loss (section 3.1); rates, weight decay, clipping and intervals
of the authors' code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import softplus

from imagewright.capabilities import Target
from imagewright.model import Feed, Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Optimizer, Recipe
from skeletons.parts import WIDTH, SkeletonConfig, conv, image_encoder, patch_discriminator


@dataclass(frozen=True, kw_only=True)
class DRITConfig(SkeletonConfig):
    sources: ClassVar[tuple[str, ...]] = ("a", "b")


class DRIT(Model):
    """Networks: `content` encoder, `generator_a`, `generator_b`, `content_discriminator`, `discriminator` of a."""

    Config = DRITConfig
    config: DRITConfig
    feeds: ClassVar[Mapping[str, Feed]] = {"a": Feed("a", repeats=2), "b": Feed("b", repeats=2)}
    domains = ("a", "b")

    def __init__(self, config: DRITConfig) -> None:
        super().__init__(config)
        self.content = conv(config.channels, WIDTH)
        self.generator_a, self.generator_b = conv(WIDTH, config.channels), conv(WIDTH, config.channels)
        self.content_discriminator = nn.Sequential(conv(WIDTH, config.channels), image_encoder(config, 1))
        self.discriminator = patch_discriminator(config.channels)

    def recipe(self, images_seen: int = 0) -> Recipe:
        usual = Optimizer(learning_rate=1e-4, betas=(0.5, 0.999), weight_decay=1e-4)
        content = Optimizer(learning_rate=4e-5, betas=(0.5, 0.999), weight_decay=1e-4, clip=5.0)
        return Recipe(batch_size=8, optimizer=usual, optimizers={"content_discriminator": content})

    def phases(self) -> list[Phase]:
        generator = ("content", "generator_a", "generator_b")
        return [
            Phase("content", ("content_discriminator",), self.content_discriminator_loss),
            Phase("discriminator", ("discriminator",), self.discriminator_loss, every=3),
            Phase("generator", generator, self.generator_loss, every=3),
        ]

    def content_discriminator_loss(self, step: Step) -> Terms:
        with torch.no_grad():
            a, b = self.content(first(step)), self.content(first(step["b"]))
        critic = self.content_discriminator
        return {"a": softplus(-critic(a)).mean(), "b": softplus(critic(b)).mean()}

    def discriminator_loss(self, step: Step) -> Terms:
        with torch.no_grad():
            fake = self.generator_a(self.content(first(step["b"])))
        # The second image of the row: the real one is not the one that was translated.
        return {
            "real": softplus(-self.discriminator(second(step))).mean(),
            "fake": softplus(self.discriminator(fake)).mean(),
        }

    def generator_loss(self, step: Step) -> Terms:
        contents = {"a": self.content(first(step)), "b": self.content(first(step["b"]))}
        rebuilt = (self.generator_a(contents["a"]) - first(step)).abs().mean()
        rebuilt = rebuilt + (self.generator_b(contents["b"]) - first(step["b"])).abs().mean()
        return {
            "adversarial": softplus(-self.discriminator(self.generator_a(contents["b"]))).mean(),
            "content": self.content_discriminator(contents["a"]).square().mean(),
            "reconstruction": 10 * rebuilt,
        }

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        fake = self.generator_a(self.content(first(rows["b"])))
        return {"discriminator": (self.discriminator(second(rows["a"])), self.discriminator(fake))}

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        b = first(rows["b"])
        return {"b": b, "b as a": self.generator_a(self.content(b))}

    def translate(self, images: Tensor, target: Target) -> Tensor:
        translated: Tensor = (self.generator_b if target.domain == 1 else self.generator_a)(self.content(images))
        return translated


def first(rows: Rows) -> Tensor:
    """The first image of each row, (N, C, H, W)."""
    return rows.images[0::2]


def second(rows: Rows) -> Tensor:
    """The second image of each row, (N, C, H, W)."""
    return rows.images[1::2]
