"""Hulls of faces, and masks with a soft edge."""

from __future__ import annotations

import numpy as np
import pytest

from imagewright.faces.masks import face_outline, face_size, hull_mask, soften_mask

ANGLES = np.linspace(0, 2 * np.pi, 36, endpoint=False)


def oval_of(centre: tuple[float, float], radius: float) -> np.ndarray:
    return np.stack([centre[0] + radius * np.cos(ANGLES), centre[1] + radius * np.sin(ANGLES)], 1)


def points_in(centre: tuple[float, float], radius: float) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.array(centre) + random.uniform(-radius / 2, radius / 2, (68, 2))


def disk(size: int, radius: float, at: float | None = None) -> np.ndarray:
    steps = np.arange(size) + 0.5
    middle = size / 2 if at is None else at
    distance = np.hypot(steps[:, None] - middle, steps - middle)
    return np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize(("radius", "within"), [(1.5, 0.02), (6, 0.002), (40, 0.0005), (300, 0.0005)])
def test_a_hull_has_the_area_and_the_centre_of_its_polygon(radius: float, within: float) -> None:
    size = int(2.4 * radius) + 6
    centre = (size / 2 + 0.3, size / 2 - 0.2)
    mask = hull_mask(points_in(centre, radius), oval_of(centre, radius), size, size)
    assert mask.sum(dtype=float) == pytest.approx(18 * np.sin(2 * np.pi / 36) * radius**2, rel=within)
    places = np.indices(mask.shape) + 0.5
    found = [(axis * mask).sum(dtype=float) / mask.sum(dtype=float) for axis in places]
    np.testing.assert_allclose(found, centre[::-1], atol=0.02)


def test_a_hull_that_is_partly_outside_is_the_part_inside() -> None:
    points, oval = points_in((30, 30), 20), oval_of((30, 30), 20)
    whole = hull_mask(points, oval, 60, 60)
    shift = np.array([25, 18])
    np.testing.assert_allclose(hull_mask(points - shift, oval - shift, 30, 20), whole[18:48, 25:45], atol=2 / 255)
    assert not hull_mask(points + 200, oval + 200, 60, 60).any()
    assert hull_mask(points - 1e5, None, 60, 60).shape == (60, 60)


def test_a_profile_keeps_the_nose_that_reaches_out_of_the_oval() -> None:
    points, oval = points_in((30, 30), 15), oval_of((30, 30), 15)
    points[30] = (58, 32)
    assert hull_mask(points, oval, 60, 60)[31, 55] == 1


def test_without_an_oval_a_part_of_the_forehead_is_taken() -> None:
    points = points_in((50, 60), 20)
    points[17:27] = np.stack([np.linspace(30, 70, 10), np.full(10, 40.0)], 1)
    points[36:48, 1] = 50
    assert face_outline(points)[:, 1].min() == pytest.approx(35)  # half of the 10 pixels from eyes to brows
    line = np.stack([np.arange(68.0), np.arange(68.0)], 1)
    assert not hull_mask(line, None, 80, 80).any()


def test_an_edge_fades_out_inside_the_mask_and_where_it_is_asked_to() -> None:
    mask = disk(200, 60)
    size = face_size(mask)
    assert size == pytest.approx(60 * np.sqrt(np.pi), rel=0.01)
    soft = soften_mask(mask, erode=0.05, blur=0.1)
    assert (soft <= mask).all()
    middle = soft[100, 100:]
    ends = [60 - 0.15 * size, 60 - 0.10 * size, 60 - 0.05 * size]  # from where it falls, to where it is 0
    found = [np.interp(-level, -middle, np.arange(100) + 0.5) for level in (0.99, 0.5, 0.01)]
    np.testing.assert_allclose(found, ends, atol=1.3)
    assert (np.diff(middle) <= 1e-6).all()
    assert soften_mask(mask, erode=-0.05, blur=0.05).sum() > mask.sum()


def test_an_edge_that_moves_by_a_part_of_a_pixel_moves_the_soft_mask_as_much() -> None:
    areas = [soften_mask(disk(120, radius)).sum(dtype=float) for radius in np.linspace(40, 41, 9)]
    steps = np.diff(areas)
    assert steps.min() > 0.7 * steps.mean()  # of a mask of whole pixels most steps are 0
    assert steps.max() < 1.3 * steps.mean()


@pytest.mark.parametrize("size", [16, 64, 97, 256])
def test_the_border_of_a_crop_is_never_inside(size: int) -> None:
    for mask in (np.ones((size, size), np.float32), disk(size, size * 0.6), disk(size, size * 0.45, at=0.0)):
        soft = soften_mask(mask, erode=0, blur=0)
        assert not np.concatenate([soft[0], soft[-1], soft[:, 0], soft[:, -1]]).any()
        assert soft[size // 4, size // 4] > 0.5
        assert np.abs(np.diff(soft[:, size // 4])[: size // 4]).max() < 0.8  # no square edge
    assert soften_mask(np.ones((size, size), np.float32), erode=-0.2).max() <= 1


def test_a_hole_stays_a_hole_and_an_empty_mask_empty() -> None:
    mask = disk(128, 50)
    mask[60:66, 30:90] = 0.1
    soft = soften_mask(mask)
    assert soft[60:66, 30:90].max() <= 0.1
    assert soft[45, 64] == 1
    assert not soften_mask(np.zeros((64, 64), np.float32)).any()
    assert soft.dtype == np.float32
    assert soft[soft > 0].min() >= 1 / 255
