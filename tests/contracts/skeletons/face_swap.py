"""Face swapping in small: two people, one encoder, a decoder each, and warped images as input.

The autoencoder of deepfakes (2017): each decoder learns to undo a random warp of its person's images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from imagewright.capabilities import Target
from imagewright.model import Feed, Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from skeletons.parts import WIDTH, SkeletonConfig, conv


@dataclass(frozen=True, kw_only=True)
class FaceSwapConfig(SkeletonConfig):
    sources: ClassVar[tuple[str, ...]] = ("a", "b")


class FaceSwap(Model):
    """Networks: `encoder` (N, C, H, W) -> maps; `decoder_a`, `decoder_b` -> (N, C, H, W)."""

    Config = FaceSwapConfig
    config: FaceSwapConfig
    feeds: ClassVar[Mapping[str, Feed]] = {"a": Feed("a"), "b": Feed("b")}
    domains = ("a", "b")

    def __init__(self, config: FaceSwapConfig) -> None:
        super().__init__(config)
        self.encoder = conv(config.channels, WIDTH)
        self.decoder_a, self.decoder_b = conv(WIDTH, config.channels), conv(WIDTH, config.channels)

    def phases(self) -> list[Phase]:
        return [Phase("both", ("encoder", "decoder_a", "decoder_b"), self.reconstruction_loss)]

    def reconstruction_loss(self, step: Step) -> Terms:
        people = (("a", self.decoder_a, step.images), ("b", self.decoder_b, step["b"].images))
        return {
            name: (decoder(self.encoder(warp(images, step.draws))) - images).abs().mean()
            for name, decoder, images in people
        }

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        a = rows["a"].images
        return {"a": a, "rebuilt": self.decoder_a(self.encoder(a)), "swapped": self.decoder_b(self.encoder(a))}

    def translate(self, images: Tensor, target: Target) -> Tensor:
        translated: Tensor = (self.decoder_b if target.domain == 1 else self.decoder_a)(self.encoder(images))
        return translated


def warp(images: Tensor, draws: Draws) -> Tensor:
    """Images (N, C, H, W) bent by a smooth random field."""
    size = images.shape[2:]
    shift = interpolate(0.1 * draws.normal(2, 5, 5).to(images.device), size=size, mode="bicubic").permute(0, 2, 3, 1)
    identity = torch.eye(2, 3, device=images.device).expand(len(images), 2, 3)
    grid = affine_grid(identity, list(images.shape), align_corners=False)
    return grid_sample(images, grid + shift, align_corners=False, padding_mode="border")
