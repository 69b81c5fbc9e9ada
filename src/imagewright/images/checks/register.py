"""Whether the two halves of pairs lie on each other: shifts between their outlines at 64x64, and against chance.

The thresholds were chosen on pairs in register and the same pairs shifted by 8 and 20 of 256 pixels: facades with their
label maps (200), and flowers with edges, grey, holes and regions of colours (64 each). None in register is said to be
shifted; of one shifted pair alone, a half to all are found (grey: all; edges: a half; facades, whose windows repeat: an
eighth), and a shift that all have in common, always.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

GRID = 64  # pixels a side at which pairs are compared
REACH = 12  # pixels of it: larger shifts are not looked for
LEAST_SHIFT = 2  # pixels of it
NEAR = 3  # pixels of it: correlations so near to the largest belong to the same place
GAIN = 0.15  # the correlation at the shift of one pair exceeds that in place by so much,
UNIQUE = 0.15  # and that at every other place by so much, since what repeats agrees at several places
COMMON_GAIN = 0.05  # the same for the mean over all pairs
ENOUGH = 8  # pairs, for what all have in common
CHANCE = 5.0  # standard errors by which pairs agree more than pictures of different pairs


@dataclass(frozen=True)
class Register:
    """How pairs lie on each other.

    Attributes:
        shifts: float64 (N, 2), down and right, as shares of the sides; 0 for pairs that are not clearly shifted.
        common: the shift that all pairs have in common; (0, 0) for none, or fewer than 8 pairs.
        agrees: whether the halves of pairs agree more than halves of different pairs; None for fewer than 8 pairs.
    """

    shifts: np.ndarray
    common: tuple[float, float]
    agrees: bool | None


def outline(picture: Image.Image) -> np.ndarray:
    """The strength of edges of a picture, (64, 64), of mean 0 and length 1; zeros for a picture of one colour."""
    grey = np.asarray(picture.convert("L").resize((GRID, GRID), Image.Resampling.BOX), np.float64)
    strength = np.hypot(*np.gradient(grey))
    window = np.hanning(GRID + 2)[1:-1]
    weights = window[:, None] * window[None]
    strength = (strength - np.average(strength, weights=weights)) * weights
    length = np.linalg.norm(strength)
    return strength / length if length > 1e-6 else np.zeros_like(strength)


def find_shifts(inputs: np.ndarray, targets: np.ndarray) -> Register:
    """Shifts of pairs, by the correlations of their outlines.

    inputs, targets: (N, 64, 64), results of `outline`.
    """
    surfaces = _correlations(inputs, targets)
    shifts = np.zeros((len(surfaces), 2))
    for row, surface in enumerate(surfaces):
        place = np.unravel_index(surface.argmax(), surface.shape)
        elsewhere = surface.copy()
        elsewhere[tuple(slice(max(0, at - NEAR), at + NEAR + 1) for at in place)] = -1
        if surface.max() > elsewhere.max() + UNIQUE:
            shifts[row] = _shift_of(surface, GAIN)
    if len(surfaces) < ENOUGH:
        return Register(shifts, (0.0, 0.0), None)
    others = _correlations(inputs, np.roll(targets, 1, axis=0))
    peak = np.unravel_index(surfaces.mean(0).argmax(), surfaces.shape[1:])
    difference = surfaces[:, peak[0], peak[1]] - others[:, peak[0], peak[1]]
    agrees = bool(difference.mean() > CHANCE * difference.std(ddof=1) / np.sqrt(len(difference)))
    down, right = _shift_of(surfaces.mean(0), COMMON_GAIN) if agrees else (0.0, 0.0)
    return Register(shifts, (down, right), agrees)


def _correlations(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(N, 25, 25): the correlation of each pair at every shift; the shift of 0 is in the middle."""
    spectrum = np.fft.rfft2(targets) * np.fft.rfft2(inputs).conj()
    surfaces = np.fft.fftshift(np.fft.irfft2(spectrum, s=(GRID, GRID)), axes=(1, 2))
    seen = slice(GRID // 2 - REACH, GRID // 2 + REACH + 1)
    return surfaces[:, seen, seen]


def _shift_of(surface: np.ndarray, gain: float) -> tuple[float, float]:
    """(down, right) of the largest correlation, as shares of the sides; 0 if that in place is about as large."""
    in_place = surface[REACH - 1 : REACH + 2, REACH - 1 : REACH + 2].max()
    down, right = (int(at) - REACH for at in np.unravel_index(surface.argmax(), surface.shape))
    if surface.max() <= in_place + gain or max(abs(down), abs(right)) < LEAST_SHIFT:
        return 0.0, 0.0
    return down / GRID, right / GRID
