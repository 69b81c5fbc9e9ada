"""Decoding: the 8-bit pixels of every format and mode follow the documented rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagewright.errors import DataError
from imagewright.images import open_images


def only(folder: Path, **options) -> np.ndarray:
    """The pixels (C, H, W) of the one picture in a folder."""
    return open_images(folder, **options).batch(np.array([0])).images[0].numpy()


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp", "gif", "ppm", "jpg"])
def test_each_format_has_the_pixels_of_pillow(tmp_path, picture, pixels_of, ending) -> None:
    path = tmp_path / f"one.{ending}"
    picture().save(path, **({"lossless": True} if ending == "webp" else {}))
    with Image.open(path) as stored:
        expected = stored.convert("RGB")
    assert np.array_equal(only(tmp_path, channels=3), pixels_of(expected))
    assert expected.size == (12, 10)


def test_grey_pgm_stays_grey_and_is_repeated_for_three_channels(tmp_path, picture, pixels_of) -> None:
    grey = picture(mode="L")
    grey.save(tmp_path / "one.pgm")
    assert np.array_equal(only(tmp_path), pixels_of(grey))
    assert np.array_equal(only(tmp_path, channels=3), np.repeat(pixels_of(grey), 3, axis=0))


def test_sixteen_bit_grey_is_scaled_so_that_white_stays_white(tmp_path) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    expected = np.array([[0, 0, 1, 1, 128, 255]], np.uint8)  # (value + 128) // 257
    for ending in ("png", "tif"):
        folder = tmp_path / ending
        folder.mkdir()
        Image.fromarray(values).save(folder / f"one.{ending}")
        assert np.array_equal(only(folder)[0], expected), ending
    folder = tmp_path / "pgm"
    folder.mkdir()
    (folder / "one.pgm").write_bytes(b"P5 6 1 65535\n" + values.astype(">u2").tobytes())
    assert np.array_equal(only(folder)[0], expected)


def test_one_bit_pictures_are_black_and_white(tmp_path) -> None:
    Image.fromarray(np.array([[True, False], [False, True]])).save(tmp_path / "one.png")
    assert only(tmp_path).tolist() == [[[255, 0], [0, 255]]]


def test_transparent_pictures_are_laid_on_white_unless_four_channels_are_wanted(tmp_path) -> None:
    pixels = np.array([[[200, 100, 50, 255], [200, 100, 50, 0], [0, 0, 0, 51]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    assert only(tmp_path, channels=3)[:, 0].T.tolist() == [[200, 100, 50], [255, 255, 255], [204, 204, 204]]
    assert np.array_equal(only(tmp_path), pixels.transpose(2, 0, 1))  # its own channels: 4


def test_palette_with_a_transparent_colour_and_grey_with_alpha(tmp_path) -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putdata([0, 1])
    folder = tmp_path / "palette"
    folder.mkdir()
    palette.save(folder / "one.png", transparency=1)
    assert only(folder)[:, 0].T.tolist() == [[10, 20, 30], [255, 255, 255]]
    folder = tmp_path / "grey"
    folder.mkdir()
    Image.merge("LA", (Image.new("L", (1, 1), 0), Image.new("L", (1, 1), 51))).save(folder / "one.png")
    assert only(folder).tolist() == [[[204]]]


def test_cmyk_jpeg_is_converted_as_pillow_does(tmp_path, picture, pixels_of) -> None:
    picture(mode="CMYK").save(tmp_path / "one.jpg")
    with Image.open(tmp_path / "one.jpg") as stored:
        assert stored.mode == "CMYK"
        expected = stored.convert("RGB")
    assert np.array_equal(only(tmp_path), pixels_of(expected))


@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_exif_rotation_is_applied_also_to_the_size(tmp_path, picture, pixels_of, ending) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise
    picture().save(tmp_path / f"one.{ending}", exif=exif, **({"lossless": True} if ending == "webp" else {}))
    assert np.array_equal(only(tmp_path), pixels_of(picture().transpose(Image.Transpose.ROTATE_270)))


def test_the_first_frame_of_a_gif(tmp_path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "one.gif", save_all=True, append_images=frames[1:])
    assert only(tmp_path)[:, 0, 0].tolist() == [255, 0, 0]


def test_a_text_file_with_the_suffix_of_a_picture_is_skipped_with_a_reason(folder) -> None:
    (folder / "2.png").write_text("this is a shopping list\n")
    images = open_images(folder).prepare()
    assert len(images) == 5
    assert images.skipped == [("2.png", "it holds text, not a picture")]
    assert images.names() == ["0.png", "1.png", "3.png", "4.png", "5.png"]


def test_a_truncated_jpeg_is_unreadable_and_not_completed_with_grey(tmp_path, picture) -> None:
    for number in range(3):
        picture(number, (64, 64)).save(tmp_path / f"{number}.jpg", quality=95)
    whole = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(whole[: len(whole) // 2])
    images = open_images(tmp_path).prepare()
    assert [name for name, _ in images.skipped] == ["1.jpg"]
    assert "cut short" in images.skipped[0][1]
    with pytest.raises(DataError, match=r"1\.jpg cannot be read"):
        open_images(tmp_path, strict=True).prepare()
    with pytest.raises(DataError, match=r"1\.jpg cannot be read"):  # also if the cache exists already
        open_images(tmp_path, strict=True).prepare()


def test_nothing_readable_is_an_error_that_names_a_picture(tmp_path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_text("no picture\n")
    with pytest.raises(DataError, match=r"None of the 3 pictures.*0\.jpg: it holds text"):
        open_images(tmp_path)
    with pytest.raises(DataError, match="None of the 3 pictures"):
        open_images(tmp_path, size=8, channels=3).prepare()


def test_a_decompression_bomb_is_refused(folder) -> None:
    header = b"P5 40000 40000 255\n"
    (folder / "bomb.pgm").write_bytes(header + bytes(100))
    images = open_images(folder).prepare()
    assert len(images) == 6
    assert "pixels" in images.skipped[0][1]


def test_float_pixels_are_refused_with_advice(folder) -> None:
    Image.fromarray(np.zeros((10, 12), np.float32)).save(folder / "float.tif")
    images = open_images(folder).prepare()
    assert images.skipped[0][0] == "float.tif"
    assert "8 or 16 bits" in images.skipped[0][1]
