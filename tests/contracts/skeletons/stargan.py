"""StarGAN in small: target labels are those of other images, from a feed of their own; one step in five moves G.

Choi et al. 2018, arXiv:1711.09020: eq. 4 to 8, with the gradient penalty of eq. 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from imagewright.capabilities import Target
from imagewright.configs import LabelledConfig
from imagewright.losses.penalties import gradient_penalty
from imagewright.model import Feed, Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from skeletons.parts import SkeletonConfig, as_maps, image_encoder, patch_discriminator, translator


@dataclass(frozen=True, kw_only=True)
class StarGANConfig(LabelledConfig, SkeletonConfig):
    """Domains are the classes of the images."""


class StarGAN(Model):
    """Networks: `generator` of image and label maps; `discriminator`, patches of logits; `classifier`."""

    Config = StarGANConfig
    config: StarGANConfig
    feeds: ClassVar[Mapping[str, Feed]] = {"images": Feed(), "targets": Feed()}

    def __init__(self, config: StarGANConfig) -> None:
        super().__init__(config)
        self.generator = translator(config.channels + len(config.class_names), config.channels)
        self.discriminator = patch_discriminator(config.channels)
        self.classifier = image_encoder(config, len(config.class_names))

    @property
    def domains(self) -> tuple[str, ...]:
        return self.config.class_names

    def phases(self) -> list[Phase]:
        return [
            Phase("discriminator", ("discriminator", "classifier"), self.discriminator_loss),
            Phase("generator", ("generator",), self.generator_loss, every=5),
        ]

    def discriminator_loss(self, step: Step) -> Terms:
        with torch.no_grad():
            fake = self._to(step.images, step["targets"].labels)
        return {
            "critic": self._critic(fake).mean() - self._critic(step.images).mean(),
            "penalty": 10 * gradient_penalty(self._critic, step.images, fake, step.draws.uniform(1, 1, 1)).mean(),
            "class": cross_entropy(self.classifier(step.images), step.labels),
        }

    def generator_loss(self, step: Step) -> Terms:
        wanted = step["targets"].labels
        fake = self._to(step.images, wanted)
        return {
            "adversarial": -self._critic(fake).mean(),
            "class": cross_entropy(self.classifier(fake), wanted),
            "cycle": 10 * (self._to(fake, step.labels) - step.images).abs().mean(),
        }

    def _critic(self, images: Tensor) -> Tensor:
        return self.discriminator(images).flatten(1).mean(1)

    def _to(self, images: Tensor, labels: Tensor | None) -> Tensor:
        assert labels is not None
        conditions = one_hot(labels, len(self.domains)).to(images.dtype)
        translated: Tensor = self.generator(torch.cat([images, as_maps(conditions, images)], 1))
        return translated

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        images = rows["images"].images
        return {"discriminator": (self._critic(images), self._critic(self._to(images, rows["targets"].labels)))}

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        images = rows["images"].images
        labels = [torch.full((len(images),), number, device=images.device) for number in range(len(self.domains))]
        return {"input": images} | {
            name: self._to(images, label) for name, label in zip(self.domains, labels, strict=True)
        }

    def translate(self, images: Tensor, target: Target) -> Tensor:
        assert target.domain is not None
        return self._to(images, torch.full((len(images),), target.domain, device=images.device))
