"""pix2pix in small: pairs as two layers of one image, and dropout as the only noise.

Isola et al. 2017, arXiv:1611.07004: eq. 1 and 4; the noise is dropout in the generator (section 2.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import softplus

from imagewright.capabilities import Target
from imagewright.configs import LayeredConfig
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from skeletons.parts import WIDTH, SkeletonConfig, conv, patch_discriminator


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig(LayeredConfig, SkeletonConfig):
    input_layers: ClassVar[tuple[str, ...]] = ("input", "target")


class Pix2Pix(Model):
    """Networks: `generator` (N, C_input, H, W) -> (N, C_target, H, W), `discriminator` of both side by side."""

    Config = Pix2PixConfig
    config: Pix2PixConfig
    domains = ("target",)

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__(config)
        inputs, outputs = config.layer_channels["input"], config.layer_channels["target"]
        self.generator = nn.Sequential(
            conv(inputs, WIDTH), nn.BatchNorm2d(WIDTH), nn.Dropout(0.5), nn.ReLU(), conv(WIDTH, outputs), nn.Tanh()
        )
        self.discriminator = patch_discriminator(inputs + outputs)

    def phases(self) -> list[Phase]:
        return [
            Phase("generator", ("generator",), self.generator_loss),
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Terms:
        given, wanted = step.layers["input"], step.layers["target"]
        fake = self.generator(given)
        step.shared["fake"] = fake.detach()
        return {"adversarial": softplus(-self._critic(given, fake)).mean(), "l1": 100 * (fake - wanted).abs().mean()}

    def discriminator_loss(self, step: Step) -> Terms:
        given, wanted = step.layers["input"], step.layers["target"]
        return {
            "real": softplus(-self._critic(given, wanted)).mean(),
            "fake": softplus(self._critic(given, step.shared["fake"])).mean(),
        }

    def _critic(self, given: Tensor, judged: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(torch.cat([given, judged], 1))
        return logits

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        layers = rows["images"].layers
        return {"input": layers["input"], "output": self.generator(layers["input"]), "target": layers["target"]}

    def translate(self, images: Tensor, target: Target) -> Tensor:
        translated: Tensor = self.generator(images)
        return translated
