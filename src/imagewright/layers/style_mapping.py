"""The mapping network of StyleGAN2 and 3: from noise, and a condition, to the intermediate latent w.

Karras et al. 2019 (StyleGAN), arXiv:1812.04948, section 2, with truncation in w of its appendix B; conditions and rates
as published with ADA (Karras et al. 2020, arXiv:2006.06676). Shape letters: N batch, Z noise, K condition, W style,
L layers that take a style.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from imagewright.layers.equalised import EqualisedLinear


class StyleMappingNetwork(nn.Module):
    """(N, Z) noise and (N, K) conditions to (N, W).

    latent_dim: Z; 0 for a network of conditions alone, as a discriminator's.
    style_dim: W.
    conditions: K; 0 without.
    layers: fully connected ones.
    width: outputs of each layer but the last; W by default.
    embedding: numbers that a condition is embedded in; W by default.
    rate: factor of the learning rate of the layers.
    decay: of the moving mean of w, each time that `follow` is called; StyleGAN3 has 0.998. None: there is no mean.

    mean: buffer (W,): the moving mean of w over training, towards which truncation moves.
    """

    mean: Tensor

    def __init__(
        self,
        latent_dim: int,
        style_dim: int,
        *,
        conditions: int = 0,
        layers: int = 8,
        width: int | None = None,
        embedding: int | None = None,
        rate: float = 0.01,
        decay: float | None = 0.995,
    ) -> None:
        super().__init__()
        embedded = (embedding or style_dim) if conditions else 0
        sides = [latent_dim + embedded, *[width or style_dim] * (layers - 1), style_dim]
        self.embedding = EqualisedLinear(conditions, embedded) if conditions else None
        self.layers = nn.ModuleList(
            EqualisedLinear(inputs, outputs, rate=rate) for inputs, outputs in itertools.pairwise(sides)
        )
        self.decay = decay
        if decay is not None:
            self.register_buffer("mean", torch.zeros(style_dim))

    def forward(self, latents: Tensor | None, conditions: Tensor | None = None) -> Tensor:
        """w (N, W). Noise and the embedded condition are each scaled to a mean square of 1."""
        parts = [] if latents is None else [_normalised(latents)]
        if self.embedding is not None:
            parts.append(_normalised(self.embedding(conditions)))
        numbers = torch.cat(parts, 1) if len(parts) > 1 else parts[0]
        for layer in self.layers:
            numbers = leaky_relu(layer(numbers), 0.2) * math.sqrt(2)
        return numbers

    def follow(self, batch_mean: Tensor) -> None:
        """Move the mean of w towards that of a training batch (W,), over all ranks."""
        assert self.decay is not None
        self.mean.lerp_(batch_mean.detach().to(self.mean.dtype), 1 - self.decay)

    def truncate(self, styles: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """Styles (N, W) or (N, L, W) moved towards the mean: psi = 1 changes nothing, 0 gives the mean itself.

        cutoff: of (N, L, W), only the first so many layers are moved.
        """
        moved = torch.lerp(self.mean.to(styles.dtype), styles, psi)
        return moved if cutoff is None else torch.cat([moved[:, :cutoff], styles[:, cutoff:]], 1)


def _normalised(numbers: Tensor) -> Tensor:
    """(N, D), each row with a mean square of 1."""
    return numbers * (numbers.float().square().mean(1, keepdim=True) + 1e-8).rsqrt().to(numbers.dtype)
