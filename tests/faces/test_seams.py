"""Steps in colour and sharpness across the edge of a mask."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.color import lab2rgb

from imagewright.faces.masks import face_size
from imagewright.faces.seams import colour_step, edge_rings, ring_width, sharpness_step


def disk(size: int, radius: float) -> np.ndarray:
    down, across = np.indices((size, size)) - size / 2 + 0.5
    return np.clip((radius - np.hypot(down, across)) / 4 + 0.5, 0, 1).astype(np.float32)


MASK = disk(200, 60)


def two_colours(
    inside: tuple[float, float, float], outside: tuple[float, float, float], mask: np.ndarray
) -> np.ndarray:
    made: np.ndarray = lab2rgb(np.array(outside) + mask[..., None] * (np.array(inside) - outside)).astype(np.float32)
    return made


def test_a_step_of_colour_is_its_distance_in_lab() -> None:
    picture = two_colours((60, 15, 12), (63, 11, 12), MASK)
    assert colour_step(picture, MASK) == pytest.approx(5, abs=0.05)
    assert colour_step(np.rint(picture * 255).astype(np.uint8), MASK) == pytest.approx(5, abs=0.4)
    assert colour_step(np.full((200, 200, 3), 0.5, np.float32), MASK) == pytest.approx(0, abs=1e-3)


def test_opposite_steps_at_both_sides_of_a_face_do_not_cancel() -> None:
    left = np.arange(200) < 100
    picture = np.where(
        left[:, None], two_colours((60, 0, 0), (66, 0, 0), MASK), two_colours((66, 0, 0), (60, 0, 0), MASK)
    )
    assert colour_step(picture, MASK) == pytest.approx(6, abs=1.5)


def test_a_step_in_the_middle_of_the_face_does_not_count() -> None:
    picture = two_colours((60, 0, 0), (60, 0, 0), MASK)
    spoiled = np.where(disk(200, 25)[..., None] > 0.5, np.float32(1), picture)
    assert colour_step(spoiled, MASK) == pytest.approx(colour_step(picture, MASK), abs=1e-3)
    assert sharpness_step(spoiled, MASK) == pytest.approx(sharpness_step(picture, MASK), abs=1e-3)


def test_a_step_of_sharpness_is_the_ratio_of_amplitudes() -> None:
    noise = np.float32(0.5) + np.random.default_rng(0).normal(0, 0.05, (200, 200, 1)).astype(np.float32).repeat(3, 2)
    halved = np.where(MASK[..., None] > 0.5, 0.25 + noise / 2, noise)
    assert sharpness_step(noise, MASK) == pytest.approx(0, abs=0.06)
    assert sharpness_step(halved, MASK) == pytest.approx(-1, abs=0.1)
    soft = np.where(MASK[..., None] > 0.5, gaussian_filter(noise, (2, 2, 0)), noise)
    assert sharpness_step(soft, MASK) < -1.5
    assert sharpness_step(np.full((200, 200, 3), 0.5, np.float32), MASK) == 0


def test_rings_lie_on_both_sides_of_the_edge_and_have_its_width() -> None:
    inside, outside = edge_rings(MASK)
    width = ring_width(MASK)
    assert width == pytest.approx(0.06 * face_size(MASK))
    assert MASK[inside].min() >= 0.9
    assert MASK[outside].max() <= 0.1
    distance = np.hypot(*(np.indices((200, 200)) - 99.5))
    assert np.ptp(distance[inside]) == pytest.approx(width, abs=1.5)
    assert np.ptp(distance[outside]) == pytest.approx(width, abs=1.5)


def test_the_size_of_the_frame_around_does_not_matter() -> None:
    random = gaussian_filter(np.random.default_rng(0).random((200, 200, 3), np.float32), (1, 1, 0))
    pads = ((150, 90), (40, 300))
    large, mask = np.pad(random, (*pads, (0, 0))), np.pad(MASK, pads)
    assert colour_step(large, mask) == pytest.approx(colour_step(random, MASK), rel=0.02)
    assert sharpness_step(large, mask) == pytest.approx(sharpness_step(random, MASK), abs=0.02)


@pytest.mark.parametrize("mask", [MASK * 0, np.ones_like(MASK), MASK * np.float32(0.3)])
def test_without_an_edge_there_is_no_step(mask: np.ndarray) -> None:
    picture = np.random.default_rng(0).random((200, 200, 3), np.float32)
    assert np.isnan(colour_step(picture, mask))
    assert np.isnan(sharpness_step(picture, mask))
