"""Adversarial training of a generator and a discriminator: loss, penalty, intervals, recipe from a configuration.

Shared by the systems that train this way. Which images the discriminator sees, and with what conditions, is a system's
own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import Config
from imagewright.losses.adversarial import ADVERSARIAL, AdversarialName
from imagewright.losses.penalties import Critic, gradient_penalty, squared_gradient
from imagewright.phases import Draws, Phase, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig(Config):
    """The options of adversarial training. `default_r1`: gamma of R1 for a loss without a penalty of its own."""

    default_r1: ClassVar[float] = 0.0

    loss: AdversarialName = Field(
        "non_saturating", description="the adversarial loss: see losses/adversarial.py for the papers"
    )
    penalty: float | None = Field(
        None,
        ge=0,
        le=1e6,
        description="weight of the gradient penalty: wasserstein, lambda (10); relativistic, gamma of R1 and R2 "
        "(0.5); the others, gamma of R1 (0; of vae_gan 0.5)",
    )
    penalty_every: int = Field(
        4, ge=1, le=100, description="R1 runs in one step of so many, for a loss that has no penalty of its own"
    )
    generator_every: int | None = Field(
        None, ge=1, le=100, description="the generator moves in one step of so many (5 for wasserstein, else 1)"
    )
    discriminator_norm: Literal["auto", "batch", "none"] = Field(
        "auto",
        description="normalisation in the discriminator; auto: batch, none where the loss has a penalty (vae_gan: "
        "batch with R1 too where a side has fewer than 32 pixels)",
    )

    @property
    def penalty_weight(self) -> float:
        default = {"wasserstein": 10.0, "relativistic": 0.5}.get(self.loss, self.default_r1)
        return default if self.penalty is None else self.penalty

    @property
    def has_r1_phase(self) -> bool:
        """Whether R1 is a phase of its own. The other penalties are part of their papers' losses."""
        return bool(self.penalty_weight) and self.loss not in ("wasserstein", "relativistic")

    @property
    def generator_interval(self) -> int:
        """The generator moves in one step of so many."""
        return self.generator_every or (5 if self.loss == "wasserstein" else 1)

    @property
    def normalises_discriminator(self) -> bool:
        if self.discriminator_norm == "auto":
            return not self.penalty_weight
        return self.discriminator_norm == "batch"

    @property
    def betas(self) -> tuple[float, float]:
        """Of Adam: as in the papers with a gradient penalty, and without one."""
        return (0.0, 0.99) if self.penalty_weight else (0.5, 0.999)


def with_known_logits(critic: Critic, *known: tuple[Tensor, Tensor]) -> Critic:
    """Wrap `critic` so that known images return their known logits instead of being evaluated again.

    known: pairs of images (N, C, H, W), compared by identity, and their logits (N,).
    """

    def wrapped(images: Tensor) -> Tensor:
        for known_images, logits in known:
            if images is known_images:
                return logits
        return critic(images)

    return wrapped


def generator_terms(config: AdversarialConfig, critic: Critic, fake: Tensor, real: Tensor) -> Terms:
    """The generator's loss. `critic`: images (N, C, H, W) to logits (N,)."""
    loss = ADVERSARIAL[config.loss]
    real_logits = None
    if loss.needs_real:
        with torch.no_grad():
            real_logits = critic(real)
    return loss.generator(critic(fake), real_logits)


def discriminator_terms(config: AdversarialConfig, critic: Critic, real: Tensor, fake: Tensor, draws: Draws) -> Terms:
    """The discriminator's loss, with the gradient penalty if the loss's paper has it in every step."""
    # Real and generated images are separate batches: their batch statistics differ, and the DCGAN paper separates them.
    terms = ADVERSARIAL[config.loss].discriminator(critic(real), critic(fake))
    weight = config.penalty_weight
    if weight and config.loss == "wasserstein":
        terms["penalty"] = weight * gradient_penalty(critic, real, fake, draws.uniform(1, 1, 1)).mean()
    elif weight and config.loss == "relativistic":
        terms["r1"] = weight / 2 * squared_gradient(critic, real).mean()
        terms["r2"] = weight / 2 * squared_gradient(critic, fake).mean()
    return terms


def r1_terms(config: AdversarialConfig, critic: Critic, real: Tensor) -> Terms:
    """Mescheder et al. 2018, arXiv:1801.04406, eq. 9."""
    return {"penalty": config.penalty_weight / 2 * squared_gradient(critic, real).mean()}


Loss = Callable[[Step], Terms]


def build_phases(
    config: AdversarialConfig, generator_loss: Loss, discriminator_loss: Loss, r1_loss: Loss
) -> list[Phase]:
    """The phases of a `generator` and a `discriminator`: the generator moves first."""
    phases = [
        Phase("generator", ("generator",), generator_loss, every=config.generator_interval),
        Phase("discriminator", ("discriminator",), discriminator_loss),
    ]
    if config.has_r1_phase:
        # R1 changes slowly, so that one step in a few is enough (Karras et al. 2019, StyleGAN2, appendix B).
        phases.append(Phase("r1", ("discriminator",), r1_loss, every=config.penalty_every, lazy=True))
    return phases


def build_recipe(config: AdversarialConfig) -> Recipe:
    """The DCGAN paper's (section 4.1), with an average (Karras et al. 2018, appendix A.1), shorter as runs are."""
    return Recipe(
        images_seen=600_000,
        batch_size=64,
        optimizer=Optimizer(learning_rate=2e-4, betas=config.betas),
        average=Average(half_life=10_000),
    )
