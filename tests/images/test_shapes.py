"""The built-in set `shapes`: pictures follow from seed and number, and factors are found again in the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.errors import UserError
from imagewright.images.shapes.factors import SHAPES, TEXTURES, sample_sprites
from imagewright.images.shapes.geometry import distance_of


def pixels_of(source: str, size: int | None = None) -> np.ndarray:
    """uint8 (N, H, W, C) of all pictures of a source."""
    images = iw.open_images(source, size)
    return images.batch(np.arange(len(images))).images.permute(0, 2, 3, 1).numpy()


def test_a_picture_is_the_same_whatever_the_count() -> None:
    few, many = pixels_of("shapes:count=5"), pixels_of("shapes:count=300")
    np.testing.assert_array_equal(few, many[:5])
    assert (pixels_of("shapes:count=5,seed=1") != few).any()
    one = iw.open_images("shapes:count=300").batch(np.array([4])).images
    np.testing.assert_array_equal(one[0].permute(1, 2, 0).numpy(), few[4])


@pytest.mark.parametrize("shape", range(len(SHAPES)), ids=SHAPES)
def test_each_shape_has_area_one_and_its_centre_of_mass_at_the_origin(shape: int) -> None:
    places = np.linspace(-1.2, 1.2, 601)
    x, y = np.meshgrid(places, places)
    inside = distance_of(shape, x, y) < 0
    step = places[1] - places[0]
    assert inside.sum() * step**2 == pytest.approx(1, abs=0.01)
    assert (x[inside].mean(), y[inside].mean()) == pytest.approx((0, 0), abs=0.005)


def test_the_factors_are_found_again_in_the_pixels() -> None:
    images = iw.open_images("shapes:count=140,seed=3")
    assert images.factors is not None
    assert images.factor_names == ("texture", "hue", "size", "x", "y", "turn", "background")
    known = dict(zip(images.factor_names, images.factors.T, strict=True))
    found = iw.measure_sprites(pixels_of("shapes:count=140,seed=3"))
    assert found.found.all()
    np.testing.assert_array_equal(found.shape, images.labels)
    np.testing.assert_array_equal(found.texture, known["texture"])
    for name, most in (("x", 0.008), ("y", 0.008), ("size", 0.02)):
        np.testing.assert_allclose(getattr(found, name), known[name], atol=most)
    assert (np.abs((found.hue - known["hue"] + 180) % 360 - 180) < 6).all()
    turned = ~np.isnan(found.turn)
    np.testing.assert_array_equal(turned, ~np.isin(images.labels, [SHAPES.index("circle"), SHAPES.index("ring")]))
    wrong = np.abs(found.turn - known["turn"])[turned]
    assert (wrong.mean() < 1.5, wrong.max() < 5) == (True, True)  # templates are 2 degrees apart


def test_a_picture_without_a_sprite_has_no_measures() -> None:
    found = iw.measure_sprites(np.full((2, 32, 32, 3), 200, np.uint8))
    assert not found.found.any()
    assert np.isnan(found.x).all()
    assert (found.shape == -1).all()


def test_factors_are_independent_and_uniform() -> None:
    sprites = sample_sprites(20_000, 0)
    values = np.stack([getattr(sprites, name) for name in sprites.__dataclass_fields__], 1).astype(float)
    assert np.abs(np.corrcoef(values.T) - np.eye(8)).max() < 0.03
    assert np.bincount(sprites.shape).min() > 20_000 / 7 * 0.93
    assert np.histogram(sprites.hue, 10, (0, 360))[0].min() > 2_000 * 0.93


def test_views_are_of_the_same_sprites_and_pair_by_name() -> None:
    pairs = iw.open_images({"input": "shapes:outlines,count=12", "target": "shapes:count=12"}, size=32)
    batch = pairs.batch(np.arange(12))
    outlines, sprites = batch.layers["input"], batch.layers["target"]
    assert (tuple(outlines.shape), tuple(sprites.shape)) == ((12, 1, 32, 32), (12, 3, 32, 32))
    maps = iw.open_images({"labels": "shapes:labels,count=12", "image": "shapes:count=12"}, kinds="labels=labels")
    labels = maps.batch(np.arange(12)).layers["labels"].numpy()
    np.testing.assert_array_equal(labels.reshape(12, -1).max(1) - 1, maps.labels)
    dark = outlines.numpy()[:, 0] < 128
    middles = (np.arange(32) + 0.5) / 32
    found = iw.measure_sprites(sprites.permute(0, 2, 3, 1).numpy())
    centre = (dark.sum(1) * middles).sum(1) / dark.sum((1, 2))
    np.testing.assert_allclose(centre, found.x, atol=0.05)


def test_pairs_are_side_by_side() -> None:
    pair = pixels_of("shapes:pairs,count=4")
    np.testing.assert_array_equal(pair[:, :, 64:], pixels_of("shapes:count=4"))
    np.testing.assert_array_equal(pair[:, :, :64, :1], pixels_of("shapes:outlines,count=4"))
    assert iw.open_images("shapes:label-pairs,count=4").size == (64, 128)


def test_the_domains_differ_in_their_texture_alone() -> None:
    both = [iw.open_images(f"shapes:{name},count=50") for name in ("striped", "dotted")]
    assert all(images.factors is not None for images in both)
    one, other = (images.factors for images in both)
    np.testing.assert_array_equal(one[:, 1:], other[:, 1:])  # type: ignore[index]
    for images, texture in zip(both, ("striped", "dotted"), strict=True):
        found = iw.measure_sprites(images.batch(np.arange(50)).images.permute(0, 2, 3, 1).numpy())
        assert (found.texture == TEXTURES.index(texture)).all()


def test_pictures_are_drawn_at_the_size_that_is_asked_for() -> None:
    drawn = pixels_of("shapes:count=3", 128)
    np.testing.assert_array_equal(drawn, pixels_of("shapes:count=3,size=128"))
    images = iw.open_images("shapes:count=3")
    larger = images.with_size(128)
    np.testing.assert_array_equal(larger.batch(np.arange(3)).images.permute(0, 2, 3, 1).numpy(), drawn)
    assert larger.fingerprint != images.fingerprint
    assert iw.open_images("shapes:count=3", (32, 48)).batch(np.arange(3)).images.shape == (3, 3, 32, 48)


def test_attributes_follow_from_the_factors() -> None:
    images = iw.open_images("shapes:count=200")
    assert images.factors is not None
    assert images.attributes is not None
    names = images.attribute_names or ()
    assert names == ("striped", "dotted", "large", "left", "high", "warm")
    large = images.attributes[:, names.index("large")]
    np.testing.assert_array_equal(large, images.factors[:, 2] > 0.32)
    part = images.subset(np.arange(10, 20))
    np.testing.assert_array_equal(part.factors, images.factors[10:20])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("shapes:outline", r"no view 'outline'.*outlines, labels.*Did you mean 'outlines'\?"),
        ("shapes:cont=3", r"'cont=3' is no option.*Did you mean 'count'\?"),
        ("shapes:count=many", "count='many'.*whole number"),
        ("shapes:count=0", "count=0.*from 1 to"),
        ("shapes:size=4", "size=4.*8 to 1,024"),
        ("shape", r"nothing at 'shape'.*digits, faces, shapes.*Did you mean 'shapes'\?"),
    ],
)
def test_what_is_no_name_of_the_set(source: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        iw.open_images(source)


def test_columns_of_numbers_in_a_table_are_factors(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    rows = ["file,class,smiling,age,height"]
    for number in range(6):
        Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{'ab'[number % 2]},{number % 2},{20.5 + number},{'' if number == 3 else number}")
    (folder / "labels.csv").write_text("\n".join(rows))
    images = iw.open_images(folder)
    assert images.factor_names == ("age", "height")
    assert images.factors is not None
    np.testing.assert_array_equal(images.factors[:, 0], 20.5 + np.arange(6))
    assert np.isnan(images.factors[3, 1])
    assert images.attribute_names == ("smiling",)
    assert images.class_names == ("a", "b")
