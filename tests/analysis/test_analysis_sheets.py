"""Names and scores under the pictures of sheets: unique, numbers whole, zero is 0."""

from __future__ import annotations

import re

import numpy as np
import pytest

import imagewright as iw
from imagewright.analysis.outliers import sheet as outlier_sheet
from imagewright.analysis.outliers.scores import tidy
from imagewright.analysis.sheets import CAPTION, format_score, short_names, shorten_middle


def test_equal_file_names_are_told_apart_by_their_folders() -> None:
    assert short_names([f"s{person}/9.pgm" for person in range(1, 4)]) == ["s1/9", "s2/9", "s3/9"]
    assert short_names(["a/x/1.png", "b/x/1.png"]) == ["a/x/1", "b/x/1"]
    assert short_names(["a/1.png", "b/2.png"]) == ["1", "2"]  # as short as it can be
    assert short_names(["1.png", "1.jpg"]) == ["1 #1", "1 #2"]


def test_long_names_keep_their_last_number_whole() -> None:
    assert shorten_middle("holiday_in_the_mountains_0123", 16) == "holiday_i...0123"
    assert shorten_middle("a_photograph_of_a_very_large_garden", 16) == "a_photo...garden"
    assert shorten_middle("short", 16) == "short"
    names = [f"long_common_beginning_{number}.png" for number in range(1200, 1216)]
    found = short_names(names)
    assert [re.search(r"\d+$", name)[0] for name in found] == [str(number) for number in range(1200, 1216)]
    assert all(len(name) <= CAPTION for name in found)


@pytest.mark.parametrize("length", [30, 60])
def test_names_that_only_differ_in_the_middle_are_still_different(length: int) -> None:
    names = [f"{'x' * length}{letter}{'y' * length}.png" for letter in "abcd"]
    assert len(set(short_names(names))) == 4


def test_the_same_picture_twice_has_one_name() -> None:
    assert short_names(["a/1.png", "b/1.png", "a/1.png"]) == ["a/1", "b/1", "a/1"]


def test_what_is_zero_but_for_rounding_is_zero() -> None:
    assert [format_score(value) for value in (-3.9e-09, 0.0, 0.12345, 1234.5, -0.0931)] == [
        "0",
        "0",
        "0.123",
        "1.23e+03",
        "-0.0931",
    ]
    assert tidy(np.array([1.0, -3.9e-09, 1e-12, 0.5])).tolist() == [1.0, 0.0, 0.0, 0.5]


@pytest.mark.learning
def test_captions_of_the_outlier_sheet_are_whole_and_unique(tmp_path, monkeypatch) -> None:
    from PIL import Image

    generator = np.random.default_rng(0)
    for person in range(1, 13):
        (tmp_path / "set" / f"person{person}").mkdir(parents=True)
        pixels = generator.integers(0, 256, (16, 16), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "set" / f"person{person}" / "9.pgm")
    drawn = {}
    draw_grid = outlier_sheet.draw_grid
    monkeypatch.setattr(outlier_sheet, "draw_grid", lambda *a, **named: drawn.update(named) or draw_grid(*a, **named))
    found = iw.outliers(tmp_path / "set", method="pca")
    found.write(tmp_path / "out")
    captions = [caption for caption in drawn["captions"] if caption]
    names, scores = zip(*(caption.split("\n") for caption in captions), strict=True)
    assert set(names) == {f"person{person}/9" for person in range(1, 13)}
    expected = {f"person{found.images.name(i).split('/')[-2][6:]}/9": f"{found.score[i]:.3g}" for i in range(12)}
    assert dict(zip(names, scores, strict=True)) == expected
