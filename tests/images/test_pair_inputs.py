"""Inputs of pairs against what they must be: closed forms where there are any, properties elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.errors import ConfigError
from imagewright.images.pair_inputs import INPUTS, build_input, fit_palette

NOISE = np.random.default_rng(0).integers(0, 256, (30, 41, 3), np.uint8)


def halves(left: tuple[int, int, int] = (255, 0, 0), right: tuple[int, int, int] = (0, 0, 255)) -> np.ndarray:
    picture = np.empty((32, 32, 3), np.uint8)
    picture[:, :16], picture[:, 16:] = left, right
    return picture


def test_edges_are_dark_on_white_where_the_picture_changes() -> None:
    edges = build_input("edges", {"sigma": 1.0})(halves((0, 0, 0), (255, 255, 255)), 0)
    assert edges.shape == (32, 32, 1)
    assert set(np.unique(edges)) == {0, 255}
    columns = np.flatnonzero((edges[2:-2, :, 0] == 0).any(0))
    assert set(columns) <= {15, 16}
    assert len(columns) > 0
    rough, smooth = (build_input("edges", {"sigma": sigma})(NOISE, 0) for sigma in (0.5, 3.0))
    assert (smooth == 0).sum() < (rough == 0).sum()
    assert (build_input("edges", {})(np.full((9, 9, 1), 90, np.uint8), 0) == 255).all()


def test_grey_is_the_luminance() -> None:
    grey = build_input("grey", {})(NOISE, 0)
    expected = NOISE.astype(float) @ (0.299, 0.587, 0.114)
    assert np.abs(grey[..., 0] - expected).max() <= 1
    assert np.array_equal(build_input("grey", {})(NOISE[..., :1], 0), NOISE[..., :1])


def test_low_resolution_keeps_means_and_loses_detail() -> None:
    fine = (np.indices((32, 32)).sum(0) % 2 * 200).astype(np.uint8)[..., None]
    low = build_input("lowres", {"factor": 4})(fine, 0)
    assert low.shape == fine.shape
    assert (low == 100).all()
    flat = halves()
    assert np.array_equal(build_input("lowres", {"factor": 4})(flat, 0)[:, :8], flat[:, :8])
    assert build_input("lowres", {"factor": 64})(NOISE, 0).shape == NOISE.shape


def test_a_hole_has_its_share_and_its_place_follows_from_seed_and_number() -> None:
    white = np.full((30, 40, 3), 255, np.uint8)
    make = build_input("mask", {"hole": 0.5, "seed": 3})
    places = set()
    for number in range(40):
        masked = make(white, number)
        rows, columns = (np.flatnonzero((masked != 255).any((axis, 2))) for axis in (1, 0))
        assert (len(rows), len(columns)) == (15, 20)
        assert (masked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == 128).all()
        assert (masked == 255).all(2).sum() == 30 * 40 - 15 * 20
        assert np.array_equal(masked, make(white, number))
        places.add((rows[0], columns[0]))
    assert len(places) > 30
    assert (white == 255).all()
    others = build_input("mask", {"hole": 0.5, "seed": 4})
    assert not all(np.array_equal(make(white, number), others(white, number)) for number in range(5))


def test_regions_have_the_colours_of_one_palette(tmp_path) -> None:
    noise = np.random.default_rng(1)
    for number, pair in enumerate((((250, 0, 0), (0, 0, 250)), ((0, 250, 0), (250, 0, 0)))):
        rough = np.clip(halves(*pair).astype(int) + noise.integers(-5, 6, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(rough).save(tmp_path / f"{number}.png")
    images = iw.open_images(tmp_path)
    regions = fit_palette(build_input("labels", {"colours": 3}), images)
    made = [regions(images[number].permute(1, 2, 0).numpy(), number) for number in range(2)]
    assert len({tuple(pixel) for each in made for pixel in each.reshape(-1, 3).tolist()}) == 3
    assert (made[0][:, :14] == made[1][:, 18:]).all()  # red is the same colour in both pictures
    assert np.abs(made[0][5, 5].astype(int) - (250, 0, 0)).max() < 20


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_keeps_height_and_width_of_grey_and_colour(name: str) -> None:
    for picture in (NOISE, NOISE[..., :1], NOISE[:1, :1]):
        make = build_input(name, {})
        if name == "labels":
            make = fit_palette(make, iw.open_images(NOISE.transpose(2, 0, 1)[None]))
        made = make(picture, 0)
        assert made.dtype == np.uint8
        assert made.shape[:2] == picture.shape[:2]
        assert made.shape[2] in (1, 3)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("edge", {}, "Did you mean 'edges'"),
        ("grey", {"sigma": 1}, "an option of edges, and the input is grey: its options are none"),
        ("mask", {"factor": 2}, "an option of lowres, and the input is mask: its options are hole, seed"),
        ("labels", {"palette": 2}, "option of no input|option of labels"),
        ("edges", {"sigma": 0}, "0.1 to 50"),
        ("lowres", {"factor": 1}, "2 to 64"),
        ("lowres", {"factor": 2.5}, "whole number"),
        ("mask", {"hole": "large"}, "expected a number"),
    ],
)
def test_wrong_inputs_and_options_are_named(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_input(name, options)
