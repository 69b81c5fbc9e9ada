"""Label maps of the parts of a face: background, face, eyes and mouth, drawn from its points.

The outline of the face is the oval of the mesh, which has the forehead in it. Coordinates are those of the unit square
of a crop, (0, 0) to (1, 1), y down.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.spatial import ConvexHull, QhullError

from imagewright.faces.crops import SQUARES
from imagewright.faces.landmarks import FIRST, LEFT_EYE, MEAN_FACE, RIGHT_EYE

PARTS = ("background", "face", "eyes", "mouth")
BACKGROUND, FACE, EYES, MOUTH = range(4)
OUTER_LIPS = slice(48, 60)
DILATION = 1 / 32  # of the side: how far the eyes and the mouth reach beyond their points
# Of the outline of a face from the front, in units of the mean face's square.
TYPICAL_CENTRE, TYPICAL_RADII = np.array([0.5, 0.43]), np.array([0.56, 0.64])
FINER = 2  # so many times finer than asked for is drawn, since Pillow's polygons have no parts of pixels


def draw_parts(points: np.ndarray, oval: np.ndarray, size: int) -> np.ndarray:
    """The part that each pixel belongs to, uint8 (size, size): one of `PARTS` by its number.

    points: (68, 2), the common points.
    oval: (K, 2), the outline of the face.
    """
    side = size * FINER
    map_of_parts = Image.new("L", (side, side), BACKGROUND)
    draw = ImageDraw.Draw(map_of_parts)
    wide = 2 * DILATION * side
    _draw_hull(draw, np.asarray(oval, float) * side, FACE)
    for part, places in ((EYES, RIGHT_EYE), (EYES, LEFT_EYE), (MOUTH, OUTER_LIPS)):
        _draw_hull(draw, np.asarray(points, float)[places] * side, part, wide)
    drawn = np.array(map_of_parts)
    # A part beyond the outline, such as lips in a profile, is no part of the face.
    outline = Image.new("L", (side, side), BACKGROUND)
    _draw_hull(ImageDraw.Draw(outline), np.asarray(oval, float) * side, FACE, wide / 4)
    drawn[np.array(outline) == BACKGROUND] = BACKGROUND
    return drawn[FINER // 2 :: FINER, FINER // 2 :: FINER].copy()


def draw_typical_parts(crop: str, size: int) -> np.ndarray:
    """The parts of the mean face from the front in a crop, for faces without points; uint8 (size, size).

    crop: one of `CROPS`.
    """
    side, middle = SQUARES.get(crop, SQUARES["whole"])
    corner = np.array([0.5 - side / 2, middle - side / 2])
    points = np.zeros((68, 2))
    points[FIRST:] = (MEAN_FACE - corner) / side
    angles = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    ellipse = TYPICAL_CENTRE + TYPICAL_RADII * np.stack([np.sin(angles), -np.cos(angles)], 1)
    return draw_parts(points, (ellipse - corner) / side, size)


def _draw_hull(draw: ImageDraw.ImageDraw, points: np.ndarray, part: int, width: float = 0.0) -> None:
    """Fill the convex hull of points in pixels, widened by half of `width` on all sides."""
    try:
        corners = points[ConvexHull(points).vertices]
    except (QhullError, ValueError):  # all on a line, or too few
        corners = points
    outline = [(float(x), float(y)) for x, y in corners - 0.5]
    if len(outline) > 1:
        draw.polygon(outline, fill=part)
    radius = width / 2
    if radius > 0:
        draw.line([*outline, outline[0]], fill=part, width=max(1, round(width)))
        for x, y in outline:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=part)
