"""Colour pictures of 16 bits, which Pillow reads as 8: it is asked twice, for the high and for the low byte."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

SWAPPED = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}


def raw_mode(image: Image.Image) -> str:
    """How the pixels of an opened picture lie in its file, by Pillow's name, such as "RGB;16B"; "" if it has none."""
    tiles: Any = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def is_deep_colour(image: Image.Image) -> bool:
    """Whether an opened picture has colours of 16 bits, of which both bytes can be read."""
    name, _, order = raw_mode(image).partition(";")
    return name in {"RGB", "RGBA"} and order in SWAPPED


def read_deep_colour(open_again: Callable[[], Image.Image]) -> np.ndarray:
    """The numbers of a colour picture of 16 bits: uint16 (H, W, 3), or (H, W, 4) with transparency.

    open_again: opens the picture, without decoding it.
    """
    high = np.asarray(open_again()).astype(np.uint16)
    image: Any = open_again()
    image.tile = [_with_other_byte(tile) for tile in image.tile]
    low: np.ndarray = np.asarray(image)
    return (high << np.uint16(8)) | low


def _with_other_byte(tile: Any) -> Any:
    arguments = tile[3]
    name, _, order = (arguments[0] if isinstance(arguments, tuple) else arguments).partition(";")
    swapped = f"{name};{SWAPPED[order]}"
    return tile._replace(args=(swapped, *arguments[1:]) if isinstance(arguments, tuple) else swapped)
