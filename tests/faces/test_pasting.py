"""Crops go back into frames: what is replaced, what stays, and Poisson blending."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from imagewright.faces.crops import cut_square
from imagewright.faces.masks import soften_mask
from imagewright.faces.pasting import blend, paste, poisson_region, warp_back
from imagewright.faces.similarity import apply_affine


def smooth_frame(height: int, width: int, sigma: float = 3, seed: int = 0) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).random((height, width, 3)), (sigma, sigma, 0))
    return np.rint(255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


def turned_square(side: float, x: float, y: float, turn: float = 0.3) -> np.ndarray:
    across = side * np.array([np.cos(turn), np.sin(turn)])
    return np.stack([across, (-across[1], across[0]), (x, y)], 1)


def full_mask(size: int) -> np.ndarray:
    return soften_mask(np.ones((size, size), np.float32), erode=0, blur=0.05)


def places_of(frame: np.ndarray, square: np.ndarray) -> np.ndarray:
    """The place in the unit square of each pixel of the frame."""
    across, down = np.meshgrid(np.arange(frame.shape[1]) + 0.5, np.arange(frame.shape[0]) + 0.5)
    linear = np.linalg.inv(square[:, :2])
    return (np.stack([across, down], -1) - square[:, 2]) @ linear.T


@pytest.mark.parametrize(("side", "size"), [(60, 64), (60, 100), (60, 200), (60, 257), (200, 64), (64, 64)])
def test_each_pixel_of_the_crop_is_pasted_where_the_square_says(side: float, size: int) -> None:
    frame = np.zeros((240, 260, 3), np.uint8)
    square = turned_square(side, 100, 30)
    across, down = np.meshgrid((np.arange(size) + 0.5) / size, (np.arange(size) + 0.5) / size)
    region = warp_back(np.stack([across, down, across * 0], -1), full_mask(size), square, 240, 260)
    inside = region.mask > 0.5
    assert inside.sum() > 0.8 * side**2
    np.testing.assert_allclose(region.picture[inside][:, :2], region.of(places_of(frame, square))[inside], atol=1e-3)


def test_a_crop_that_is_cut_and_pasted_is_what_it_was() -> None:
    frame = smooth_frame(240, 260, sigma=2)
    square = turned_square(128, 100, 30)
    made = paste(frame, cut_square(frame, square, 128) / np.float32(255), full_mask(128), square)
    assert np.abs(made.astype(int) - frame).mean() < 0.5
    assert np.abs(made.astype(int) - frame).max() <= 12


def test_pixels_outside_the_mask_stay_to_the_bit_and_those_inside_become_the_crop() -> None:
    frame = smooth_frame(200, 220, sigma=1)
    square = turned_square(80, 90, 60)
    before = frame.copy()
    colour = np.full((64, 64, 3), (0.2, 0.4, 0.6), np.float32)
    made = paste(frame, colour, full_mask(64), square)
    places = places_of(frame, square)
    outside = ((places < 0) | (places > 1)).any(-1)
    np.testing.assert_array_equal(made[outside], frame[outside])
    inside = ((places > 0.15) & (places < 0.85)).all(-1)
    assert inside.sum() > 2000
    np.testing.assert_array_equal(made[inside], np.broadcast_to((51, 102, 153), made[inside].shape))
    np.testing.assert_array_equal(frame, before)
    region = warp_back(colour, full_mask(64), square, 200, 220)
    untouched = np.ones(frame.shape[:2], bool)
    region.of(untouched)[...] = region.mask == 0
    np.testing.assert_array_equal(made[untouched], frame[untouched])


def test_edges_are_mixed_by_the_mask() -> None:
    frame = np.full((50, 50, 3), 100, np.uint8)
    mask = np.zeros((40, 40), np.float32)
    mask[10:30, 10:30] = 0.25
    made = paste(frame, np.ones((40, 40, 3), np.float32), mask, np.array([[40, 0, 5], [0, 40, 5.0]]))
    np.testing.assert_array_equal(made[17:33, 17:33], 139)  # 100 + (255 - 100) / 4, rounded
    np.testing.assert_array_equal(made[:14], 100)


@pytest.mark.parametrize(
    ("side", "x", "y"),
    [(80, -40, -30), (80, 180, 150), (900, -300, -350), (3, 20.3, 20.7), (0.4, 20, 20), (80, 500, 9)],
)
def test_faces_of_any_size_and_partly_outside_the_frame(side: float, x: float, y: float) -> None:
    frame = smooth_frame(180, 200)
    square = turned_square(side, x, y, 0.1)
    made = paste(frame, np.zeros((64, 64, 3), np.float32), full_mask(64), square)
    places = places_of(frame, square)
    outside = ((places < 0) | (places > 1)).any(-1)
    # A pixel of the frame that is larger than the face is mixed with it.
    near = outside & ((places > -1.5 / side) & (places < 1 + 1.5 / side)).all(-1)
    np.testing.assert_array_equal(made[outside & ~near], frame[outside & ~near])
    inside = ((places > 0.15) & (places < 0.85)).all(-1)
    if side > 3:
        assert not made[inside].any()
    assert made.shape == frame.shape
    assert made.dtype == np.uint8


def test_a_reduced_face_is_averaged_and_its_light_kept() -> None:
    frame = np.zeros((40, 40, 3), np.uint8)
    stripes = np.zeros((256, 256, 3), np.float32)
    stripes[:, ::2] = 1
    made = paste(frame, stripes, full_mask(256), np.array([[25.6, 0, 7], [0, 25.6, 7.0]]))
    np.testing.assert_allclose(made[15:25, 15:25], 127.5, atol=3)


def test_an_empty_mask_gives_the_frame() -> None:
    frame = smooth_frame(50, 60)
    region = warp_back(
        np.ones((32, 32, 3), np.float32), np.zeros((32, 32), np.float32), turned_square(30, 9, 9), 50, 60
    )
    assert region.is_empty
    np.testing.assert_array_equal(blend(frame, region), frame)
    np.testing.assert_array_equal(blend(frame, poisson_region(frame, region)), frame)
    np.testing.assert_array_equal(
        paste(frame, np.ones((32, 32, 3), np.float32), np.zeros((32, 32), np.float32), turned_square(30, 9, 9)), frame
    )


# Poisson blending


def sharp_mask(size: int) -> np.ndarray:
    mask = np.zeros((size, size), np.float32)
    down, across = np.indices((size, size)) - size // 2
    mask[np.hypot(down, across) < size * 0.37] = 1
    return mask


def test_poisson_keeps_the_gradient_of_the_face_and_the_frame_at_the_edge() -> None:
    frame = smooth_frame(120, 120, sigma=8) // 2 + 60
    crop = smooth_frame(96, 96, sigma=8, seed=1).astype(np.float32) / 1020 + np.float32(0.3)
    square = np.array([[96, 0, 12], [0, 96, 12.0]])
    region = warp_back(crop, sharp_mask(96), square, 120, 120)
    solved = poisson_region(frame, region)
    inside = region.mask > 0

    def laplacian(values: np.ndarray) -> np.ndarray:
        around = sum(np.roll(values, step, axis) for axis in (0, 1) for step in (-1, 1))
        return np.asarray(around - 4 * values)

    merged = np.where(inside[..., None], solved.picture, region.of(frame) / 255)
    wanted, found = laplacian(region.picture)[inside], laplacian(merged)[inside]
    deep = gaussian_filter(inside.astype(float), 1, truncate=1)[inside] > 0.999
    np.testing.assert_allclose(found[deep], wanted[deep], atol=2e-3)
    made = blend(frame, solved)
    untouched = np.ones(frame.shape[:2], bool)
    region.of(untouched)[...] = region.mask == 0
    np.testing.assert_array_equal(made[untouched], frame[untouched])
    # Colours have no step: what the face changes by is what the frame differs from it by, a pixel farther out.
    rows, columns = np.nonzero(inside[:, :-1] & ~inside[:, 1:])
    wanted = (region.of(frame) / 255 - region.picture)[rows, columns + 1]
    change = (solved.picture - region.picture)[rows, columns]
    assert np.abs(change - wanted).mean() < 0.2 * np.abs(wanted).mean()


@pytest.mark.parametrize("x", [30.0, -20.0])
def test_poisson_removes_any_constant_difference(x: float) -> None:
    frame = smooth_frame(150, 160, sigma=4) // 2 + 60
    square = np.array([[96, 0, x], [0, 96, 25.0]])
    crop = np.clip(cut_square(frame, square, 96) / np.float32(255) + np.float32([0.1, -0.1, 0.05]), 0, 1)
    region = warp_back(crop, sharp_mask(96), square, 150, 160)
    made = blend(frame, poisson_region(frame, region))
    assert np.abs(blend(frame, region).astype(int) - frame).max() > 20
    assert np.abs(made.astype(int) - frame).max() <= 2


def test_a_face_without_an_edge_in_the_frame_is_left_as_it_is() -> None:
    frame = smooth_frame(30, 30)
    region = warp_back(np.zeros((32, 32, 3), np.float32), full_mask(32), turned_square(500, -200, -200, 0), 30, 30)
    assert region.mask.all()
    assert not blend(frame, poisson_region(frame, region)).any()


def test_the_place_of_a_region_is_that_of_the_square() -> None:
    mask = np.zeros((50, 50), np.float32)
    mask[10:20, 30:40] = 1
    square = np.array([[100, 0, 20], [0, 100, 40.0]])
    region = warp_back(np.zeros((50, 50, 3), np.float32), mask, square, 200, 200)
    drawn = np.zeros((200, 200))
    region.of(drawn)[...] = region.mask
    centre = [(axis * drawn).sum() / drawn.sum() for axis in np.indices(drawn.shape) + 0.5]
    np.testing.assert_allclose(centre[::-1], apply_affine(square, np.array([0.7, 0.3])), atol=0.01)
