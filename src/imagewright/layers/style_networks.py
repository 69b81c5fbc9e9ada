"""The networks of StarGAN v2: a generator of images in a style, and networks that give and judge styles of domains.

Choi et al. 2020, arXiv:1912.01865, appendix C and, for the high-pass skip, appendix A. Layers and names are those of
the published networks. Shape letters: N batch, C H W image, Z latent, S style, D domains, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from imagewright.layers.norms import AffineInstanceNorm
from imagewright.layers.style_residual import SLOPE, DownBlock, HighPass, StyledBlock

MASKED_SIDES = (32, 64, 128)  # pixels of the maps that the high-pass skip joins; the first has the first mask
SHARED, OWN = 4, 3  # layers of the mapping network that all domains share, and hidden layers of each domain's own
Masks = tuple[Tensor, Tensor] | None
"""Two masks (N, 1, H, W) in [0, 1]: of all parts of a face, and of the inner ones."""


class StyleGenerator(nn.Module):
    """From images (N, C, H, W), styles (N, S) and masks or None to images, without a tanh; table 5.

    widths: channels at full size and after each halving; H and W are multiples of 2^halvings.
    high_pass: the divisor of the high-pass skip; 0 without one.
    """

    def __init__(self, channels: int, widths: Sequence[int], styles: int, *, high_pass: float = 0.0) -> None:
        super().__init__()
        widest, shortcut, steps = widths[-1], high_pass == 0, list(pairwise(widths))
        self.from_rgb = nn.Conv2d(channels, widths[0], 3, 1, 1)
        down = [DownBlock(inner, outer, pooled=True, normed=True) for inner, outer in steps]
        down += [DownBlock(widest, widest, pooled=False, normed=True) for _ in range(2)]
        up = [StyledBlock(widest, widest, styles, enlarged=False, shortcut=shortcut) for _ in range(2)]
        up += [StyledBlock(outer, inner, styles, enlarged=True, shortcut=shortcut) for inner, outer in reversed(steps)]
        self.encode, self.decode = nn.ModuleList(down), nn.ModuleList(up)
        self.to_rgb = nn.Sequential(
            AffineInstanceNorm(widths[0]), nn.LeakyReLU(SLOPE), nn.Conv2d(widths[0], channels, 1)
        )
        if high_pass:
            self.hpf = HighPass(high_pass)

    def forward(self, images: Tensor, styles: Tensor, masks: Masks = None) -> Tensor:
        maps = self.from_rgb(images)
        kept: dict[int, Tensor] = {}
        for block in self.encode:
            if masks is not None and maps.shape[2] in MASKED_SIDES:
                kept[maps.shape[2]] = maps
            maps = block(maps)
        for block in self.decode:
            maps = block(maps, styles)
            side = maps.shape[2]
            if masks is not None and side in kept:
                mask = interpolate(masks[0] if side == MASKED_SIDES[0] else masks[1], maps.shape[2:], mode="bilinear")
                maps = maps + self.hpf(mask * kept[side])
        made: Tensor = self.to_rgb(maps)
        return made


class DomainMappingNetwork(nn.Module):
    """From latents (N, Z) and domains (N,) to styles (N, S); table 6. `width`: of the hidden layers."""

    def __init__(self, latents: int, styles: int, domains: int, *, width: int) -> None:
        super().__init__()

        def layers(sizes: list[int]) -> list[nn.Module]:
            return [layer for inner, outer in pairwise(sizes) for layer in (nn.Linear(inner, outer), nn.ReLU())]

        self.shared = nn.Sequential(*layers([latents, *[width] * SHARED]))
        self.unshared = nn.ModuleList(
            nn.Sequential(*layers([width] * (OWN + 1)), nn.Linear(width, styles)) for _ in range(domains)
        )

    def forward(self, latents: Tensor, domains: Tensor) -> Tensor:
        return _of_domains(self.unshared, self.shared(latents), domains)


class DomainStyleEncoder(nn.Module):
    """From images (N, C, H, W) and domains (N,) to styles (N, S); table 7.

    widths: channels at full size and after each halving.
    kernel: the pixels that are left then.
    """

    def __init__(
        self, channels: int, widths: Sequence[int], kernel: tuple[int, int], styles: int, domains: int
    ) -> None:
        super().__init__()
        self.shared = nn.Sequential(*_trunk(channels, widths, kernel), nn.LeakyReLU(SLOPE))
        self.unshared = nn.ModuleList(nn.Linear(widths[-1], styles) for _ in range(domains))

    def forward(self, images: Tensor, domains: Tensor) -> Tensor:
        return _of_domains(self.unshared, self.shared(images).flatten(1), domains)


class DomainDiscriminator(nn.Module):
    """From images (N, C, H, W) to a logit for each domain, (N, D); table 8. Arguments: as for `DomainStyleEncoder`."""

    def __init__(self, channels: int, widths: Sequence[int], kernel: tuple[int, int], domains: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *_trunk(channels, widths, kernel), nn.LeakyReLU(SLOPE), nn.Conv2d(widths[-1], domains, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.main(images).flatten(1).float()
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) to features (N, F, 1, 1), before the last activation."""
        found: Tensor = self.main[:-2](images)
        return found


def _trunk(channels: int, widths: Sequence[int], kernel: tuple[int, int]) -> list[nn.Module]:
    """Layers from images (N, C, H, W) to features (N, F, 1, 1)."""
    return [
        nn.Conv2d(channels, widths[0], 3, 1, 1),
        *(DownBlock(inner, outer, pooled=True) for inner, outer in pairwise(widths)),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(widths[-1], widths[-1], kernel),
    ]


def _of_domains(heads: nn.ModuleList, features: Tensor, domains: Tensor) -> Tensor:
    """The result of the head of each row's domain: (N, S)."""
    found = torch.stack([head(features) for head in heads], 1)
    return found[torch.arange(len(domains), device=domains.device), domains]
