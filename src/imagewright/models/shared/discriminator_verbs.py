"""What a model answers by a discriminator that sees the picture alone: for the GANs without conditions."""

from __future__ import annotations

import torch
from torch import Tensor


class ScoresByDiscriminator:
    """`score` and `judge` of a `Model` that has a `discriminator`: images (N, C, H, W) to logits (N,)."""

    score_unit = "discriminator's logit"

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """How real the discriminator finds each image: its logit. Comparable within one run only."""
        logits: Tensor = self.discriminator(images)  # type: ignore[attr-defined]
        return logits

    def judge(
        self,
        images: Tensor,
        *,
        labels: Tensor | None = None,
        attributes: Tensor | None = None,
        latents: Tensor | None = None,
    ) -> Tensor:
        logits: Tensor = self.discriminator(images)  # type: ignore[attr-defined]
        return logits
