"""Points over time: shake is taken away, motion is not."""

from __future__ import annotations

import numpy as np

from imagewright.faces.smoothing import estimate_shake, shake, smooth_points


def noisy(motion: np.ndarray, spread: float = 0.3, seed: int = 0) -> np.ndarray:
    """(T, 5, 2): five points that move alike, each with noise of its own."""
    random = np.random.default_rng(seed)
    moved = motion[:, None, None] * np.array([1.0, 0.5]) + np.arange(10).reshape(1, 5, 2)
    return moved + random.normal(0, spread, moved.shape)


def test_at_rest_the_shake_is_less_than_half() -> None:
    points = noisy(np.zeros(200))
    assert abs(np.sqrt(np.square(shake(points)).mean()) - 0.3) < 0.02
    assert abs(float(np.median(estimate_shake(points))) - 0.3) < 0.06
    smoothed = smooth_points(points)
    assert shake(smoothed).mean() < 0.3 * shake(points).mean()
    assert np.abs(smoothed - noisy(np.zeros(200), 0)).std() < 0.5 * 0.3


def test_a_fast_turn_is_followed_without_lag() -> None:
    frames = np.arange(120)
    motion = 30 / (1 + np.exp(-(frames - 60) / 1.5))  # 30 pixels within some six frames
    truth, points = noisy(motion, 0), noisy(motion)
    smoothed = smooth_points(points)
    errors = np.abs(smoothed - truth).max((1, 2))
    assert errors[52:68].max() < 4 * 0.3
    assert np.abs(smoothed[:40] - truth[:40]).std() < 0.6 * np.abs(points[:40] - truth[:40]).std()


def test_short_tracks_stay_as_they_are_and_still_points_do_not_move() -> None:
    for frames in (1, 2):
        points = noisy(np.zeros(frames))
        np.testing.assert_array_equal(smooth_points(points), points)
    still = np.ones((30, 3, 2)) * 7
    np.testing.assert_allclose(smooth_points(still), still)
