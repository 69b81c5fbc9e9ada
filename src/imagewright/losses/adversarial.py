"""Adversarial losses: pure functions of the discriminator's logits of real and of generated images.

Each loss is a pair of functions, one for the discriminator and one for the generator, which return named terms;
training minimises their sum. `real` and `fake` are logits (N,), without a sigmoid; a higher logit is more real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

AdversarialName = Literal["non_saturating", "hinge", "least_squares", "wasserstein", "relativistic"]


@dataclass(frozen=True)
class AdversarialLoss:
    """The losses of both networks.

    discriminator: from logits (real, fake) to named terms.
    generator: from logits (fake, real) to named terms; `real` may be None unless `needs_real`.
    needs_real: whether the generator's loss depends on the logits of real images.
    """

    discriminator: Callable[[Tensor, Tensor], dict[str, Tensor]]
    generator: Callable[[Tensor, Tensor | None], dict[str, Tensor]]
    needs_real: bool = False


def _logistic_discriminator(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    return {"real": softplus(-real).mean(), "fake": softplus(fake).mean()}


def _non_saturating_generator(fake: Tensor, real: Tensor | None) -> dict[str, Tensor]:
    # -log D(G(z)) instead of log(1 - D(G(z))), whose gradient vanishes where D(G(z)) is near 0 (Goodfellow, section 3).
    return {"adversarial": softplus(-fake).mean()}


def _hinge_discriminator(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    return {"real": relu(1 - real).mean(), "fake": relu(1 + fake).mean()}


def _least_squares_discriminator(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    return {"real": 0.5 * (real - 1).square().mean(), "fake": 0.5 * fake.square().mean()}


def _least_squares_generator(fake: Tensor, real: Tensor | None) -> dict[str, Tensor]:
    return {"adversarial": 0.5 * (fake - 1).square().mean()}


def _wasserstein_discriminator(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    return {"critic": fake.mean() - real.mean()}


def _mean_logit_generator(fake: Tensor, real: Tensor | None) -> dict[str, Tensor]:
    return {"adversarial": -fake.mean()}


def _relativistic_discriminator(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    return {"relative": softplus(fake - real).mean()}


def _relativistic_generator(fake: Tensor, real: Tensor | None) -> dict[str, Tensor]:
    assert real is not None  # needs_real
    return {"adversarial": softplus(real - fake).mean()}


ADVERSARIAL: dict[AdversarialName, AdversarialLoss] = {
    # Goodfellow et al. 2014, arXiv:1406.2661, eq. 1, with the generator's loss of section 3.
    "non_saturating": AdversarialLoss(_logistic_discriminator, _non_saturating_generator),
    # Lim & Ye 2017, arXiv:1705.02894; eq. 3-4 of Miyato et al. 2018.
    "hinge": AdversarialLoss(_hinge_discriminator, _mean_logit_generator),
    # Mao et al. 2017, arXiv:1611.04076, eq. 9.
    "least_squares": AdversarialLoss(_least_squares_discriminator, _least_squares_generator),
    # Arjovsky et al. 2017, arXiv:1701.07875, eq. 2-3; used with `gradient_penalty`.
    "wasserstein": AdversarialLoss(_wasserstein_discriminator, _mean_logit_generator),
    # Jolicoeur-Martineau 2019, arXiv:1807.00734, as paired in Huang et al. 2024 (R3GAN), arXiv:2501.05441, eq. 2.
    "relativistic": AdversarialLoss(_relativistic_discriminator, _relativistic_generator, needs_real=True),
}


def least_squares(logits: Iterable[Tensor], wanted: float) -> Tensor:
    """The mean squared distance of logits to a value, summed over scales, without the halves of Mao et al., eq. 9.

    The published code of image translation has it so.

    logits: a tensor of any shape for each scale.
    """
    return torch.stack([(each - wanted).square().mean() for each in logits]).sum()


def sum_terms(found: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The sum of each term over losses of equal terms, such as those of discriminators at several scales."""
    return {name: torch.stack([terms[name] for terms in found]).sum() for name in found[0]}
