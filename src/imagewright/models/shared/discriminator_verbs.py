"""The verb `score` of a model whose discriminator takes images alone: for GANs without conditions."""

from __future__ import annotations

import torch
from torch import Tensor


class ScoresByDiscriminator:
    """`score` for a `Model` whose `discriminator` maps images (N, C, H, W) to logits (N,)."""

    score_unit = "discriminator's logit"

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The discriminator's logit of each image, (N,); higher is more real. Comparable within one run only."""
        logits: Tensor = self.discriminator(images)  # type: ignore[attr-defined]
        return logits
