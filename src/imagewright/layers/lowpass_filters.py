"""Low-pass filters by the window method, along an axis and rotationally symmetric, as StyleGAN3 designs them.

Karras et al. 2021 (StyleGAN3), arXiv:2106.12423, appendix C.1; the Kaiser window: Kaiser 1974, by the estimates of its
attenuation and beta that signal processing libraries use. Shape letters: T taps.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import j1
from torch import Tensor


def design_lowpass(taps: int, cutoff: float, half_width: float, rate: float, *, radial: bool = False) -> Tensor:
    """A low-pass filter with the sum 1: (T,), for use along both axes; (T, T) if it is radial. [1] for a single tap.

    cutoff: the frequency at which half of the amplitude passes.
    half_width: half of the frequencies over which the amplitude falls.
    rate: samples a unit of length; frequencies are cycles a unit.
    """
    if taps == 1:
        return torch.ones(1)
    window = np.kaiser(taps, _kaiser_beta(taps, 2 * half_width / (rate / 2)))
    places = (np.arange(taps) - (taps - 1) / 2) / rate
    if radial:
        distances = np.hypot(*np.meshgrid(places, places))
        with np.errstate(invalid="ignore", divide="ignore"):
            ideal = j1(2 * cutoff * math.pi * distances) / (math.pi * distances)
        ideal[distances == 0] = cutoff  # the limit, for odd counts of taps
        line = ideal * np.outer(window, window)
    else:
        line = np.sinc(2 * cutoff * places) * window
    return torch.from_numpy(line / line.sum()).float()


def _kaiser_beta(taps: int, width: float) -> float:
    """Beta of the Kaiser window whose transition is `width` wide, as a share of half the sampling rate."""
    attenuation = 2.285 * (taps - 1) * math.pi * width + 7.95
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return float(0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21))
    return 0.0
