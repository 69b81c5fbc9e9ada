"""The U-Net generator of pix2pix.

Isola et al. 2017, arXiv:1611.07004, section 3.2.1 and appendix 6.1.1, after Ronneberger et al. 2015. Each block holds
the next smaller one, with the layers and names of the published networks. Shape letters: N batch, C H W image.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from imagewright.layers.noise import NoiseDropout
from imagewright.layers.norms import NormName, build_norm, has_bias

WIDEST = 8  # times `width`


class UNetBlock(nn.Module):
    """Halve, apply the inner block, double; (N, C, H, W) to the input and the result side by side, or the result alone.

    outer: channels of the result.
    inner: channels at half the size.
    inputs: channels of the input; by default `outer`.
    within: the block at half the size; None for the innermost one.
    outermost: whether the result is the image, in [-1, 1], without the input beside it.
    """

    def __init__(
        self,
        outer: int,
        inner: int,
        *,
        norm: NormName,
        inputs: int | None = None,
        within: UNetBlock | None = None,
        outermost: bool = False,
        dropout: float = 0.0,
        of_image: bool = False,
    ) -> None:
        super().__init__()
        self.outermost = outermost
        bias = has_bias(norm)
        down = nn.Conv2d(inputs or outer, inner, 4, 2, 1, bias=bias)
        up = nn.ConvTranspose2d(inner * (1 if within is None else 2), outer, 4, 2, 1, bias=bias or outermost)
        if outermost:
            assert within is not None
            layers: list[nn.Module] = [down, within, nn.ReLU(True), up, nn.Tanh()]
        else:
            # Not in place, so that the input beside the result stays as it is; the ReLU that follows gives the same.
            first = [nn.LeakyReLU(0.2), down]
            middle = [] if within is None else [build_norm(norm, inner, of_image=of_image), within]
            layers = [*first, *middle, nn.ReLU(True), up, build_norm(norm, outer, of_image=of_image)]
            layers += [NoiseDropout(dropout)] if dropout and within is not None else []
        self.model = nn.Sequential(*layers)

    def forward(self, maps: Tensor) -> Tensor:
        made: Tensor = self.model(maps)
        return made if self.outermost else torch.cat([maps, made], 1)


class UNetGenerator(nn.Module):
    """From (N, inputs, H, W) to (N, outputs, H, W) in [-1, 1]; H and W are multiples of 2^depth.

    width: channels at half size; doubled at each halving up to 8 times.
    depth: halvings, 2 or more; 8 in the paper for 256 pixels.
    dropout: of the blocks between the innermost one and those whose channels still double; 0 for none.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 64,
        depth: int = 8,
        norm: NormName = "batch",
        dropout: float = 0.5,
        of_image: bool = False,
    ) -> None:
        super().__init__()
        widths = [width * min(2**level, WIDEST) for level in range(depth)]
        block: UNetBlock | None = None
        for outer, inner in reversed(list(pairwise(widths))):
            dropped = dropout if outer == inner else 0.0
            block = UNetBlock(outer, inner, norm=norm, within=block, dropout=dropped, of_image=of_image)
        self.model = UNetBlock(
            outputs, width, norm=norm, inputs=inputs, within=block, outermost=True, of_image=of_image
        )

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.model(images)
        return made
