"""DiffAugment: differentiable random changes of real and generated images, before the discriminator sees them.

Zhao et al. 2020, arXiv:2006.10738, section 3.3, with the strengths of its experiments: colour, translation by an eighth
of the side, cutout of half of it. The generator is trained through the changes, so that it does not learn to make them.
Shape letters: N batch, C H W image.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

TRANSLATION = 1 / 8  # of a side, in either direction
CUTOUT = 1 / 2  # of a side
RANDOM_NUMBERS = 7  # of an image: three of colour, two of the translation, two of the cutout


def diff_augment(images: Tensor, numbers: Tensor) -> Tensor:
    """Images (N, C, H, W) in [-1, 1], changed at random: values may then be outside of [-1, 1].

    numbers: (N, RANDOM_NUMBERS) from U[0, 1).
    """
    colour, translation, cutout = numbers.split((3, 2, 2), dim=1)
    return cut_out(translate(change_colours(images, colour), translation), cutout)


def change_colours(images: Tensor, numbers: Tensor) -> Tensor:
    """Brightness by -0.5 to 0.5, saturation by a factor of 0 to 2, contrast by a factor of 0.5 to 1.5.

    images: (N, C, H, W). Of one channel: without saturation.
    numbers: (N, 3) in [0, 1).
    """
    numbers = numbers.to(images.dtype)  # only here: in bf16 the numbers of a place could be rounded up to 1
    brightness, saturation, contrast = (numbers[:, [place], None, None] for place in range(3))
    images = images + (brightness - 0.5)
    if images.shape[1] > 1:
        grey = images.mean(1, keepdim=True)
        images = torch.lerp(grey, images, 2 * saturation)
    mean = images.mean((1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, contrast + 0.5)


def translate(images: Tensor, numbers: Tensor) -> Tensor:
    """Images moved by whole pixels, up to an eighth of each side; what moves in is 0.

    images: (N, C, H, W).
    numbers: (N, 2) in [0, 1): of the vertical and of the horizontal move.
    """
    for place, dimension in enumerate((2, 3)):
        side = images.shape[dimension]
        most = round(side * TRANSLATION)
        moves = (numbers[:, place] * (2 * most + 1)).long()  # 0 to 2 most
        columns = torch.arange(side, device=images.device) + moves[:, None]  # of the padded image
        shape = [len(images), 1, 1, 1]
        shape[dimension] = side
        padding = (0, 0, most, most) if dimension == 2 else (most, most, 0, 0)
        images = pad(images, padding).gather(dimension, columns.view(shape).expand_as(images))
    return images


def cut_out(images: Tensor, numbers: Tensor) -> Tensor:
    """Images with a rectangle of half of each side set to 0; its centre is anywhere, so that a part may lie outside.

    images: (N, C, H, W).
    numbers: (N, 2) in [0, 1): of the centre's row and column.
    """
    inside = []
    for place, side in enumerate(images.shape[2:]):
        cut = int(side * CUTOUT + 0.5)
        first = (numbers[:, [place]] * (side + 1 - cut % 2)).floor() - cut // 2
        positions = torch.arange(side, device=images.device)
        inside.append((positions >= first) & (positions < first + cut))  # (N, side)
    rectangle = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images * ~rectangle
