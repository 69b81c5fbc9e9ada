"""Penalties on the discriminator's gradient with respect to images: pure functions of a discriminator and images.

They differentiate a gradient, and therefore compute in fp32 also within autocast.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from imagewright.layers.convolution import gradients_of_maps_only

Critic = Callable[[Tensor], Tensor]
"""A discriminator: images (N, C, H, W) to logits (N,)."""


def squared_gradient(critic: Critic, images: Tensor) -> Tensor:
    """The squared norm of the critic's gradient at each image (N, C, H, W): (N,).

    R1 is gamma / 2 times its mean over real images (Mescheder et al. 2018, arXiv:1801.04406, eq. 9); R2 is the same for
    generated images.
    """
    return _gradient(critic, images).square().sum(1)


def logits_and_squared_gradient(critic: Critic, images: Tensor) -> tuple[Tensor, Tensor]:
    """The critic's logits (N,) of images (N, C, H, W), and the squared norm of its gradient at each, by one evaluation.

    In the precision of the caller's autocast.
    """
    images = images.detach().float().requires_grad_(True)
    logits = critic(images)
    with gradients_of_maps_only():
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return logits, gradient.flatten(1).square().sum(1)


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """(|gradient| - 1)^2 at a random point between each real image and a generated one: (N,).

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3 and algorithm 1.

    critic: the discriminator.
    real, fake: images (N, C, H, W).
    mix: (N, 1, 1, 1) from U[0, 1): the weight of the real image.
    """
    between = fake + mix * (real - fake)
    return (_gradient(critic, between).square().sum(1).add(1e-12).sqrt() - 1).square()


def _gradient(critic: Critic, images: Tensor) -> Tensor:
    with torch.autocast(images.device.type, enabled=False):
        images = images.detach().float().requires_grad_(True)
        logits = critic(images).float()
        with gradients_of_maps_only():
            (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.flatten(1)
