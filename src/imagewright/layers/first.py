"""What a decoder's first layer makes of latents: for any network that is a sequence.

The layer is all up to the first module that is not affine; that one, its nonlinearity, belongs to the activations.
Shape letters: N batch, Z latent, F numbers of the first layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

AFFINE = (nn.Linear, nn.ConvTranspose2d, nn.Conv2d, nn.BatchNorm2d, nn.Unflatten, nn.Flatten, nn.Identity)


def first_activations(network: nn.Sequential, latents: Tensor) -> Tensor:
    """(N, F) after the nonlinearity. `latents` are shaped as the network takes them."""
    activations: Tensor = network[: _affine_modules(network) + 1](latents)
    return activations.flatten(1)


def first_weight(network: nn.Sequential, units: Tensor) -> Tensor:
    """The matrix (F, Z) of the first layer, with the normalisation behind it as evaluation applies it.

    `units`: the unit latents (Z, ...), shaped as the network takes them.
    """
    layer = network[: _affine_modules(network)]
    with torch.no_grad():
        weight: Tensor = (layer(units) - layer(torch.zeros_like(units[:1]))).flatten(1).T
    return weight


def _affine_modules(network: nn.Sequential) -> int:
    return next((place for place, module in enumerate(network) if not isinstance(module, AFFINE)), len(network))
