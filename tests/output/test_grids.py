"""Grids of images: pixels are exact and in order; labels fit or are refused."""

from __future__ import annotations

import numpy as np
import pytest

from imagewright.errors import UserError
from imagewright.output.grids import GAP, draw_grid, plain_grid, to_picture


def noise(count: int, channels: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, channels, height, width), np.uint8)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_a_plain_grid_holds_each_picture_enlarged_without_blur(channels: int, mode: str) -> None:
    images = noise(6, channels, 5, 8)
    sheet = plain_grid(images, columns=3, scale=4)
    assert sheet.mode == mode
    pixels = np.asarray(sheet).reshape(sheet.height, sheet.width, channels)
    assert pixels.shape[:2] == (GAP + 2 * (20 + GAP), GAP + 3 * (32 + GAP))
    for index in range(6):
        row, column = divmod(index, 3)
        top, left = GAP + row * (20 + GAP), GAP + column * (32 + GAP)
        cell = pixels[top : top + 20, left : left + 32]
        assert np.array_equal(cell.reshape(5, 4, 8, 4, channels)[:, 1, :, 2], images[index].transpose(1, 2, 0))
        assert np.array_equal(cell, images[index].transpose(1, 2, 0).repeat(4, 0).repeat(4, 1))


@pytest.mark.parametrize(
    ("count", "size", "columns"),
    [
        (36, (20, 16), 6),
        (16, (8, 8), 4),
        (10, (8, 8), 5),
        (7, (8, 8), 4),
        (3, (8, 8), 3),
        (17, (8, 8), 6),
        (1, (9, 4), 1),
    ],
)
def test_the_last_row_is_full_or_nearly_so(count: int, size: tuple[int, int], columns: int) -> None:
    sheet = plain_grid(noise(count, 1, *size), scale=1)
    assert sheet.width == GAP + columns * (size[1] + GAP)


def test_tensors_and_arrays_give_the_same_sheet() -> None:
    torch = pytest.importorskip("torch")
    images = noise(4, 3, 6, 6)
    assert draw_grid(images).tobytes() == draw_grid(torch.from_numpy(images)).tobytes()


def test_small_images_are_enlarged_and_large_ones_are_not() -> None:
    assert 96 <= draw_grid(noise(1, 1, 8, 8)).width <= 140
    assert 96 <= draw_grid(noise(1, 1, 28, 28)).width <= 140
    assert draw_grid(noise(1, 3, 300, 200)).height < 330


def test_a_grid_of_wide_images_is_about_square() -> None:
    sheet = plain_grid(noise(64, 1, 8, 32))
    assert 0.6 < sheet.width / sheet.height < 1.7


def test_labels_set_the_columns_and_are_drawn() -> None:
    white = np.full((6, 1, 20, 20), 250, np.uint8)
    bare = draw_grid(white, columns=3)
    labelled = draw_grid(
        white, column_labels=["a", "b", "c"], row_labels=["input", "output"], captions=["x"] * 6, title="title"
    )
    assert labelled.width > bare.width
    assert labelled.height > bare.height
    assert np.asarray(bare).min() > 200 > np.asarray(labelled).min()


def test_a_long_caption_does_not_widen_the_sheet() -> None:
    images = noise(2, 1, 28, 28)
    assert draw_grid(images, captions=["w" * 300, "b"]).size == draw_grid(images, captions=["a", "b"]).size


def test_transparent_pixels_show_the_checkerboard_and_opaque_ones_their_colour() -> None:
    images = np.zeros((2, 4, 16, 16), np.uint8)
    images[1, 0], images[1, 3] = 200, 255
    sheet = np.asarray(draw_grid(images, columns=2, scale=1))
    clear, red = sheet[-26:-10, 10:26], sheet[-26:-10, 28:44]
    assert {tuple(pixel) for pixel in clear.reshape(-1, 3)} == {(225, 225, 225), (255, 255, 255)}
    assert np.all(red == (200, 0, 0))


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros((0, 3, 8, 8), np.uint8), {}, "no picture"),
        (np.zeros((2, 2, 8, 8), np.uint8), {}, "C 1, 3 or 4"),
        (np.zeros((2, 3, 8, 8), np.float32), {}, "uint8"),
        (np.zeros((2, 3, 8, 8), np.uint8), {"columns": 0}, "one column"),
        (np.zeros((2, 3, 8, 8), np.uint8), {"scale": 0}, "scale"),
        (np.zeros((2, 3, 8, 8), np.uint8), {"captions": ["one"]}, "2 captions"),
    ],
)
def test_images_that_cannot_be_drawn_are_refused(images: np.ndarray, options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        draw_grid(images, **options)


def test_one_image_has_the_same_pixels_as_a_picture() -> None:
    image = noise(1, 3, 4, 7)[0]
    assert np.array_equal(np.asarray(to_picture(image)), image.transpose(1, 2, 0))
    assert to_picture(image[0]).mode == "L"


def test_captions_of_several_lines_have_room() -> None:
    images = noise(2, 1, 20, 20)
    one, two = (draw_grid(images, captions=captions) for captions in (["a", "b"], ["a", "b\n0.5"]))
    none = draw_grid(images)
    line = one.height - none.height
    assert two.height - one.height == line > 10
    rows = np.asarray(two)[-8 - line :, two.width // 2 :]
    assert (rows < 100).any()  # the second line is written below the first
