"""The common colours of pictures, and pictures in the colours of a palette."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from imagewright.images.palettes import common_colours, nearest_colours

PAINTED = np.array([[0, 0, 170], [255, 85, 0], [85, 255, 170]], np.uint8)


def painted_map(seed: int = 0) -> np.ndarray:
    """A map of blocks, most of the first colour: uint8 (256, 256), places in the palette."""
    blocks = np.random.default_rng(seed).choice(3, (8, 8), p=[0.6, 0.3, 0.1]).astype(np.uint8)
    return blocks.repeat(32, 0).repeat(32, 1)


def test_the_painted_colours_of_jpegs_are_found_the_commonest_first() -> None:
    pictures = []
    for seed in range(4):
        written = io.BytesIO()
        Image.fromarray(PAINTED[painted_map(seed)]).save(written, "JPEG", quality=90)
        pictures.append(np.asarray(Image.open(written)))
    found = common_colours(pictures)
    assert len(found) == 3
    assert np.abs(found.astype(int) - PAINTED).max() <= 4


def test_pictures_of_one_colour_and_of_very_many() -> None:
    assert common_colours([np.full((4, 4, 1), 9, np.uint8)]).tolist() == [[9, 9, 9]]
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert 1 <= len(common_colours([noise], most=5)) <= 5


def test_each_pixel_is_of_the_nearest_colour() -> None:
    places = painted_map()
    shaded = PAINTED[places].astype(int) + np.random.default_rng(0).integers(-20, 21, (256, 256, 3))
    assert np.array_equal(nearest_colours(shaded.clip(0, 255).astype(np.uint8), PAINTED), places)
