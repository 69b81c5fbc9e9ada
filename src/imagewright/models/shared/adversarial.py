"""Adversarial training of a generator and a discriminator: losses, penalties, phases and recipe from a configuration.

Several models share it. Which images the discriminator gets, and with which conditions, is decided by each model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import Config
from imagewright.layers.diff_augment import RANDOM_NUMBERS, diff_augment
from imagewright.losses.adversarial import ADVERSARIAL, AdversarialName
from imagewright.losses.penalties import Critic, gradient_penalty, logits_and_squared_gradient, squared_gradient
from imagewright.phases import Draws, Phase, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.traits import Traits

SMALL, TINY = 64, 32  # pixels: pictures whose shorter side is at most this are small, or tiny
LATENTS = 64
# Most latents of a generator that starts from as many components of PCA, and pictures to each. At 64 pixels, after a
# minute, Frechet distances of flowers and faces (features `random`) are half of those with 64 latents; of pictures of
# 32 pixels, and of 200 facades after five minutes, the distances are larger.
COMPONENTS, PICTURES_EACH = 200, 5
FEW = 5_000  # images: on a GPU fewer are augmented
FEW_A_MINUTE = 130  # on a CPU, where a training sees fewer images


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig(Config):
    """The options of adversarial training.

    default_r1: gamma of R1 for a loss without a penalty of its own, if the user gives none.
    """

    default_r1: ClassVar[float] = 0.0

    loss: AdversarialName = Field(
        "non_saturating", description="the adversarial loss (docs/models.md names the papers)"
    )
    penalty: float | None = Field(
        None,
        ge=0,
        le=1e6,
        description="weight of the gradient penalty: lambda of wasserstein (10); gamma of R1 and R2 of relativistic "
        "(0.5); gamma of R1 of the other losses (0; vae_gan: 0.5)",
    )
    penalty_every: int = Field(
        4, ge=1, le=100, description="R1 is computed in one of this many steps; not for wasserstein and relativistic"
    )
    generator_every: int | None = Field(
        None, ge=1, le=100, description="the generator is updated in one of this many steps (wasserstein: 5, else 1)"
    )
    discriminator_norm: Literal["auto", "batch", "none"] = Field(
        "auto",
        description="normalisation in the discriminator; auto: none with a penalty, else batch (vae_gan: batch also "
        "with R1 if a side has fewer than 32 pixels)",
    )

    augmentation: Literal["none", "diffaugment"] = Field(
        "none",
        description="random changes of what the discriminator sees, against overfitting of a small set: diffaugment "
        "(colour, translation, cutout; differentiable)",
    )

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """Narrow networks, small batches and R1 for small pictures on a CPU, where the papers' numbers take days.

        Observed at 64 pixels after 240 seconds of processor time: a DCGAN's Frechet distance (features `random`) of 320
        flowers fell from 123 to 25, of 1,450 faces from 100 to 8.
        """
        options: dict[str, Any] = {}
        if traits.images < few_images(traits):
            options["augmentation"] = "diffaugment"
        if traits.accelerator or min(traits.height, traits.width) > SMALL:
            return options
        options |= {"width": 32, "batch_size": 16, "latent_dim": _latents(traits)}
        # The rate suits the penalty of this loss alone.
        if not traits.given.keys() & {"loss", "penalty"}:
            options |= {"penalty": 0.5, "learning_rate": 1e-3}
        return options

    @property
    def penalty_weight(self) -> float:
        """Lambda or gamma of the gradient penalty; 0 without one."""
        default = {"wasserstein": 10.0, "relativistic": 0.5}.get(self.loss, self.default_r1)
        return default if self.penalty is None else self.penalty

    @property
    def has_r1_phase(self) -> bool:
        """Whether R1 is a phase of its own. The penalties of wasserstein and relativistic are part of their losses."""
        return bool(self.penalty_weight) and self.loss not in ("wasserstein", "relativistic")

    @property
    def has_r1_and_r2(self) -> bool:
        """Whether the discriminator's loss has R1 and R2, of the images whose logits it compares."""
        return bool(self.penalty_weight) and self.loss == "relativistic"

    @property
    def generator_interval(self) -> int:
        """The generator is updated in one of this many steps."""
        return self.generator_every or (5 if self.loss == "wasserstein" else 1)

    @property
    def normalises_discriminator(self) -> bool:
        """Whether the discriminator has batch normalisation."""
        if self.discriminator_norm == "auto":
            return not self.penalty_weight
        return self.discriminator_norm == "batch"

    @property
    def betas(self) -> tuple[float, float]:
        """Adam's betas, as in the papers with a gradient penalty, or as in those without."""
        return (0.0, 0.99) if self.penalty_weight else (0.5, 0.999)


