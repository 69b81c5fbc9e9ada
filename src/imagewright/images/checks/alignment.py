"""Alignment of two small pictures by shift and scale (Lucas & Kanade 1981), and how well they then agree."""

from __future__ import annotations

import numpy as np

from imagewright.images.checks.perceptual_hashes import SIDE, WINDOWS

STEPS = 8
LEAST_SHARE = 0.86  # a window has at least this share of the picture's sides


def agreement(
    larger: np.ndarray, smaller: np.ndarray, window: np.ndarray, steps: int = STEPS
) -> tuple[np.ndarray, np.ndarray]:
    """How well pictures agree with windows of others, after alignment.

    The window is shifted and scaled, each side by itself, to minimise the squared difference up to a gain and an
    offset, by Gauss-Newton steps over all pairs at once.

    larger: uint8 (P, 32, 32), the pictures that the windows are of.
    smaller: uint8 (P, 32, 32), the pictures that the windows should equal.
    window: int64 (P,), the index in `WINDOWS` to start from.
    steps: Gauss-Newton steps.
    Returns the correlations of the intensities and of their gradients, (P,) each, where the first is highest.
    """
    whole, wanted = larger.astype(np.float32), _smooth(smaller.astype(np.float32))
    starts = np.array(WINDOWS, np.float32)[window]
    share = np.repeat(starts[:, :1], 2, axis=1)
    corner = (1 - share) * starts[:, 1:]
    best = np.full(len(whole), -1.0, np.float32), np.full(len(whole), -1.0, np.float32)
    for step in range(steps + 1):
        seen = _smooth(_extract_windows(whole, share, corner))
        intensity = _correlation(seen, wanted)
        better = intensity > best[0]
        best[0][better] = intensity[better]
        best[1][better] = _gradient_correlation(seen, wanted)[better]
        if step < steps:
            share, corner = _gauss_newton_step(seen, wanted, share, corner)
    return best


def _extract_windows(pictures: np.ndarray, share: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Windows of pictures (P, 32, 32), enlarged to 32x32.

    share, corner: (P, 2), the size and the first corner of each window as shares of the sides, rows first.
    """
    rows, columns = (_interpolation(share[:, axis], corner[:, axis]) for axis in (0, 1))
    return rows @ pictures @ columns.transpose(0, 2, 1)


def _interpolation(share: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """(P, 32, 32): linear interpolation at the pixels of windows; the picture's edge is repeated outwards."""
    places = corner[:, None] * SIDE + (np.arange(SIDE, dtype=np.float32) + 0.5) * share[:, None] - 0.5
    weights = 1 - np.abs(places.clip(0, SIDE - 1)[:, :, None] - np.arange(SIDE, dtype=np.float32))
    return weights.clip(min=0)


def _gauss_newton_step(
    seen: np.ndarray, wanted: np.ndarray, share: np.ndarray, corner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One Gauss-Newton step of share and corner towards the least squared difference: the new share and corner."""
    count, along = len(seen), (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    down, across = np.gradient(seen, axis=1) * SIDE, np.gradient(seen, axis=2) * SIDE  # per move of a whole side
    slopes = [down, across, down * along[:, None], across * along, seen, np.ones_like(seen)]
    design = np.stack([slope.reshape(count, -1) for slope in slopes], axis=2)
    # Moves of the window in the picture, rescaled to moves of the pixels inside the window.
    scale = np.concatenate([1 / share, 1 / share, np.ones((count, 2), np.float32)], axis=1)
    design *= scale[:, None]
    normal = design.transpose(0, 2, 1) @ design
    normal += np.eye(6, dtype=np.float32) * (1e-4 * np.trace(normal, axis1=1, axis2=2)[:, None, None] / 6)
    target = design.transpose(0, 2, 1) @ wanted.reshape(count, -1, 1)
    found = np.linalg.solve(normal.astype(np.float64), target.astype(np.float64))[..., 0]
    # The model is gain * (seen + slopes . move) + offset: the solution has the moves multiplied by the gain.
    moves = found[:, :4] / np.where(np.abs(found[:, 4:5]) > 0.1, found[:, 4:5], np.inf)
    moves = moves.clip(-0.05, 0.05).astype(np.float32)
    share = (share + moves[:, 2:]).clip(LEAST_SHARE, 1)
    return share, np.clip(corner + moves[:, :2], 0, 1 - share)


def _smooth(pictures: np.ndarray) -> np.ndarray:
    """A 1-2-1 filter along both sides: removes the fine detail that recompression and resizing filters change."""
    for axis in (1, 2):
        moved = np.moveaxis(pictures, axis, 1)
        padded = np.concatenate([moved[:, :1], moved, moved[:, -1:]], axis=1)
        pictures = np.moveaxis((padded[:, :-2] + 2 * moved + padded[:, 2:]) / 4, 1, axis)
    return pictures


def _correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = (values.reshape(len(values), -1) for values in (one, other))
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    norms = np.sqrt((one * one).sum(axis=1) * (other * other).sum(axis=1))
    return (one * other).sum(axis=1) / np.maximum(norms, 1e-6)


def _gradient_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    gradients = [
        np.concatenate([np.diff(each[:, :, :-1], axis=1), np.diff(each[:, :-1], axis=2)]) for each in (one, other)
    ]
    paired = [np.concatenate(np.split(each, 2), axis=1) for each in gradients]
    return _correlation(*paired)
