"""A visible mark on pictures: a short text in a corner, legible on light and on dark."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from imagewright.errors import UserError, an, one_line

MARK = "AI-generated face"
CORNERS = ("bottom-right", "bottom-left", "top-right", "top-left")
SHARE = 1 / 28  # of the shorter side: the height of the letters
SMALLEST = 9  # pixels, below which letters cannot be read
WIDEST = 0.9  # of the width of the picture
EDGE = 0.35  # of the letters' height: how far the outline reaches
BLUR = 0.12  # of the letters' height: how softly it ends
DARKNESS = 2.5
LONGEST = 80  # characters


def draw_mark(picture: np.ndarray, text: str = MARK, *, corner: str = "bottom-right") -> np.ndarray:
    """A copy of a picture with a text in a corner: white letters with a dark outline, in Pillow's own font.

    The letters grow with the picture, and are smaller only if the text would be wider than the picture. The mark
    follows from the size and the text alone, so that it stands still in a video.

    picture: uint8 (H, W, 3) or (H, W).
    text: one line.
    corner: one of `CORNERS`.
    Raises `UserError` for an empty or a long text, and for another corner.
    """
    if corner not in CORNERS:
        raise UserError(f"The mark's corner is {one_line(corner, 40)!r}: give one of {', '.join(CORNERS)}.")
    check_mark(text)
    height, width = picture.shape[:2]
    letters, outline, (top, left) = _mark_of(height, width, one_line(text), corner)
    marked = picture.copy()
    bottom, right = top + letters.shape[0], left + letters.shape[1]
    region = marked[top:bottom, left:right].astype(np.float32)
    if region.ndim == 3:
        letters, outline = letters[..., None], outline[..., None]
    marked[top:bottom, left:right] = np.rint(region * (1 - outline) + 255 * letters).astype(np.uint8)
    return marked


def check_mark(text: str) -> None:
    """Raise `UserError` for what is no text, and for an empty or a long one. Call it before long work."""
    if not isinstance(text, str):
        raise UserError(f"The mark is {an(type(text).__name__)}: give its text, or True for the usual one.")
    if not text.strip() or len(text) > LONGEST:
        raise UserError(f"The text of a mark has 1 to {LONGEST} characters, and this one has {len(text.strip())}.")


@lru_cache(maxsize=8)
def _mark_of(height: int, width: int, text: str, corner: str) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """How much of each pixel is letter, how much is letter or outline (both 0 to 1), and where (top, left) they lie."""
    size = max(float(SMALLEST), min(height, width) * SHARE)
    size = min(size, WIDEST * width / (ImageFont.load_default(100).getlength(text) / 100 + 2 * EDGE))
    edge = max(1, round(EDGE * size))
    font = ImageFont.load_default(max(1.0, size))
    left, top, right, bottom = font.getbbox(text)
    across, down = int(right - left) + 2 * edge + 1, int(bottom - top) + 2 * edge + 1
    mask = Image.new("L", (across, down))
    ImageDraw.Draw(mask).text((edge - left, edge - top), text, 255, font)
    letters = np.asarray(mask, np.float32) / 255
    # The outline fades outwards, so that it does not fill the letters' insides on white.
    outline = np.minimum(1, DARKNESS * gaussian_filter(letters, size * BLUR))
    margin = max(1, round(size / 2) - edge)
    place = (
        max(0, margin if corner.startswith("top") else height - margin - down),
        max(0, margin if corner.endswith("left") else width - margin - across),
    )
    letters, outline = (each[: height - place[0], : width - place[1]] for each in (letters, outline))
    return letters, np.maximum(letters, outline), place
