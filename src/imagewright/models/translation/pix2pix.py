"""pix2pix: translation learned from pairs of images.

Isola et al. 2017, arXiv:1611.07004: objective eq. 1, 3 and 4, networks of section 3.2 and appendix 6.1. Numbers are
those of the published code. Departures: the depth of the U-Net follows from the size unless it is given; dropout is the
noise of a translation (section 3.2) where styles are asked for, and is off where none are; least squares (`loss`) are
halved for both networks.
Shape letters: N batch, C H W image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.capabilities import Target
from imagewright.configs import LayeredConfig
from imagewright.errors import UserError
from imagewright.layers.noise import SEEDS, dropout_seeds, has_noise
from imagewright.layers.norms import NormName
from imagewright.losses.adversarial import ADVERSARIAL, AdversarialName
from imagewright.model import Model
from imagewright.models.shared.translation import (
    OftenHalvedConfig,
    TranslationConfig,
    at_multiples,
    build_discriminator,
    build_generator,
    constant_then_linear,
)
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Recipe

EPOCH = 400  # pairs of the facades' training set; the published training has 200 epochs


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig(LayeredConfig, OftenHalvedConfig, TranslationConfig):
    """The options of pix2pix."""

    input_layers: ClassVar[tuple[str, ...]] = ("input", "target")
    tiny_options: ClassVar[dict[str, Any]] = {
        "width": 4,
        "depth": 2,
        "discriminator_width": 4,
        "discriminator_layers": 1,
    }

    network: Literal["resnet", "unet"] = Field("unet", description="the generator: a U-Net, or a ResNet")
    norm: NormName = Field("batch", description="normalisation in both networks")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout in the generator, its only noise")
    loss: AdversarialName = Field("non_saturating", description="the adversarial loss")
    l1: float = Field(100.0, ge=0, le=1e6, description="weight of the L1 distance to the target")


class Pix2Pix(Model):
    """Networks: `generator` (N, C_input, H, W) to (N, C_target, H, W); `discriminator` of both side by side."""

    Config = Pix2PixConfig
    config: Pix2PixConfig
    domains = ("target",)
    few_shot, needs_style = False, False

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__(config)
        inputs, outputs = config.layer_channels["input"], config.layer_channels["target"]
        self.generator = build_generator(config, inputs, outputs)
        self.discriminator = build_discriminator(config, inputs + outputs)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return constant_then_linear(images=200 * EPOCH, at=images_seen)

    # Objective

    def phases(self) -> list[Phase]:
        return [
            Phase("discriminator", ("discriminator",), self.discriminator_loss, serves=("generator",)),
            Phase("generator", ("generator",), self.generator_loss),
        ]

    def discriminator_loss(self, step: Step) -> Terms:
        """Eq. 1, halved, which slows the discriminator down (section 3.3)."""
        given = step.layers["input"]
        fake = self._fake(step).detach()
        found = ADVERSARIAL[self.config.loss].discriminator(
            self._judge(given, step.layers["target"]), self._judge(given, fake)
        )
        return {name: 0.5 * value for name, value in found.items()}

    def generator_loss(self, step: Step) -> Terms:
        """Eq. 4."""
        given, wanted = step.layers["input"], step.layers["target"]
        fake = self._fake(step)
        loss = ADVERSARIAL[self.config.loss]
        real = self._judge(given, wanted) if loss.needs_real else None
        return loss.generator(self._judge(given, fake), real) | {"l1": self.config.l1 * (fake - wanted).abs().mean()}

    def _fake(self, step: Step) -> Tensor:
        return step.reuse("fake", lambda: self.generator(step.layers["input"]))

    def _judge(self, given: Tensor, judged: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(torch.cat([given, judged.to(given.dtype)], 1))
        return logits.flatten()

    # Verbs

    @property
    def source_channels(self) -> int:
        """Channels of pictures to translate."""
        return self.config.layer_channels["input"]

    def translate(self, images: Tensor, target: Target) -> Tensor:
        unit = 2**self.config.unet_depth if self.config.network == "unet" else 4
        seeds = None if target.style is None else target.style.flatten().expand(len(images))
        with dropout_seeds(seeds):
            return at_multiples(self.generator, images, unit)

    @property
    def style_shape(self) -> tuple[int, ...]:
        """A style is one number, the seed of the units that are dropped; of no number if no layer drops any."""
        return (1,) if has_noise(self.generator) else (0,)

    def sample_styles(self, count: int, domain: int | None, generator: torch.Generator) -> Tensor:
        return torch.randint(SEEDS, (count, 1), generator=generator).float()

    def encode_styles(self, references: Tensor, domain: int | None) -> Tensor:
        raise UserError(
            "pix2pix takes no style from references (--like, like=): its styles are noise. Sample some by --styles 4 "
            "(styles=4), or leave styles out for the translation without noise."
        )

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        layers = rows["images"].layers
        return {"input": layers["input"], "output": self.generator(layers["input"]), "target": layers["target"]}

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        layers = rows["images"].layers
        given = layers["input"]
        return {"discriminator": (self._judge(given, layers["target"]), self._judge(given, self.generator(given)))}
