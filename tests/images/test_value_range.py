"""Value ranges: fewer bits than the file has are noticed, and any range can be asked for, in grey and in colour."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagewright.errors import ConfigError
from imagewright.images import check, open_images
from imagewright.images.descriptions import opening_options
from imagewright.images.opening import opening_choices
from imagewright.images.single import read_pictures


def png_of(values: np.ndarray) -> bytes:
    """A PNG of 16 bits: uint16 (H, W, C), C 3 or 4, which Pillow cannot write."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = [
        (b"IHDR", struct.pack(">2I5B", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    framed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


@pytest.fixture
def grey_12_bits(tmp_path):
    """Two pictures of 12 bits in files of 16, and their numbers."""
    numbers = np.random.default_rng(0).integers(0, 4096, (2, 10, 12)).astype(np.uint16)
    numbers[0, 0, :2] = 0, 4095
    for place, each in enumerate(numbers):
        Image.fromarray(each).save(tmp_path / f"{place}.png")
    return tmp_path, numbers


def pixels(images) -> np.ndarray:
    return images.batch(np.arange(len(images))).images.numpy()


def test_twelve_bits_in_sixteen_are_noted_and_can_be_scaled(grey_12_bits) -> None:
    folder, numbers = grey_12_bits
    dark = open_images(folder)
    assert pixels(dark).max() <= 16
    assert any("4,095 only (12 bits)" in note and "--value-range 0:4095" in note for note in dark.notes)
    assert any("(12 bits)" in note for note in check(folder).notes)
    for wanted in ("0:4095", (0, 4095)):
        images = open_images(folder, value_range=wanted)
        np.testing.assert_array_equal(pixels(images)[:, 0], np.rint(numbers / 4095 * 255))
        assert images.value_range == (0, 4095)
        assert not images.notes


def test_the_full_range_is_the_range_of_sixteen_bits(grey_12_bits) -> None:
    folder, _ = grey_12_bits
    np.testing.assert_array_equal(pixels(open_images(folder)), pixels(open_images(folder, value_range=(0, 65_535))))


def test_auto_takes_the_numbers_that_occur_and_says_them(grey_12_bits) -> None:
    folder, _ = grey_12_bits
    images = open_images(folder, value_range="auto")
    low, high = images.value_range
    assert low <= 40
    assert high >= 4055
    assert any("by 2 pictures looked at" in note for note in images.notes)
    assert pixels(images).max() == 255


def write_steps(folder: Path, highest: dict[str, int]) -> None:
    """Forty pictures of 16 bits in each sub-folder, with numbers from 0 to its highest."""
    for name, high in highest.items():
        (folder / name).mkdir()
        numbers = np.linspace(0, high, 144).astype(np.uint16).reshape(12, 12)
        for place in range(40):
            Image.fromarray(numbers).save(folder / name / f"{place:02}.png")


@pytest.mark.parametrize("options", [{}, {"size": 16}, {"size": 16, "channels": 1}])
def test_auto_looks_at_the_whole_set_whatever_the_size(tmp_path, options) -> None:
    write_steps(tmp_path, {"a": 1000, "b": 4000})
    images = open_images(tmp_path, value_range="auto", **options)
    assert images.value_range == (0, 4000)
    assert any("by 32 pictures looked at" in note for note in images.notes)


def test_few_deep_pictures_among_many_of_eight_bits_are_found_whatever_the_size(tmp_path, picture) -> None:
    for place in range(200):
        picture(place, (12, 12), "L").save(tmp_path / f"{place:03}.png")
    Image.fromarray(np.linspace(0, 4000, 144).astype(np.uint16).reshape(12, 12)).save(tmp_path / "101.png")
    for options in ({}, {"size": 12, "channels": 1}):
        assert open_images(tmp_path, value_range="auto", **options).value_range == (0, 4000)


def test_a_range_holds_for_pictures_in_memory_of_a_given_size(grey_12_bits) -> None:
    folder, numbers = grey_12_bits
    opened = [Image.open(folder / f"{place}.png") for place in range(2)]
    images = open_images(opened, size=(10, 12), channels=1, value_range="0:4095")
    np.testing.assert_array_equal(pixels(images)[:, 0], np.rint(numbers / 4095 * 255))


def test_one_hot_pixel_does_not_darken_a_set(tmp_path) -> None:
    numbers = np.full((200, 200), 1000, np.uint16)
    numbers[::2] = 3000
    numbers[0, 0] = 65_535
    Image.fromarray(numbers).save(tmp_path / "hot.png")
    assert open_images(tmp_path, value_range="auto").value_range == (1000, 3000)


def test_eight_bits_in_thirty_two(tmp_path) -> None:
    numbers = np.arange(256, dtype=np.int32).reshape(16, 16)
    Image.fromarray(numbers).save(tmp_path / "a.tif")
    dark = open_images(tmp_path)
    assert any("255 only (8 bits)" in note for note in dark.notes)
    np.testing.assert_array_equal(pixels(open_images(tmp_path, value_range="0:255"))[0, 0], numbers)


def test_floats_and_negative_numbers_have_a_place_with_a_range(tmp_path) -> None:
    numbers = np.linspace(-1, 1, 99, dtype=np.float32).reshape(9, 11)
    numbers[0, 0] = np.nan  # has no place, and becomes black
    Image.fromarray(numbers).save(tmp_path / "a.tif")
    Image.new("L", (11, 9), 7).save(tmp_path / "b.png")
    refused = open_images(tmp_path).prepare().skipped
    assert [name for name, _ in refused] == ["a.tif"]
    assert "--value-range LOW:HIGH" in refused[0][1]
    found = pixels(open_images(tmp_path, value_range="-1:1"))
    expected = np.rint((np.nan_to_num(numbers.astype(np.float64), nan=-1) + 1) * 127.5)
    np.testing.assert_array_equal(found[0, 0], expected)
    assert (found[1] == 7).all()  # 8 bits stay as they are


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_sixteen_bits_are_read_whole(tmp_path, channels) -> None:
    numbers = np.random.default_rng(1).integers(0, 4096, (6, 7, channels)).astype(np.uint16)
    numbers[..., 3:] = 65_535
    (tmp_path / "a.png").write_bytes(png_of(numbers))
    assert any("bits)" in note for note in open_images(tmp_path).notes)
    images = open_images(tmp_path, value_range="0:4095", channels=3)
    np.testing.assert_array_equal(pixels(images)[0].transpose(1, 2, 0), np.rint(numbers[..., :3] / 4095 * 255))


def test_the_range_is_part_of_the_fingerprint_and_of_the_record(grey_12_bits) -> None:
    folder, _ = grey_12_bits
    images = open_images(folder, value_range="auto")
    assert images.fingerprint != open_images(folder).fingerprint
    again = open_images(folder, **opening_options(images.describe()))
    assert again.fingerprint == images.fingerprint
    assert images.with_size(8).value_range == images.value_range


def test_a_range_for_a_block_holds_for_every_opening_in_it(grey_12_bits) -> None:
    folder, numbers = grey_12_bits
    with opening_choices(value_range="0:4095"):
        assert open_images(folder).value_range == (0, 4095)
        assert open_images(folder, value_range="full").value_range is None
        shown, _ = read_pictures([folder / "0.png"], (10, 12), 1)
    np.testing.assert_array_equal(shown[0, 0].numpy(), np.rint(numbers[0] / 4095 * 255))
    assert open_images(folder).value_range is None


def test_ranges_of_many_digits_have_their_own_fingerprints(tmp_path) -> None:
    Image.fromarray(np.full((4, 4), 100_005, np.int32)).save(tmp_path / "a.tif")
    ranges = ((100_000.5, 100_010.4), (100_000, 100_010), (100_000.5, 100_010.5))
    assert len({open_images(tmp_path, value_range=each).fingerprint for each in ranges}) == 3
    for each in ranges:
        assert pixels(open_images(tmp_path, value_range=each))[0, 0, 0, 0] == round(
            255 * (100_005 - each[0]) / (each[1] - each[0])
        )


def test_black_pictures_are_given_no_range_that_cannot_be_used(tmp_path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "a.png")
    assert open_images(tmp_path).notes == []


@pytest.mark.parametrize("wrong", ["5", "5:1", "a:b", "1:2:3", (3,), (0, float("nan")), "0:1e99", 7])
def test_ranges_that_cannot_be_used_are_refused(folder, wrong) -> None:
    with pytest.raises(ConfigError, match="expected LOW:HIGH"):
        open_images(folder, value_range=wrong)


def test_auto_says_that_it_changes_nothing_for_eight_bits(folder) -> None:
    images = open_images(folder, value_range="auto")
    assert images.value_range is None
    assert any("changes nothing" in note for note in images.notes)
    assert images.fingerprint == open_images(folder).fingerprint


def test_a_range_that_no_number_is_in_is_noted(grey_12_bits) -> None:
    assert any(
        "outside the value range" in note for note in open_images(grey_12_bits[0], value_range="9000:9999").notes
    )


def test_sixteen_bits_that_are_used_are_not_noted(tmp_path) -> None:
    Image.fromarray(np.arange(65_536, dtype=np.uint16).reshape(256, 256)).save(tmp_path / "a.png")
    assert open_images(tmp_path).notes == []


def test_a_range_reaches_the_layers_of_pairs(grey_12_bits, tmp_path) -> None:
    folder, numbers = grey_12_bits
    pairs = open_images({"input": folder, "target": folder}, value_range="0:4095")
    batch = pairs.batch(np.arange(2))
    np.testing.assert_array_equal(batch.layers["input"][:, 0].numpy(), np.rint(numbers / 4095 * 255))


def test_zip_members_too(grey_12_bits, tmp_path_factory) -> None:
    import zipfile

    folder, numbers = grey_12_bits
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for each in sorted(folder.iterdir()):
            archive.writestr(each.name, each.read_bytes())
    np.testing.assert_array_equal(pixels(open_images(path, value_range="0:4095"))[:, 0], np.rint(numbers / 4095 * 255))