def _latents(traits: Traits) -> int:
    """The latents for small pictures on a CPU."""
    if traits.given.get("base") != "pca" or min(traits.height, traits.width) <= TINY:
        return LATENTS
    return max(LATENTS, min(COMPONENTS, traits.images // PICTURES_EACH))


def few_images(traits: Traits) -> float:
    """The number of images below which the discriminator comes to know them by heart in the time there is.

    Observed at 64 pixels after 400 seconds of processor time: samples of 320 flowers show flowers with augmentation,
    and noise without; of 1,450 faces, which were seen 70 times each, they are better without.
    """
    return FEW if traits.accelerator else min(FEW, FEW_A_MINUTE * traits.minutes)


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


def augmented(config: AdversarialConfig, critic: Critic, draws: Draws) -> Critic:
    """The critic behind the configured augmentation, with new random numbers of `draws` for each call.

    Zhao et al. 2020 (DiffAugment), arXiv:2006.10738, eq. 5 and 6: real and generated images are augmented, in the
    losses of both networks.
    """
    if config.augmentation == "none":
        return critic
    return lambda images: critic(diff_augment(images, draws.uniform(RANDOM_NUMBERS)))


def reusing_logits(critic: Critic, fake: Tensor, step: Step) -> Critic:
    """Wrap `critic` so that `fake`, compared by identity, is evaluated once for both phases of a step if it can be."""
    return lambda images: step.reuse("logits of fake", lambda: critic(images)) if images is fake else critic(images)


def generator_terms(config: AdversarialConfig, critic: Critic, fake: Tensor, real: Tensor) -> Terms:
    """The generator's loss.

    config: says which loss.
    critic: the discriminator, from images (N, C, H, W) to logits (N,).
    fake: generated images, with gradient.
    real: real images.
    """
    loss = ADVERSARIAL[config.loss]
    real_logits = None
    if loss.needs_real:
        with torch.no_grad():
            real_logits = critic(real)
    return loss.generator(critic(fake), real_logits)


def discriminator_terms(config: AdversarialConfig, critic: Critic, real: Tensor, fake: Tensor, draws: Draws) -> Terms:
    """The discriminator's loss, with its gradient penalty for wasserstein and relativistic.

    config: says which loss, and the weight of the penalty.
    critic: the discriminator, from images (N, C, H, W) to logits (N,).
    real: real images.
    fake: generated images, without gradient.
    draws: random numbers of the gradient penalty.
    """
    loss, weight = ADVERSARIAL[config.loss].discriminator, config.penalty_weight
    # Two batches, as in the DCGAN paper: batch normalisation must not mix statistics of real and generated images.
    if config.has_r1_and_r2:
        real_logits, real_slopes = logits_and_squared_gradient(critic, real)
        fake_logits, fake_slopes = logits_and_squared_gradient(critic, fake)
        penalties = {"r1": weight / 2 * real_slopes.mean(), "r2": weight / 2 * fake_slopes.mean()}
        return loss(real_logits, fake_logits) | penalties
    terms = loss(critic(real), critic(fake))
    if weight and config.loss == "wasserstein":
        terms["penalty"] = weight * gradient_penalty(critic, real, fake, draws.uniform(1, 1, 1)).mean()
    return terms


def r1_terms(config: AdversarialConfig, critic: Critic, real: Tensor) -> Terms:
    """The R1 penalty: Mescheder et al. 2018, arXiv:1801.04406, eq. 9.

    config: has its weight gamma.
    critic: the discriminator, from images (N, C, H, W) to logits (N,).
    real: real images.
    """
    return {"penalty": config.penalty_weight / 2 * squared_gradient(critic, real).mean()}


Loss = Callable[[Step], Terms]


def build_phases(
    config: AdversarialConfig, generator_loss: Loss, discriminator_loss: Loss, r1_loss: Loss
) -> list[Phase]:
    """Build the phases of a model with the networks `generator` and `discriminator`. The generator is updated first.

    config: says how often each phase runs.
    generator_loss, discriminator_loss, r1_loss: of the phases; R1 has a phase only if `config.has_r1_phase`.
    """
    # Each phase augments by random numbers of its own, so that the discriminator does not see the same images twice.
    # R1 and R2 need evaluations in fp32, with gradients at the images.
    served = ("discriminator",) if config.augmentation == "none" and not config.has_r1_and_r2 else ()
    phases = [
        Phase("generator", ("generator",), generator_loss, every=config.generator_interval, serves=served),
        Phase("discriminator", ("discriminator",), discriminator_loss),
    ]
    if config.has_r1_phase:
        # R1 changes slowly, so that it need not run in every step (Karras et al. 2019, StyleGAN2, appendix B).
        phases.append(Phase("r1", ("discriminator",), r1_loss, every=config.penalty_every, lazy=True))
    return phases


def build_recipe(config: AdversarialConfig) -> Recipe:
    """The recipe of the DCGAN paper (section 4.1), with a moving average (Karras et al. 2018, appendix A.1).

    Departures: batches of 64 images; a shorter half-life, since trainings are shorter.
    """
    return Recipe(
        images_seen=600_000,
        batch_size=64,
        optimizer=Optimizer(learning_rate=2e-4, betas=config.betas),
        average=Average(half_life=10_000),
    )
