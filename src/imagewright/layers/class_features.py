"""Statistics of encoded features over a training, class by class, from which new features are sampled.

Wang et al. 2018, arXiv:1711.11585, section 3.4, samples from clusters of the features of each class, made after the
training. Here it is one normal distribution a class and number, updated in training. Shape letters: N batch, K classes,
F numbers of a feature, H W map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imagewright.phases import Step

PACE = 0.01  # of the way from the old statistics to those of a batch


class ClassFeatures(nn.Module):
    """Mean and deviation of the features of each class, (K, F). All ranks hold the same."""

    mean: Tensor
    square: Tensor
    seen: Tensor

    def __init__(self, classes: int, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(classes, features))
        self.register_buffer("square", torch.ones(classes, features))
        self.register_buffer("seen", torch.zeros(classes, dtype=torch.bool))

    def update(self, step: Step, features: Tensor, classes: Tensor) -> None:
        """Move the statistics of the classes of a batch towards it.

        features: (N, F, H, W).
        classes: integers (N, H, W).
        """
        values = features.detach().float().movedim(1, -1).flatten(0, 2)
        columns = torch.cat([values, values.square(), torch.ones_like(values[:, :1])], 1)
        sums = values.new_zeros(len(self.mean), columns.shape[1]).index_add(0, classes.flatten(), columns)
        sums = step.mean(sums)
        count, size = sums[:, -1:], values.shape[1]
        pace = torch.where(count > 0, torch.where(self.seen[:, None], PACE, 1.0), 0.0)
        found = sums / count.clamp(min=1e-12)
        self.mean.lerp_(found[:, :size], pace)
        self.square.lerp_(found[:, size:-1], pace)
        self.seen.logical_or_(count[:, 0] > 0)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, K, F), each number normal by itself. The generator is on the CPU."""
        noise = torch.randn(count, *self.mean.shape, generator=generator).to(self.mean.device)
        deviation = (self.square - self.mean.square()).clamp(min=0).sqrt()
        return self.mean + deviation * noise

    def of_images(self, features: Tensor) -> Tensor:
        """The mean feature of each class in pictures without a label map, (N, K, F), from their features (N, F, H, W).

        Each pixel is given to the class whose mean is nearest; a class that gets no pixel has its mean of the training.
        """
        found = []
        for values in features.movedim(1, -1).flatten(1, 2):
            nearest = torch.cdist(values, self.mean).masked_fill(~self.seen, torch.inf).argmin(1)
            sums = torch.zeros_like(self.mean).index_add(0, nearest, values)
            counts = torch.bincount(nearest, minlength=len(self.mean))[:, None]
            found.append(torch.where(counts > 0, sums / counts.clamp(min=1), self.mean))
        return torch.stack(found)
