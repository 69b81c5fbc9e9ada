"""Augmentations of frequency bands, by noise, and by a square that is cut out.

Karras et al. 2020 (ADA), arXiv:2006.06676, appendix B. Shape letters: N batch, C H W image, B bands, T taps.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from imagewright.layers.augmentation_numbers import Numbers, choose, constant
from imagewright.memoryless import with_values

BANDS = 4  # an octave each, but the lowest
# The low-pass filter of the wavelet "sym2" (Daubechies 1992, chapter 8).
WAVELET = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
GAIN_DEVIATION = 1.0  # octaves
# The power of natural pictures falls as the frequency squared: shares of the bands, from the lowest one.
POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)
NOISE = 0.1  # the deviation of the noise's deviation, which is a half of a normal distribution
CUTOUT = 0.5  # of a side


def change_bands(pictures: Tensor, numbers: Numbers, probability: Tensor) -> Tensor:
    """float32 (N, C, H, W), of which frequency bands are amplified or damped, at the same expected power.

    probability: with which each band of each picture is changed, a scalar.
    """
    power = constant(POWER, pictures.device)
    gains = pictures.new_ones(len(pictures), BANDS)
    for band in range(BANDS):
        gain = choose(numbers, probability, torch.exp2(numbers.normal() * GAIN_DEVIATION), 1)
        changed = torch.ones_like(gains)
        changed[:, band] = gain
        gains = gains * changed / (power * changed.square()).sum(1, keepdim=True).sqrt()
    return filter_each(pictures, gains @ band_filters(pictures.device))


def filter_each(pictures: Tensor, taps: Tensor) -> Tensor:
    """Pictures (N, C, H, W), continued as mirror images, and filtered along both axes by taps (N, T) of their own."""
    count, channels, height, width = pictures.shape
    weight = taps.repeat_interleave(channels, 0)[:, None]
    reach = taps.shape[1] // 2
    maps = mirror_ends(pictures.reshape(1, count * channels, height, width), reach)
    maps = conv2d(maps, weight[:, :, None], groups=count * channels)
    return conv2d(maps, weight[:, :, :, None], groups=count * channels).view_as(pictures)


def mirror_ends(maps: Tensor, reach: int) -> Tensor:
    """(N, C, H, W) to (N, C, H + 2 reach, W + 2 reach): mirror images, of mirror images where a side is short."""
    height, width = maps.shape[2:]
    while reach:
        step = min(reach, height - 1, width - 1)
        if not step:
            return pad(maps, (reach,) * 4, mode="replicate")
        maps, reach = pad(maps, (step,) * 4, mode="reflect"), reach - step
        height, width = maps.shape[2:]
    return maps


def add_noise(pictures: Tensor, numbers: Numbers, probability: Tensor) -> Tensor:
    """Pictures (N, C, H, W) with normal noise, of a deviation of their own."""
    deviations = choose(numbers, probability, numbers.normal(1, 1, 1).abs() * NOISE, 0)
    return pictures + deviations * numbers.normal(*pictures.shape[1:])


def cut_square(pictures: Tensor, numbers: Numbers, probability: Tensor) -> Tensor:
    """Pictures (N, C, H, W) with 0 in a rectangle of half of each side, whose centre is anywhere."""
    centres = numbers.uniform(2)
    shares = choose(numbers, probability, torch.full_like(centres[:, 0], CUTOUT), 0)
    inside = []
    for place, side in enumerate((pictures.shape[3], pictures.shape[2])):
        positions = (torch.arange(side, device=pictures.device) + 0.5) / side
        inside.append((positions - centres[:, [place]]).abs() < shares[:, None] / 2)  # (N, side)
    return pictures * ~(inside[1][:, None, :, None] & inside[0][:, None, None, :])


@lru_cache(maxsize=8)
@torch.inference_mode(False)
@with_values()
def band_filters(device: torch.device) -> Tensor:
    """(B, T): the filters of the bands, from the lowest one; their sum passes a picture as it is."""
    low = torch.tensor(WAVELET, dtype=torch.float64)
    high = low * torch.tensor([1.0, -1.0, 1.0, -1.0])
    smooth, rough = (_convolve(line, line.flip(0)) / 2 for line in (low, high))
    filters = torch.zeros(BANDS, 1, dtype=torch.float64)
    filters[0] = 1
    for band in range(1, BANDS):
        spread = torch.zeros(BANDS, 2 * filters.shape[1] - 1, dtype=torch.float64)
        spread[:, ::2] = filters
        filters = torch.stack([_convolve(line, smooth) for line in spread])
        start = (filters.shape[1] - len(rough)) // 2
        filters[band, start : start + len(rough)] += rough
    return filters.to(device, torch.float32)


def _convolve(line: Tensor, taps: Tensor) -> Tensor:
    """The whole convolution of two lines."""
    return conv2d(line.view(1, 1, 1, -1), taps.flip(0).view(1, 1, 1, -1), padding=(0, len(taps) - 1)).flatten()
