"""Known damage in six levels, from none to heavy: what a measure of quality must notice.

Heusel et al. 2017, arXiv:1706.08500, appendix A1, disturb pictures by noise, blur, black rectangles, swirl, salt and
pepper, and pictures of another set mixed in. To these come what compression does, and what generators do to a whole
set: modes left out, and few pictures shown again and again (`corrupted_sets.py`). Level 0 is the clean set, level 5 the
heaviest.

What is drawn for a picture follows from the seed and its row, so that row k is the same in any batch; at a higher level
the same draws have a greater strength. Shape letters: N pictures, C H W.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from imagewright.errors import ConfigError, nearest_name
from imagewright.images.decoding.preprocessing import random_words
from imagewright.output.grids import to_picture
from imagewright.seeds import derive_seed

LEVELS = 6  # with the clean one
HEAVIEST = LEVELS - 1

# By level, from 1 to 5.
BLUR_SHARES = (0.010, 0.020, 0.035, 0.055, 0.080)  # deviation, of the shorter side
BLUR_LEAST = 0.4  # pixels a level: a narrower window than this changes no grey level
NOISE_DEVIATIONS = (8.0, 16.0, 28.0, 48.0, 80.0)  # grey levels
JPEG_QUALITIES = (60, 35, 20, 10, 4)
RECTANGLE_SIDES = (0.10, 0.17, 0.25, 0.35, 0.48)  # of the picture's sides
RECTANGLES = 3
SWIRL_TURNS = (0.06, 0.12, 0.22, 0.38, 0.65)  # of the centre, in whole turns
SALT_AND_PEPPER_SHARES = (0.01, 0.03, 0.07, 0.15, 0.30)  # of the pixels

Damage = Callable[[Tensor, np.ndarray, int, int], Tensor]
"""Pictures uint8 (N, C, H, W), their rows int64 (N,), the level from 1 to 5 and a seed, to pictures of that shape."""


@dataclass(frozen=True)
class Corruption:
    """One kind of damage. `title` for people; `of`: each picture for itself, or which pictures there are in a set."""

    name: str
    title: str
    of: Literal["pictures", "set"]


CORRUPTIONS = {
    each.name: each
    for each in (
        Corruption("blur", "blurred", "pictures"),
        Corruption("noise", "noise added", "pictures"),
        Corruption("jpeg", "compressed as JPEG", "pictures"),
        Corruption("rectangles", "black rectangles", "pictures"),
        Corruption("swirl", "swirled", "pictures"),
        Corruption("salt_and_pepper", "salt and pepper", "pictures"),
        Corruption("contamination", "pictures of another kind mixed in", "set"),
        Corruption("mode_dropping", "modes dropped", "set"),
        Corruption("duplication", "few pictures repeated", "set"),
    )
}


def corruption_named(name: str) -> Corruption:
    """The corruption of that name. Raises `ConfigError` with the nearest name for another."""
    if name not in CORRUPTIONS:
        known = ", ".join(CORRUPTIONS)
        raise ConfigError(f"There is no corruption {name!r}: expected {known}.{nearest_name(name, CORRUPTIONS)}")
    return CORRUPTIONS[name]


def damaged(pictures: Tensor, rows: np.ndarray, name: str, level: int, seed: int = 0) -> Tensor:
    """Pictures uint8 (N, C, H, W) of the rows int64 (N,), each damaged: uint8 (N, C, H, W). Level 0: untouched."""
    if not 0 <= level < LEVELS:
        raise ConfigError(f"level={level}, but there are levels from 0 (clean) to {HEAVIEST}.")
    if corruption_named(name).of != "pictures":
        raise ConfigError(f"{name} is not done to single pictures: it changes which pictures a set has.")
    return pictures if level == 0 else DAMAGES[name](pictures, rows, level, derive_seed(seed, "corruption", name))


def blur(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """By a Gaussian, mirrored at the edges."""
    deviation = max(BLUR_SHARES[level - 1] * min(pictures.shape[-2:]), BLUR_LEAST * level)
    radius = min(int(np.ceil(3 * deviation)), min(pictures.shape[-2:]) - 1)
    window = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / deviation).square())
    window /= window.sum()
    channels = pictures.shape[1]
    padded = functional.pad(pictures.float(), (radius,) * 4, mode="reflect")
    columns = functional.conv2d(padded, window.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return _rounded(functional.conv2d(columns, window.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels))


def noise(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """Normal, independent for each pixel and colour."""
    drawn = _drawn(torch.randn, pictures.shape[1:], rows, seed)
    return _rounded(pictures.float() + NOISE_DEVIATIONS[level - 1] * drawn)


def jpeg(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """Written as JPEG and read again; transparency stays as it is."""
    quality = JPEG_QUALITIES[level - 1]
    colours = pictures[:, :3]

    def written(picture: Tensor) -> np.ndarray:
        content = io.BytesIO()
        to_picture(picture).save(content, "JPEG", quality=quality)
        return np.asarray(Image.open(content)).reshape(*picture.shape[1:], -1).transpose(2, 0, 1)

    result = torch.from_numpy(np.stack([written(picture) for picture in colours]))
    return torch.cat([result, pictures[:, 3:]], 1)


def rectangles(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """Three black ones, of one size, at random places."""
    height, width = pictures.shape[-2:]
    share = RECTANGLE_SIDES[level - 1]
    tall, wide = (min(side, max(level, round(share * side))) for side in (height, width))
    corners = _drawn(torch.rand, (RECTANGLES, 2), rows, seed) * torch.tensor([height - tall + 1, width - wide + 1])
    tops, lefts = corners.long().unbind(-1)
    down, right = torch.arange(height), torch.arange(width)
    inside = ((down >= tops[..., None]) & (down < tops[..., None] + tall))[..., :, None]
    inside = inside & ((right >= lefts[..., None]) & (right < lefts[..., None] + wide))[..., None, :]
    return pictures.masked_fill(inside.any(1)[:, None], 0)


def swirl(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """Turned about the centre, most there and not at all at the edge; between pixels linearly."""
    height, width = pictures.shape[-2:]
    down, right = torch.meshgrid(_places(height), _places(width), indexing="ij")
    distance = (down.square() + right.square()).sqrt()
    angle = 2 * torch.pi * SWIRL_TURNS[level - 1] * (1 - distance).clamp(min=0)
    grid = torch.stack([right * angle.cos() - down * angle.sin(), right * angle.sin() + down * angle.cos()], -1)
    whole = grid.expand(len(pictures), -1, -1, -1)
    return _rounded(
        functional.grid_sample(pictures.float(), whole, mode="bilinear", padding_mode="border", align_corners=False)
    )


def salt_and_pepper(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """Some pixels black or white, in all colours at once."""
    share = SALT_AND_PEPPER_SHARES[level - 1]
    drawn = _drawn(torch.rand, (1, *pictures.shape[-2:]), rows, seed)
    return pictures.masked_fill(drawn < share / 2, 0).masked_fill(drawn > 1 - share / 2, 255)


DAMAGES: dict[str, Damage] = {
    "blur": blur,
    "noise": noise,
    "jpeg": jpeg,
    "rectangles": rectangles,
    "swirl": swirl,
    "salt_and_pepper": salt_and_pepper,
}


def _drawn(draw: Callable[..., Tensor], shape: tuple[int, ...], rows: np.ndarray, seed: int) -> Tensor:
    """(N, *shape): for each row from a generator of its own."""
    words = random_words(seed, rows) >> np.uint64(1)
    return torch.stack([draw(*shape, generator=torch.Generator().manual_seed(int(word))) for word in words])


def _places(count: int) -> Tensor:
    """The centres of `count` pixels between -1 and 1."""
    return (torch.arange(count) + 0.5) * 2 / count - 1


def _rounded(images: Tensor) -> Tensor:
    return images.round_().clamp_(0, 255).to(torch.uint8)
