"""CycleGAN in small: two sources, pools of past fakes, a rate that is constant and then falls to nothing.

Zhu et al. 2017, arXiv:1703.10593: eq. 1 to 3 with the least-squares loss; pools and schedule of section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.capabilities import Target
from imagewright.model import Feed, Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.pixels import to_float, to_uint8
from imagewright.recipe import Optimizer, Recipe
from skeletons.parts import SkeletonConfig, patch_discriminator, translator

POOL = 6


@dataclass(frozen=True, kw_only=True)
class CycleGANConfig(SkeletonConfig):
    sources: ClassVar[tuple[str, ...]] = ("a", "b")


class Pool(nn.Module):
    """The last fakes, as uint8: half of the time a discriminator gets one of them instead of a new one.

    All ranks hold the same pool: they see the fakes of the global batch, and decide by draws for the whole batch.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(POOL, *shape, dtype=torch.uint8))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def forward(self, step: Step, fakes: Tensor) -> Tensor:
        """(N, C, H, W): the fakes of this rank's rows, some replaced."""
        gathered, own = step.gather(fakes)
        everywhere = to_uint8(gathered)
        old, place = step.draws.whole(len(everywhere)) < 0.5, step.draws.whole(len(everywhere))
        chosen = []
        for row, fake in enumerate(everywhere):
            if int(self.filled) < POOL:
                self.images[int(self.filled)] = fake
                self.filled += 1
                chosen.append(fake)
            elif old[row]:
                slot = int(place[row] * POOL)
                chosen.append(self.images[slot].clone())
                self.images[slot] = fake
            else:
                chosen.append(fake)
        return to_float(torch.stack(chosen)[own])


class CycleGAN(Model):
    """Networks: `g_ab`, `g_ba` (N, C, H, W) -> (N, C, H, W); `d_a`, `d_b` -> patches of logits."""

    Config = CycleGANConfig
    config: CycleGANConfig
    feeds: ClassVar[Mapping[str, Feed]] = {"a": Feed("a"), "b": Feed("b")}
    domains = ("a", "b")

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__(config)
        channels = config.channels
        self.g_ab, self.g_ba = translator(channels, channels), translator(channels, channels)
        self.d_a, self.d_b = patch_discriminator(channels), patch_discriminator(channels)
        self.pool_a, self.pool_b = Pool(config.image_shape), Pool(config.image_shape)

    def recipe(self, images_seen: int = 0) -> Recipe:
        total = 1000
        rate = 2e-4 * min(1.0, 2 * (1 - images_seen / total))
        return Recipe(images_seen=total, batch_size=8, optimizer=Optimizer(learning_rate=rate, betas=(0.5, 0.999)))

    def phases(self) -> list[Phase]:
        return [
            Phase("generators", ("g_ab", "g_ba"), self.generator_loss),
            Phase("discriminators", ("d_a", "d_b"), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Terms:
        a, b = step.images, step["b"].images
        fake_b, fake_a = self.g_ab(a), self.g_ba(b)
        step.shared |= {"fake_a": fake_a.detach(), "fake_b": fake_b.detach()}
        return {
            "adversarial": (self.d_b(fake_b) - 1).square().mean() + (self.d_a(fake_a) - 1).square().mean(),
            "cycle": 10 * ((self.g_ba(fake_b) - a).abs().mean() + (self.g_ab(fake_a) - b).abs().mean()),
        }

    def discriminator_loss(self, step: Step) -> Terms:
        terms = {}
        for name, real, critic, pool in (
            ("a", step.images, self.d_a, self.pool_a),
            ("b", step["b"].images, self.d_b, self.pool_b),
        ):
            fake = pool(step, step.shared[f"fake_{name}"])
            terms[name] = 0.5 * ((critic(real) - 1).square().mean() + critic(fake).square().mean())
        return terms

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        a, b = rows["a"].images, rows["b"].images
        return {"d_a": (self.d_a(a), self.d_a(self.g_ba(b))), "d_b": (self.d_b(b), self.d_b(self.g_ab(a)))}

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        a, b = rows["a"].images, rows["b"].images
        return {"a": a, "a as b": self.g_ab(a), "b": b, "b as a": self.g_ba(b)}

    def translate(self, images: Tensor, target: Target) -> Tensor:
        translated: Tensor = (self.g_ab if target.domain == 1 else self.g_ba)(images)
        return translated
