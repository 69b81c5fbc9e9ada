"""FUNIT in small: a class is given by K example images, and every class comes equally often.

Liu et al. 2019, arXiv:1905.01723: eq. 1 to 4; the class code is the mean over the K images (section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import relu

from imagewright.capabilities import Target
from imagewright.configs import LabelledConfig
from imagewright.model import Feed, Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Optimizer, Recipe
from skeletons.parts import SkeletonConfig, as_maps, image_encoder, patch_discriminator, translator

SHOTS = 3


@dataclass(frozen=True, kw_only=True)
class FUNITConfig(LabelledConfig, SkeletonConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"style_dim": 4}

    style_dim: int = Field(4, ge=1, le=1024, description="size of the class code")


class FUNIT(Model):
    """Networks: `generator.style` (N, C, H, W) -> codes; `generator.body` of image and code; `discriminator`."""

    Config = FUNITConfig
    config: FUNITConfig
    feeds: ClassVar[Mapping[str, Feed]] = {
        "content": Feed(),
        "styles": Feed(repeats=SHOTS, same_class=True, balanced=True),
    }
    domains: tuple[str, ...] = ()
    few_shot = True

    def __init__(self, config: FUNITConfig) -> None:
        super().__init__(config)
        self.generator = nn.ModuleDict(
            {
                "style": image_encoder(config, config.style_dim),
                "body": translator(config.channels + config.style_dim, config.channels),
            }
        )
        self.discriminator = patch_discriminator(config.channels)

    def recipe(self, images_seen: int = 0) -> Recipe:
        # The authors': RMSProp with weight decay.
        return Recipe(optimizer=Optimizer(learning_rate=1e-4, betas=(0.0, 0.99), weight_decay=1e-4, kind="rmsprop"))

    def phases(self) -> list[Phase]:
        return [
            Phase("generator", ("generator",), self.generator_loss),
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Terms:
        fake = self._with_style(step.images, self._code(step["styles"].images))
        step.shared["fake"] = fake.detach()
        own = self._with_style(step.images, self.generator["style"](step.images))
        return {
            "adversarial": -self.discriminator(fake).mean(),
            "reconstruction": (own - step.images).abs().mean(),
        }

    def discriminator_loss(self, step: Step) -> Terms:
        real = step["styles"].images[::SHOTS]
        return {
            "real": relu(1 - self.discriminator(real)).mean(),
            "fake": relu(1 + self.discriminator(step.shared["fake"])).mean(),
        }

    def _code(self, examples: Tensor) -> Tensor:
        """(N * K, C, H, W) -> (N, S): the mean over the K images of a row."""
        code: Tensor = self.generator["style"](examples).unflatten(0, (-1, SHOTS)).mean(1)
        return code

    def _with_style(self, images: Tensor, code: Tensor) -> Tensor:
        translated: Tensor = self.generator["body"](torch.cat([images, as_maps(code, images)], 1))
        return translated

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        content, styles = rows["content"].images, rows["styles"].images
        return {"content": content, "class": styles[::SHOTS], "output": self._with_style(content, self._code(styles))}

    @property
    def style_shape(self) -> tuple[int, ...]:
        return (self.config.style_dim,)

    def encode_styles(self, references: Tensor, domain: int | None = None) -> Tensor:
        """(N, K, C, H, W) -> (N, S)."""
        codes: Tensor = self.generator["style"](references.flatten(0, 1)).unflatten(0, references.shape[:2]).mean(1)
        return codes

    def sample_styles(self, count: int, domain: int | None, generator: torch.Generator) -> Tensor:
        return torch.randn(count, self.config.style_dim, generator=generator)

    def translate(self, images: Tensor, target: Target) -> Tensor:
        assert target.style is not None
        return self._with_style(images, target.style)

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        styles = rows["styles"].images
        fake = self._with_style(rows["content"].images, self._code(styles))
        return {"discriminator": (self.discriminator(styles[::SHOTS]), self.discriminator(fake))}
