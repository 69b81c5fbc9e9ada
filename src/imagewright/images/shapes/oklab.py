"""Oklab: a space of colours in which equal steps look equal (Ottosson 2020, "A perceptual color space").

Its hue and chroma tell the colour of a sprite whatever its light, and the sprite from a pale background.
"""

from __future__ import annotations

import numpy as np

# Ottosson's matrices: linear sRGB to responses of the three cones, and their cube roots to lightness, a and b.
CONES = np.array(
    [
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    ]
)
LAB = np.array(
    [
        (0.2104542553, 0.7936177850, -0.0040720468),
        (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660),
    ]
)


def to_srgb(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """Colours as sRGB from 0 to 1, float64 (..., 3); what is outside the range is clipped.

    lightness: 0 to 1. chroma: 0 to about 0.3. hue: degrees.
    """
    angle = np.radians(hue)
    lab = np.stack(np.broadcast_arrays(lightness, chroma * np.cos(angle), chroma * np.sin(angle)), -1)
    linear = ((lab @ np.linalg.inv(LAB).T) ** 3 @ np.linalg.inv(CONES).T).clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


LINEAR = np.array(
    [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in np.arange(256) / 255],
    np.float32,
)


def from_uint8(pixels: np.ndarray) -> np.ndarray:
    """uint8 sRGB (..., 3) as lightness, a and b, float32 (..., 3)."""
    roots = np.cbrt(LINEAR[pixels] @ CONES.T.astype(np.float32))
    found: np.ndarray = roots @ LAB.T.astype(np.float32)
    return found
