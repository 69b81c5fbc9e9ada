"""Adversarial training on few images: adaptive augmentation and LeCam regularisation, beside those of `adversarial.py`.

ADA: Karras et al. 2020, arXiv:2006.06676. LeCam: Tseng et al. 2021, arXiv:2104.03310. Their state is in buffers, so
that a resumed training is exact. Shape letters: N batch, C H W image.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.layers.adaptive_augmentation import ADA, AdaptiveProbability, augment
from imagewright.losses.penalties import Critic
from imagewright.models.shared.adversarial import (
    AdversarialConfig,
    augmented,
    discriminator_terms,
)
from imagewright.phases import Draws, Step, Terms

MEMORY = 0.99  # of the averages of logits, a batch


@dataclass(frozen=True, kw_only=True)
class LimitedDataConfig(AdversarialConfig):
    """The options of adversarial training, with those against overfitting."""

    augmentation: Literal["none", "diffaugment", "ada"] = Field(  # type: ignore[assignment]
        "none",
        description="random changes of what the discriminator sees, against overfitting of a small set: diffaugment "
        "(colour, translation, cutout), or ada (more of them, as often as the discriminator overfits)",
    )
    augmentation_target: float = Field(
        0.6, gt=-1, lt=1, description="mean sign of the logits of real images that augmentation=ada aims at"
    )
    augmentation_images: int = Field(
        100_000, ge=1, le=10**9, description="images in which the probability of augmentation=ada rises by 1"
    )
    lecam: float = Field(
        0.0, ge=0, le=1e6, description="weight of LeCam regularisation, against overfitting (0; in its paper up to 0.3)"
    )


class LimitedData(nn.Module):
    """What keeps a discriminator from learning few images by heart. Without such options it is empty.

    augmentation: of augmentation=ada, its probability.
    averages: of LeCam, the averages of logits.
    """

    def __init__(self, config: LimitedDataConfig) -> None:
        super().__init__()
        self.config = config
        if config.augmentation == "ada":
            self.augmentation = AdaptiveProbability(
                target=config.augmentation_target, images=config.augmentation_images
            )
        if config.lecam:
            self.averages = LogitAverages()

    def augmented(self, critic: Critic, draws: Draws) -> Critic:
        """The critic behind the configured augmentation, with new random numbers of `draws` for each call."""
        if self.config.augmentation != "ada":
            return augmented(self.config, critic, draws)
        return lambda images: critic(augment(images, self.augmentation.value, ADA, draws))

    def discriminator_terms(self, critic: Critic, fake: Tensor, step: Step) -> Terms:
        """The discriminator's loss, with the penalties of its options.

        critic: the discriminator, from images (N, C, H, W) to logits (N,), behind `augmented`.
        fake: generated images, without gradient.
        """
        evaluated: list[Tensor] = []  # logits of real images, then of generated ones

        def recording(images: Tensor) -> Tensor:
            evaluated.append(critic(images))
            return evaluated[-1]

        terms = discriminator_terms(self.config, recording, step.images, fake, step.draws)
        real_logits, fake_logits = evaluated[:2]
        if self.config.augmentation == "ada" and self.training:
            self.augmentation.observe(real_logits.detach(), step)
        if self.config.lecam:
            if self.training:
                self.averages.follow(real_logits, fake_logits, step)
            terms["lecam"] = self.config.lecam * self.averages.penalty(real_logits, fake_logits)
        return terms


class LogitAverages(nn.Module):
    """Moving averages of the logits of real and of generated images: LeCam's anchors (eq. 3).

    real, fake: buffers, the averages; batches: buffer, how many were seen, up to which all weigh the same at first.
    """

    real: Tensor
    fake: Tensor
    batches: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("real", "fake", "batches"):
            self.register_buffer(name, torch.zeros(()))

    @torch.no_grad()
    def follow(self, real: Tensor, fake: Tensor, step: Step) -> None:
        """Move the averages towards the means of logits (N,) over all ranks."""
        self.batches += 1
        weight = (1 / self.batches).clamp(min=1 - MEMORY)
        for average, logits in ((self.real, real), (self.fake, fake)):
            average.lerp_(step.mean(logits.float().mean()), weight)

    def penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        """How far logits (N,) are from the averages of the other kind, squared (eq. 4)."""
        return (real - self.fake).square().mean() + (fake - self.real).square().mean()
