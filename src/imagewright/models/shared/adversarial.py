"""A whole game between a generator and a discriminator: loss, penalty and who moves when, from a configuration.

What models that play it share; which images are judged, and what is known of them, is the model's own.
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
from imagewright.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig(Config):
    """The options of a game. `usual_r1`: gamma of R1 where a loss has no penalty of its own and none was asked for."""

    usual_r1: ClassVar[float] = 0.0

    loss: AdversarialName = Field("non_saturating", description="the game: see losses/adversarial.py for the papers")
    penalty: float | None = Field(
        None,
        ge=0,
        le=1e6,
        description="weight of the gradient penalty: wasserstein, lambda (10); relativistic, gamma of R1 and R2 "
        "(0.5); the others, gamma of R1 (0; of vae_gan 0.5)",
    )
    penalty_every: int = Field(
        4, ge=1, le=100, description="steps to one of R1, where R1 is added to a loss that has none of its own"
    )
    generator_every: int | None = Field(
        None, ge=1, le=100, description="steps of the discriminator to one of the generator (5 for wasserstein, else 1)"
    )
    discriminator_norm: Literal["auto", "batch", "none"] = Field(
        "auto",
        description="normalisation in the discriminator; auto: batch, none where the loss has a penalty (vae_gan: "
        "batch with R1 too where a side has fewer than 32 pixels)",
    )

    @property
    def penalty_weight(self) -> float:
        default = {"wasserstein": 10.0, "relativistic": 0.5}.get(self.loss, self.usual_r1)
        return default if self.penalty is None else self.penalty

    @property
    def has_r1_phase(self) -> bool:
        """Whether R1 is a regulariser of its own: the other penalties are a part of their papers' losses."""
        return bool(self.penalty_weight) and self.loss not in ("wasserstein", "relativistic")

    @property
    def generator_rests(self) -> int:
        """Steps to one of the generator."""
        return self.generator_every or (5 if self.loss == "wasserstein" else 1)

    @property
    def normalises_discriminator(self) -> bool:
        if self.discriminator_norm == "auto":
            return not self.penalty_weight
        return self.discriminator_norm == "batch"

    @property
    def betas(self) -> tuple[float, float]:
        """Adam's, as the papers with and without a penalty have them."""
        return (0.0, 0.99) if self.penalty_weight else (0.5, 0.999)


def knowing(critic: Critic, *known: tuple[Tensor, Tensor]) -> Critic:
    """`critic`, but for pictures (N, C, H, W), those very tensors, whose logits (N,) are there already."""

    def judge(images: Tensor) -> Tensor:
        for pictures, logits in known:
            if images is pictures:
                return logits
        return critic(images)

    return judge


def generator_terms(game: AdversarialConfig, critic: Critic, fake: Tensor, real: Tensor) -> Terms:
    """What the generator minimises. `critic`: images (N, C, H, W) to logits (N,)."""
    played = ADVERSARIAL[game.loss]
    real_logits = None
    if played.needs_real:
        with torch.no_grad():
            real_logits = critic(real)
    return played.generator(critic(fake), real_logits)


def discriminator_terms(game: AdversarialConfig, critic: Critic, real: Tensor, fake: Tensor, draws: Draws) -> Terms:
    """The game's terms, and where its paper has it in every step, the penalty on the gradient at images."""
    # Real and generated go through apart: their batch statistics differ, and the DCGAN paper keeps them apart.
    terms = ADVERSARIAL[game.loss].discriminator(critic(real), critic(fake))
    weight = game.penalty_weight
    if weight and game.loss == "wasserstein":
        terms["penalty"] = weight * gradient_penalty(critic, real, fake, draws.uniform(1, 1, 1)).mean()
    elif weight and game.loss == "relativistic":
        terms["r1"] = weight / 2 * squared_gradient(critic, real).mean()
        terms["r2"] = weight / 2 * squared_gradient(critic, fake).mean()
    return terms


def r1_terms(game: AdversarialConfig, critic: Critic, real: Tensor) -> Terms:
    """Mescheder et al. 2018, arXiv:1801.04406, eq. 9."""
    return {"penalty": game.penalty_weight / 2 * squared_gradient(critic, real).mean()}


Loss = Callable[[Step], Terms]


def phases_of(game: AdversarialConfig, generator_loss: Loss, discriminator_loss: Loss, r1_loss: Loss) -> list[Phase]:
    """The phases of networks called `generator` and `discriminator`: the generator moves first."""
    phases = [
        Phase("generator", ("generator",), generator_loss, every=game.generator_rests),
        Phase("discriminator", ("discriminator",), discriminator_loss),
    ]
    if game.has_r1_phase:
        # Karras et al. 2019 (StyleGAN2), appendix B: R1 changes slowly, so that one step in a few is enough.
        phases.append(Phase("r1", ("discriminator",), r1_loss, every=game.penalty_every, lazy=True))
    return phases


def recipe_of(game: AdversarialConfig) -> Recipe:
    """The DCGAN paper's (section 4.1), with an average (Karras et al. 2018, appendix A.1), shorter as runs are."""
    return Recipe(600_000, batch_size=64, learning_rate=2e-4, betas=game.betas, ema_half_life=10_000)
