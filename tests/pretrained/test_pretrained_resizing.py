"""Resizing: Pillow's filters to the bit, and the two filters of published scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from imagewright.errors import ConfigError, DataError
from imagewright.pretrained.resizing import ANTIALIASED, resize_images

SIZES = [((20, 30), (64, 64)), ((50, 41), (17, 29)), ((32, 32), (32, 32))]


def pictures(count: int, channels: int, size: tuple[int, int], seed: int = 0) -> torch.Tensor:
    values = np.random.default_rng(seed).integers(0, 256, (count, channels, *size), np.uint8)
    return torch.from_numpy(values)


@pytest.mark.parametrize("name", ANTIALIASED)
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_four_filters_are_pillows_to_the_bit(name, before, after) -> None:
    images = pictures(3, 3, before)
    found = resize_images(images, after, name)
    assert found.dtype == torch.uint8
    for image, result in zip(images, found, strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        expected = picture.resize(after[::-1], getattr(Image.Resampling, name.upper()))
        assert np.array_equal(result.permute(1, 2, 0).numpy(), np.asarray(expected))


def tensorflow_bilinear(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The definition, pixel by pixel, in double precision: interpolated at (y * H / h, x * W / w), edges repeated."""
    (height, width), (rows, columns) = image.shape, size
    result = np.empty(size)
    for row in range(rows):
        for column in range(columns):
            y, x = row * height / rows, column * width / columns
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            above = image[top, left] * (1 - (x - left)) + image[top, right] * (x - left)
            below = image[bottom, left] * (1 - (x - left)) + image[bottom, right] * (x - left)
            result[row, column] = above * (1 - (y - top)) + below * (y - top)
    return result


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_tensorflows_bilinear_is_as_defined(before, after) -> None:
    images = pictures(2, 1, before)
    found = resize_images(images, after, "tf-bilinear")
    for image, result in zip(images, found, strict=True):
        # The scale is rounded to float32, as in TensorFlow: at 64 pixels this shifts positions by about 1e-6 pixels.
        np.testing.assert_allclose(result[0].numpy(), tensorflow_bilinear(image[0].numpy(), after), atol=3e-3)


def test_tensorflows_bilinear_of_doubled_pictures_by_hand() -> None:
    images = torch.tensor([[[[0, 100], [200, 40]]]], dtype=torch.uint8)
    expected = [[0, 50, 100, 100], [100, 85, 70, 70], [200, 120, 40, 40], [200, 120, 40, 40]]
    assert resize_images(images, (4, 4), "tf-bilinear")[0, 0].tolist() == expected


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_clean_bicubic_is_pillows_on_floats_clamped_to_the_range(before, after) -> None:
    images = pictures(2, 3, before)
    found = resize_images(images, after, "clean-bicubic")
    for image, result in zip(images, found, strict=True):
        for plane, channel in zip(image.numpy(), result.numpy(), strict=True):
            expected = Image.fromarray(plane.astype(np.float32)).resize(after[::-1], Image.Resampling.BICUBIC)
            assert np.array_equal(channel, np.asarray(expected).clip(0, 255))
    if after[0] > before[0]:  # bicubic overshoots at edges, which is clamped
        assert (found != found.round()).any()
        assert found.min() == 0
        assert found.max() == 255


@pytest.mark.parametrize("name", ["lanczos", "clean-bicubic", "tf-bilinear"])
def test_a_row_does_not_depend_on_the_batch(name) -> None:
    images = pictures(5, 3, (23, 31))
    whole = resize_images(images, (40, 40), name)
    for place in range(5):
        assert torch.equal(resize_images(images[place : place + 1], (40, 40), name)[0], whole[place])


def test_grey_is_repeated_and_transparency_composited_on_white() -> None:
    grey = pictures(2, 1, (9, 9))
    found = resize_images(grey, (12, 12), "bicubic", channels=3)
    assert torch.equal(found, resize_images(grey, (12, 12), "bicubic").expand(-1, 3, -1, -1))
    clear = torch.cat([torch.full((1, 3, 8, 8), 10, dtype=torch.uint8), torch.zeros(1, 1, 8, 8, dtype=torch.uint8)], 1)
    assert (resize_images(clear, (8, 8), "none", channels=3) == 255).all()
    clear[:, 3] = 255
    assert (resize_images(clear, (8, 8), "none", channels=3) == 10).all()
    half = torch.tensor([0, 100, 200, 128], dtype=torch.uint8).reshape(1, 4, 1, 1)
    blended = resize_images(half, (1, 1), "none", channels=3).flatten().tolist()
    assert blended == [round((value * 128 + 255 * 127) / 255) for value in (0, 100, 200)]


def test_colour_becomes_luma() -> None:
    images = pictures(2, 3, (8, 8))
    for image, result in zip(images, resize_images(images, (8, 8), "none", channels=1), strict=True):
        assert np.array_equal(
            result[0].numpy(), np.asarray(Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L"))
        )


def test_what_cannot_be_resized() -> None:
    with pytest.raises(ConfigError, match=r"no filter 'lanzcos'.*Did you mean 'lanczos'"):
        resize_images(pictures(1, 3, (8, 8)), (4, 4), "lanzcos")
    with pytest.raises(DataError, match="of 2 channels"):
        resize_images(pictures(1, 2, (8, 8)), (4, 4), "box", channels=3)
