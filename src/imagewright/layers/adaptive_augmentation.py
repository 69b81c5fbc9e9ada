"""Adaptive discriminator augmentation (ADA): many random changes of what a discriminator sees, as often as it needs.

Karras et al. 2020, arXiv:2006.06676: the operations (appendix B), and the probability that rises while the
discriminator overfits (section 3). The generator is trained through the changes, and gradient penalties go through
them: all are differentiable twice. Shape letters: N batch, C H W image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imagewright import distributed
from imagewright.layers.augmentation_colour import change_colours
from imagewright.layers.augmentation_filters import add_noise, change_bands, cut_square
from imagewright.layers.augmentation_geometry import sample_transformations, transform
from imagewright.layers.augmentation_numbers import Multipliers, Numbers
from imagewright.phases import Step

ADA = Multipliers.of_groups(blitting=1, geometry=1, colour=1)
"""The operations that the paper recommends, called "bgc"."""


def augment(images: Tensor, probability: Tensor | float, multipliers: Multipliers, numbers: Numbers) -> Tensor:
    """Images (N, C, H, W) in [-1, 1], changed at random: values may then be outside of [-1, 1]. In float32.

    probability: with which an operation of multiplier 1 is applied to an image, a scalar; from 1 on always.
    multipliers: of each operation's probability.
    numbers: random ones for N images, `step.draws` in a training.
    """
    probability = torch.as_tensor(probability, dtype=torch.float32, device=images.device)
    if images.device.type == "cpu" and not probability:
        return images  # elsewhere the host would wait for the device to know it
    with torch.autocast(images.device.type, enabled=False):
        images = images.float()
        if _any_of(multipliers, "mirror", "quarter_turn", "whole_move", "scale", "rotation", "stretch", "move"):
            height, width = images.shape[2:]
            images = transform(images, sample_transformations(numbers, probability, multipliers, (height, width)))
        if _any_of(multipliers, "brightness", "contrast", "luma_flip", "hue", "saturation"):
            images = change_colours(images, numbers, probability, multipliers)
        if multipliers.bands:
            images = change_bands(images, numbers, multipliers.bands * probability)
        if multipliers.noise:
            images = add_noise(images, numbers, multipliers.noise * probability)
        if multipliers.cutout:
            images = cut_square(images, numbers, multipliers.cutout * probability)
    return images


def _any_of(multipliers: Multipliers, *names: str) -> bool:
    return any(getattr(multipliers, name) for name in names)


class AdaptiveProbability(nn.Module):
    """The probability of augmentations, which rises while the discriminator is too sure of the real images.

    Section 3.1: the mean sign of its logits of real images is compared with a target, every few batches, and the
    probability moves by a constant towards what would change it. All state is in buffers.

    target: the mean sign that is aimed at.
    images: how many it takes for the probability to move from 0 to 1.
    every: batches between the moves.

    value: buffer, the probability, from 0 on; above 1 it acts as 1 does.
    """

    value: Tensor
    signs: Tensor
    counted: Tensor

    def __init__(self, *, target: float = 0.6, images: int = 500_000, every: int = 4) -> None:
        super().__init__()
        self.target, self.images, self.every = target, images, every
        self.register_buffer("value", torch.zeros(()))
        self.register_buffer("signs", torch.zeros(()))  # their sum, over the ranks' mean, since the last move
        self.register_buffer("counted", torch.zeros(()))  # images of a rank since then

    @torch.no_grad()
    def observe(self, logits: Tensor, step: Step) -> None:
        """Move the probability if enough batches were seen.

        logits: of the real images of a micro-batch (N,), as the loss takes them.
        step: of the training; every step calls this once a micro-batch.
        """
        self.signs += step.mean(logits.float().sign().sum())
        self.counted += len(logits)
        wanted = self.every * step.draws.global_rows
        due = self.counted * distributed.world_size() >= wanted
        move = (self.signs / self.counted - self.target).sign() * (wanted / self.images)
        self.value.copy_(torch.where(due, (self.value + move).clamp(min=0), self.value))
        self.signs.mul_(~due)
        self.counted.mul_(~due)
