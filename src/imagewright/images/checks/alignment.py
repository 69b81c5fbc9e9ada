"""Two small pictures laid over each other by shift and scale (Lucas & Kanade 1981), and how well they then agree."""

from __future__ import annotations

import numpy as np

from imagewright.images.checks.perceptual_hashes import SIDE, WINDOWS

STEPS = 8
LEAST_SHARE = 0.86  # of a picture's sides that a crop of it may keep


def agreement(
    larger: np.ndarray, smaller: np.ndarray, window: np.ndarray, steps: int = STEPS
) -> tuple[np.ndarray, np.ndarray]:
    """How well pictures agree with windows of others: correlations of their light and of their gradients, (P,) each.

    `larger`, `smaller`: small pictures uint8 (P, 32, 32); `window` int64 (P,): the one of `WINDOWS` to start from. The
    window is then shifted and scaled, each side by itself, to where the squared difference is least, gain and offset
    free: Gauss-Newton steps, all pairs at once.
    """
    whole, wanted = larger.astype(np.float32), _smooth(smaller.astype(np.float32))
    starts = np.array(WINDOWS, np.float32)[window]
    share = np.repeat(starts[:, :1], 2, axis=1)
    corner = (1 - share) * starts[:, 1:]
    best = np.full(len(whole), -1.0, np.float32), np.full(len(whole), -1.0, np.float32)
    for step in range(steps + 1):
        seen = _smooth(_sampled(whole, share, corner))
        light = _correlation(seen, wanted)
        better = light > best[0]
        best[0][better] = light[better]
        best[1][better] = _outline_correlation(seen, wanted)[better]
        if step < steps:
            share, corner = _improved(seen, wanted, share, corner)
    return best


def _sampled(pictures: np.ndarray, share: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Windows of pictures (P, 32, 32) enlarged to 32x32; share and corner (P, 2) of the sides, rows first."""
    rows, columns = (_interpolation(share[:, axis], corner[:, axis]) for axis in (0, 1))
    return rows @ pictures @ columns.transpose(0, 2, 1)


def _interpolation(share: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """(P, 32, 32): linear interpolation at the pixels of windows; the picture's edge is continued outwards."""
    places = corner[:, None] * SIDE + (np.arange(SIDE, dtype=np.float32) + 0.5) * share[:, None] - 0.5
    weights = 1 - np.abs(places.clip(0, SIDE - 1)[:, :, None] - np.arange(SIDE, dtype=np.float32))
    return weights.clip(min=0)


def _improved(
    seen: np.ndarray, wanted: np.ndarray, share: np.ndarray, corner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One Gauss-Newton step of share and corner towards the least squared difference."""
    count, along = len(seen), (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    down, across = np.gradient(seen, axis=1) * SIDE, np.gradient(seen, axis=2) * SIDE  # for a move of a whole side
    slopes = [down, across, down * along[:, None], across * along, seen, np.ones_like(seen)]
    design = np.stack([slope.reshape(count, -1) for slope in slopes], axis=2)
    # A window's own scale turns a move in the picture into one of the pixels seen.
    scale = np.concatenate([1 / share, 1 / share, np.ones((count, 2), np.float32)], axis=1)
    design *= scale[:, None]
    normal = design.transpose(0, 2, 1) @ design
    normal += np.eye(6, dtype=np.float32) * (1e-4 * np.trace(normal, axis1=1, axis2=2)[:, None, None] / 6)
    target = design.transpose(0, 2, 1) @ wanted.reshape(count, -1, 1)
    found = np.linalg.solve(normal.astype(np.float64), target.astype(np.float64))[..., 0]
    # The model is gain * (seen + slopes . move) + offset: the moves come out multiplied by the gain.
    moves = found[:, :4] / np.where(np.abs(found[:, 4:5]) > 0.1, found[:, 4:5], np.inf)
    moves = moves.clip(-0.05, 0.05).astype(np.float32)
    share = (share + moves[:, 2:]).clip(LEAST_SHARE, 1)
    return share, np.clip(corner + moves[:, :2], 0, 1 - share)


def _smooth(pictures: np.ndarray) -> np.ndarray:
    """Averages of three pixels by 1, 2, 1 along both sides: what recompression and another filter change is finer."""
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


def _outline_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    gradients = [
        np.concatenate([np.diff(each[:, :, :-1], axis=1), np.diff(each[:, :-1], axis=2)]) for each in (one, other)
    ]
    paired = [np.concatenate(np.split(each, 2), axis=1) for each in gradients]
    return _correlation(*paired)
