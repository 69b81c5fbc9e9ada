"""Corruptions of pictures in six levels, from none to heavy, that a metric of quality should respond to.

Heusel et al. 2017, arXiv:1706.08500, appendix A1, use noise, blur, black rectangles, swirl, salt and pepper, and
contamination with pictures of another set. Added here: JPEG compression, and two failures of generators that change the
set as a whole: dropped modes and repeated pictures (`corrupted_sets.py`). Level 0 is the clean set, level 5 the
heaviest corruption.

Random draws of a picture depend on the seed and its row alone, so that row k is the same in any batch; a higher level
applies the same draws with greater strength. Shape letters: N pictures, C H W.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from imagewright.errors import ConfigError, nearest_name
from imagewright.images.decoding.opening import open_picture
from imagewright.images.decoding.preprocessing import random_words
from imagewright.output.grids import to_picture
from imagewright.seeds import derive_seed

LEVELS = 6  # with the clean level
HEAVIEST = LEVELS - 1

# By level, from 1 to 5.
BLUR_SHARES = (0.010, 0.020, 0.035, 0.055, 0.080)  # standard deviation over the shorter side
BLUR_LEAST = 0.4  # pixels per level: a narrower window changes no grey level
NOISE_DEVIATIONS = (8.0, 16.0, 28.0, 48.0, 80.0)  # in grey levels
JPEG_QUALITIES = (60, 35, 20, 10, 4)
RECTANGLE_SIDES = (0.10, 0.17, 0.25, 0.35, 0.48)  # of the picture's sides
RECTANGLES = 3
SWIRL_TURNS = (0.06, 0.12, 0.22, 0.38, 0.65)  # rotation of the centre, in full turns
SALT_AND_PEPPER_SHARES = (0.01, 0.03, 0.07, 0.15, 0.30)  # of the pixels

CorruptionFunction = Callable[[Tensor, np.ndarray, int, int], Tensor]
"""From pictures uint8 (N, C, H, W), their rows int64 (N,), the level (1 to 5) and a seed to corrupted pictures."""


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption.

    name: as in `--corruptions`.
    title: for figures and messages.
    of: "pictures" if each picture is corrupted by itself, "set" if the choice of pictures in the set changes.
    """

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


def corrupt_pictures(pictures: Tensor, rows: np.ndarray, name: str, level: int, seed: int = 0) -> Tensor:
    """Corrupt each picture by itself: uint8 (N, C, H, W).

    pictures: uint8 (N, C, H, W).
    rows: their numbers in the set, int64 (N,), which decide the random draws.
    name: a corruption of pictures.
    level: from 1 to 5; 0 returns the pictures unchanged.
    seed: for the random draws.

    Raises `ConfigError` for another level, and for a corruption of whole sets.
    """
    if not 0 <= level < LEVELS:
        raise ConfigError(f"level={level}, but levels from 0 (clean) to {HEAVIEST} were expected.")
    if corruption_named(name).of != "pictures":
        raise ConfigError(f"{name} cannot be applied to single pictures: it changes which pictures are in the set.")
    return pictures if level == 0 else FUNCTIONS[name](pictures, rows, level, derive_seed(seed, "corruption", name))


def blur(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """Gaussian blur with mirrored edges."""
    deviation = max(BLUR_SHARES[level - 1] * min(pictures.shape[-2:]), BLUR_LEAST * level)
    radius = min(int(np.ceil(3 * deviation)), min(pictures.shape[-2:]) - 1)
    window = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / deviation).square())
    window /= window.sum()
    channels = pictures.shape[1]
    padded = functional.pad(pictures.float(), (radius,) * 4, mode="reflect")
    columns = functional.conv2d(padded, window.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return _to_uint8(functional.conv2d(columns, window.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels))


def noise(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """Normal noise, independent for each pixel and colour."""
    draws = _sample_rows(torch.randn, pictures.shape[1:], rows, seed)
    return _to_uint8(pictures.float() + NOISE_DEVIATIONS[level - 1] * draws)


def jpeg(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """JPEG compression; an alpha channel is unchanged."""
    quality = JPEG_QUALITIES[level - 1]
    colours = pictures[:, :3]

    def compress(picture: Tensor) -> np.ndarray:
        content = io.BytesIO()
        to_picture(picture).save(content, "JPEG", quality=quality)
        with open_picture(content.getvalue()) as compressed:
            return np.asarray(compressed).reshape(*picture.shape[1:], -1).transpose(2, 0, 1)

    result = torch.from_numpy(np.stack([compress(picture) for picture in colours]))
    return torch.cat([result, pictures[:, 3:]], 1)


def rectangles(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """Three black rectangles of one size at random positions."""
    height, width = pictures.shape[-2:]
    share = RECTANGLE_SIDES[level - 1]
    tall, wide = (min(side, max(level, round(share * side))) for side in (height, width))
    corners = _sample_rows(torch.rand, (RECTANGLES, 2), rows, seed) * torch.tensor(
        [height - tall + 1, width - wide + 1]
    )
    tops, lefts = corners.long().unbind(-1)
    down, right = torch.arange(height), torch.arange(width)
    inside = ((down >= tops[..., None]) & (down < tops[..., None] + tall))[..., :, None]
    inside = inside & ((right >= lefts[..., None]) & (right < lefts[..., None] + wide))[..., None, :]
    return pictures.masked_fill(inside.any(1)[:, None], 0)


def swirl(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """Rotation about the centre, strongest there and zero at the edge, with bilinear interpolation."""
    height, width = pictures.shape[-2:]
    down, right = torch.meshgrid(_pixel_centres(height), _pixel_centres(width), indexing="ij")
    distance = (down.square() + right.square()).sqrt()
    angle = 2 * torch.pi * SWIRL_TURNS[level - 1] * (1 - distance).clamp(min=0)
    grid = torch.stack([right * angle.cos() - down * angle.sin(), right * angle.sin() + down * angle.cos()], -1)
    whole = grid.expand(len(pictures), -1, -1, -1)
    return _to_uint8(
        functional.grid_sample(pictures.float(), whole, mode="bilinear", padding_mode="border", align_corners=False)
    )


def salt_and_pepper(pictures: Tensor, rows: np.ndarray, level: int, seed: int) -> Tensor:
    """Random pixels black or white, in all colours at once."""
    share = SALT_AND_PEPPER_SHARES[level - 1]
    draws = _sample_rows(torch.rand, (1, *pictures.shape[-2:]), rows, seed)
    return pictures.masked_fill(draws < share / 2, 0).masked_fill(draws > 1 - share / 2, 255)


FUNCTIONS: dict[str, CorruptionFunction] = {
    "blur": blur,
    "noise": noise,
    "jpeg": jpeg,
    "rectangles": rectangles,
    "swirl": swirl,
    "salt_and_pepper": salt_and_pepper,
}


def _sample_rows(draw: Callable[..., Tensor], shape: tuple[int, ...], rows: np.ndarray, seed: int) -> Tensor:
    """(N, *shape): one draw for each row, from a generator seeded by the row."""
    words = random_words(seed, rows) >> np.uint64(1)
    return torch.stack([draw(*shape, generator=torch.Generator().manual_seed(int(word))) for word in words])


def _pixel_centres(count: int) -> Tensor:
    """The centres of `count` pixels in [-1, 1], float32 (count,)."""
    return (torch.arange(count) + 0.5) * 2 / count - 1


def _to_uint8(images: Tensor) -> Tensor:
    return images.round_().clamp_(0, 255).to(torch.uint8)
