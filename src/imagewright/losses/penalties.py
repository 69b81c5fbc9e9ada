"""Penalties on the discriminator's gradient at images: pure functions of a discriminator and images.

They differentiate a gradient, so they run in full precision whatever the rest of the step does.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]  # (N, C, H, W) -> (N,)


def squared_gradient(critic: Critic, images: Tensor) -> Tensor:
    """Squared norm of the critic's gradient at each image, (N,).

    On real images its mean times gamma / 2 is R1 (Mescheder et al. 2018, arXiv:1801.04406, eq. 9), on fakes R2.
    """
    return _gradient(critic, images).square().sum(1)


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """(|gradient| - 1)^2 at one point on the line between each real and generated image, (N,).

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3. `mix`: U[0, 1), (N, 1, 1, 1), one draw an image as in algorithm 1.
    """
    between = fake + mix * (real - fake)
    return (_gradient(critic, between).square().sum(1).add(1e-12).sqrt() - 1).square()


def _gradient(critic: Critic, images: Tensor) -> Tensor:
    with torch.autocast(images.device.type, enabled=False):
        images = images.detach().float().requires_grad_(True)
        (gradient,) = torch.autograd.grad(critic(images).float().sum(), images, create_graph=True)
    return gradient.flatten(1)
