"""pix2pixHD in small: label and instance maps, an enhancer that trains alone at first, a frozen perceptual network.

Wang et al. 2018, arXiv:1711.11585: coarse-to-fine generator (3.1), discriminators at two scales (3.2), edges of
instance maps (3.3), perceptual loss of a fixed network (appendix).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import one_hot, relu

from imagewright.configs import LayeredConfig
from imagewright.model import Frozen, Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Recipe
from skeletons.parts import WIDTH, SkeletonConfig, conv, halved, patch_discriminator

ALONE = 64  # images seen up to which the enhancer trains alone


@dataclass(frozen=True, kw_only=True)
class Pix2PixHDConfig(LayeredConfig, SkeletonConfig):
    tiny_options: ClassVar[dict[str, Any]] = {}
    input_layers: ClassVar[tuple[str, ...]] = ("labels", "ids", "image")


class Pix2PixHD(Model):
    """Networks: `generator.coarse`, `generator.enhancer`; `discriminators`; `perceptual`, fetched before training."""

    Config = Pix2PixHDConfig
    config: Pix2PixHDConfig

    def __init__(self, config: Pix2PixHDConfig) -> None:
        super().__init__(config)
        inputs = config.layer_channels["labels"] + 1
        self.generator = nn.ModuleDict({"coarse": conv(inputs, WIDTH), "enhancer": conv(WIDTH, config.channels)})
        self.discriminators = nn.ModuleList([patch_discriminator(inputs + config.channels) for _ in range(2)])
        self.perceptual = Frozen()

    def equip(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(1)  # a published network would be fetched here
            self.perceptual.hold(conv(self.config.channels, WIDTH))

    def recipe(self, images_seen: int = 0) -> Recipe:
        return Recipe(images_seen=4 * ALONE, batch_size=8)

    def phases(self) -> list[Phase]:
        both = ("generator.coarse", "generator.enhancer")
        return [
            Phase("enhancer", ("generator.enhancer",), self.generator_loss, until=ALONE),
            Phase("generator", both, self.generator_loss, since=ALONE),
            Phase("discriminators", ("discriminators",), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Terms:
        given = self._given(step)
        fake = self._generate(given)
        step.shared |= {"fake": fake.detach(), "given": given}
        adversarial = sum((logits - 1).square().mean() for logits in self._critics(given, fake))
        perceptual = (self.perceptual(fake) - self.perceptual(step.images)).abs().mean()
        return {"adversarial": torch.as_tensor(adversarial), "perceptual": perceptual}

    def discriminator_loss(self, step: Step) -> Terms:
        given, fake = step.shared["given"], step.shared["fake"]
        real_terms = [(logits - 1).square().mean() for logits in self._critics(given, step.images)]
        fake_terms = [logits.square().mean() for logits in self._critics(given, fake)]
        return {"real": torch.stack(real_terms).sum(), "fake": torch.stack(fake_terms).sum()}

    def _given(self, rows: Rows) -> Tensor:
        """(N, classes + 1, H, W): the label map as one-hot maps, and the edges of the instance map."""
        labels = one_hot(rows.layers["labels"], self.config.layer_channels["labels"]).permute(0, 3, 1, 2)
        ids = rows.layers["ids"]
        edges = torch.zeros_like(ids, dtype=torch.bool)
        edges[:, :, 1:] |= ids[:, :, 1:] != ids[:, :, :-1]
        edges[:, 1:] |= ids[:, 1:] != ids[:, :-1]
        return torch.cat([labels, edges[:, None]], 1).to(rows.images.dtype)

    def _generate(self, given: Tensor) -> Tensor:
        images: Tensor = torch.tanh(self.generator["enhancer"](relu(self.generator["coarse"](given))))
        return images

    def _critics(self, given: Tensor, images: Tensor) -> list[Tensor]:
        both = torch.cat([given, images], 1)
        return [critic(halved(both, scale)) for scale, critic in enumerate(self.discriminators)]

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        images = rows["images"]
        return {"output": self._generate(self._given(images)), "image": images.images}
