"""The weight and the activations of a decoder's first layer, for any `nn.Sequential`.

The layer is made of the modules up to the first one that is not affine, which is its nonlinearity.
Shape letters: N batch, Z latent, F outputs of the first layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

AFFINE = (nn.Linear, nn.ConvTranspose2d, nn.Conv2d, nn.BatchNorm2d, nn.Unflatten, nn.Flatten, nn.Identity)


def first_activations(network: nn.Sequential, latents: Tensor) -> Tensor:
    """The outputs (N, F) of the first layer, after its nonlinearity.

    network: the decoder.
    latents: (N, ...), in the shape of the network's input.
    """
    activations: Tensor = network[: _affine_modules(network) + 1](latents)
    return activations.flatten(1)


def first_weight(network: nn.Sequential, units: Tensor) -> Tensor:
    """The matrix (F, Z) of the first layer, with the normalisation after it, in evaluation mode.

    network: the decoder.
    units: the unit vectors of the latent space, (Z, ...), in the shape of the network's input.
    """
    layer = network[: _affine_modules(network)]
    with torch.no_grad():
        weight: Tensor = (layer(units) - layer(torch.zeros_like(units[:1]))).flatten(1).T
    return weight


def _affine_modules(network: nn.Sequential) -> int:
    return next((place for place, module in enumerate(network) if not isinstance(module, AFFINE)), len(network))
