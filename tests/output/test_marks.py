"""Visible marks: legible on light and on dark, in one place, in proportion to the picture, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from imagewright.errors import UserError
from imagewright.output.marks import CORNERS, draw_mark


def plain(level: int, height: int = 360, width: int = 480) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def marked_box(picture: np.ndarray, **options: str) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of what a mark changes."""
    changed = (draw_mark(picture, **options) != picture).any(2)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


@pytest.mark.parametrize("level", [0, 90, 128, 200, 255])
def test_the_letters_stand_out_on_every_background(level: int) -> None:
    marked = draw_mark(plain(level))
    assert marked.max() == 255
    if level > 60:  # on dark the letters need no outline
        assert marked.min() < 60


def test_the_mark_lies_in_its_corner_and_is_small() -> None:
    picture = plain(128)
    for corner in CORNERS:
        top, bottom, left, right = marked_box(picture, corner=corner)
        assert (top > 300) == corner.startswith("bottom")
        assert (bottom < 60) == corner.startswith("top")
        assert (left > 240) == corner.endswith("right")
        assert (right < 240) == corner.endswith("left")
        assert (bottom - top) * (right - left) < 0.02 * 360 * 480


def test_it_grows_with_the_picture() -> None:
    small, large = marked_box(plain(128)), marked_box(plain(128, 1080, 1440))
    for begin, end in ((0, 1), (2, 3)):
        assert large[end] - large[begin] == pytest.approx(3 * (small[end] - small[begin]), rel=0.1)


@pytest.mark.parametrize("size", [(64, 64), (1, 1), (8, 300), (300, 8), (97, 33)])
def test_it_fits_in_small_pictures(size: tuple[int, int]) -> None:
    picture = plain(128, *size)
    marked = draw_mark(picture)
    assert (marked.shape, marked.dtype) == (picture.shape, np.uint8)


def test_it_stands_still_and_changes_nothing_else() -> None:
    generator = np.random.default_rng(0)
    top, bottom, left, right = marked_box(plain(128, 120, 160))
    outside = np.ones((120, 160), bool)
    outside[top : bottom + 1, left : right + 1] = False
    letters = (draw_mark(plain(0, 120, 160)) == 255).all(2)
    for _ in range(3):
        frame = generator.integers(0, 256, (120, 160, 3), np.uint8)
        before = frame.copy()
        marked = draw_mark(frame)
        assert np.array_equal(frame, before)
        assert np.array_equal(marked[outside], frame[outside])
        assert (marked[letters] == 255).all()


def test_a_grey_picture_and_another_text() -> None:
    grey = np.full((100, 200), 128, np.uint8)
    assert draw_mark(grey).shape == (100, 200)
    assert not np.array_equal(draw_mark(grey, "made by a model"), draw_mark(grey))


@pytest.mark.parametrize("options", [{"text": " "}, {"text": "x" * 81}, {"corner": "middle"}])
def test_what_cannot_be_drawn_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"1 to 80 characters|one of bottom-right"):
        draw_mark(plain(0), **options)
