"""Penalties on gradients: of a discriminator with respect to images, of a generator with respect to styles.

They differentiate a gradient, and therefore compute in fp32 also within autocast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext

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
    return logits_and_squared_gradient(critic, images)[1]


def logits_and_squared_gradient(critic: Critic, images: Tensor, *, precise: bool = True) -> tuple[Tensor, Tensor]:
    """The critic's logits of images (N, C, H, W), and the squared norm of its gradient at each, by one evaluation.

    critic: may return a map of logits for each image, (N, ...): the gradient is then that of their sum.
    precise: in fp32; else in the precision of the caller's autocast.
    """
    with torch.autocast(images.device.type, enabled=False) if precise else nullcontext():
        logits, gradient = _logits_and_gradient(critic, images)
    return logits, gradient.square().sum(1)


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """(|gradient| - 1)^2 at a random point between each real image and a generated one: (N,).

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3 and algorithm 1.

    critic: the discriminator.
    real, fake: images (N, C, H, W).
    mix: (N, 1, 1, 1) from U[0, 1): the weight of the real image.
    """
    between = fake + mix * (real - fake)
    return (squared_gradient(critic, between).add(1e-12).sqrt() - 1).square()


def path_lengths(synthesis: Callable[[Tensor], Tensor], styles: Tensor, probe: Tensor) -> Tensor:
    """How far the images move with the styles, along a random direction of images: (N,), differentiable.

    Karras et al. 2020 (StyleGAN2), arXiv:1912.04958, section 3.2: the norm of the product of the Jacobian and a random
    image, of which the mean over layers is taken before the root, as published.

    synthesis: from styles to images (N, C, H, W).
    styles: (N, L, W), one for each layer.
    probe: (N, C, H, W) from N(0, 1).
    """
    with torch.autocast(styles.device.type, enabled=False):
        styles = styles.float()
        styles = styles if styles.requires_grad else styles.requires_grad_()
        moved = (synthesis(styles) * probe).sum() / math.sqrt(probe.shape[2] * probe.shape[3])
        (gradient,) = torch.autograd.grad(moved, styles, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()


def _logits_and_gradient(critic: Critic, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits, and the gradient of their sum at each image, (N, C H W)."""
    images = images.detach().float().requires_grad_(True)
    logits = critic(images)
    with gradients_of_maps_only():
        (gradient,) = torch.autograd.grad(logits.float().sum(), images, create_graph=True)
    return logits, gradient.flatten(1)
