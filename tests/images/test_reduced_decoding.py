"""Decoding of large JPEGs at a reduced scale: nearly the same pixels, chosen by size, and named in every record."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from imagewright.errors import ConfigError
from imagewright.images import open_images
from imagewright.images.descriptions import opening_options


def photograph(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """A picture with the spectrum of photographs: noise of several scales."""
    generator = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for scale in (4, 16, 64, 256):
        small = generator.normal(0, scale**0.7, (max(2, size[1] // scale), max(2, size[0] // scale), 3))
        parts = [
            Image.fromarray(small[..., channel].astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
            for channel in range(3)
        ]
        total += np.stack([np.asarray(part) for part in parts], axis=2)
    return Image.fromarray((128 + total).clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    for seed in range(3):
        photograph((800, 600), seed).save(folder / f"{seed}.jpg", quality=90)
    return folder


def pixels(images) -> np.ndarray:
    return images.batch(np.arange(len(images))).images.numpy().astype(int)


def test_it_changes_pixels_by_a_fraction_of_a_grey_level(photographs) -> None:
    exact, reduced = (pixels(open_images(photographs, size=64, decode=how)) for how in ("exact", "reduced"))
    difference = np.abs(exact - reduced)
    assert 0 < difference.mean() < 0.3
    assert difference.max() <= 8


def test_it_is_chosen_for_pictures_of_four_times_the_size(photographs) -> None:
    assert open_images(photographs, size=64).decode == "reduced"
    assert open_images(photographs, size=150).decode == "reduced"
    assert open_images(photographs, size=151).decode == "exact"
    assert open_images(photographs).decode == "exact"
    assert open_images(photographs).with_size(64).decode == "reduced"
    assert open_images(photographs, size=64, channels=3).decode == "reduced"
    assert open_images(photographs, size=64).with_size(300).decode == "exact"


def test_other_formats_and_small_pictures_are_decoded_exactly(folder, photographs, tmp_path) -> None:
    assert open_images(folder, size=2).decode == "exact"
    for path in photographs.iterdir():
        Image.open(path).resize((100, 75)).save(tmp_path / path.name)
    exact, reduced = (pixels(open_images(tmp_path, size=64, decode=how)) for how in ("exact", "reduced"))
    np.testing.assert_array_equal(exact, reduced)


def test_a_turned_picture_is_turned_before_it_is_measured(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph((1200, 400)).save(tmp_path / "a.jpg", quality=90, exif=exif)
    found = [pixels(open_images(tmp_path, size=(256, 64), decode=how)) for how in ("exact", "reduced")]
    assert np.abs(found[0] - found[1]).mean() < 0.5


def test_it_is_in_the_fingerprint_and_in_the_record(photographs) -> None:
    images = open_images(photographs, size=64)
    assert images.describe()["decode"] == "reduced"
    assert images.fingerprint != open_images(photographs, size=64, decode="exact").fingerprint
    again = open_images(photographs, **opening_options(images.describe()))
    assert (again.decode, again.fingerprint) == ("reduced", images.fingerprint)
    former = {name: value for name, value in images.describe().items() if name != "decode"}
    assert open_images(photographs, **opening_options(former)).decode == "exact"


def test_metrics_decode_exactly(photographs) -> None:
    from imagewright.metrics.subjects import open_source

    opened = open_source(open_images(photographs, size=64))
    assert opened.decode == "exact"
    assert open_source(photographs, (64, 64)).decode == "exact"


def test_a_wrong_name_is_refused(folder) -> None:
    with pytest.raises(ConfigError, match=r"There is no decoding 'reduce'.*reduced"):
        open_images(folder, decode="reduce")
