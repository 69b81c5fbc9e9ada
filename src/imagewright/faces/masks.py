"""Masks of a face: which pixels are replaced, from its points, and the edge over which the new face fades out.

A mask is float32 (H, W), 1 where the new face is and 0 where the picture stays as it is.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull, QhullError
from scipy.special import ndtri

from imagewright.faces.landmarks import LEFT_EYE, RIGHT_EYE

BROWS = slice(17, 27)
RAISED = 0.5  # of the distance from the eyes to the brows: the part of the forehead that is taken without an oval
LINES = 8  # through a row of pixels, along which the share inside a hull is exact
LEAST = 1 / 255  # less cannot be seen in a picture of 8 bits
UNSURE = 0.25  # a learned mask up to this is no face, and from 1 minus this on it is one
BORDER = 1 / 32  # of a crop's side: the mask fades out over it


def face_outline(points: np.ndarray, oval: np.ndarray | None = None) -> np.ndarray:
    """The corners (n, 2) of the convex hull of a face, in order.

    points: the 68 common points (68, 2).
    oval: the oval of the mesh (36, 2), which holds the forehead. Without it the brows are raised by half their distance
        to the eyes.
    """
    if oval is None:
        eyes = (points[RIGHT_EYE].mean(0) + points[LEFT_EYE].mean(0)) / 2
        raised = points[BROWS] + RAISED * (points[BROWS].mean(0) - eyes)
        corners = np.concatenate([points, raised])
    else:
        corners = np.concatenate([points, oval])  # the nose of a profile reaches out of the oval
    try:
        return corners[ConvexHull(corners).vertices]
    except QhullError:  # all points are on a line
        return corners[:0]


def hull_mask(points: np.ndarray, oval: np.ndarray | None, height: int, width: int) -> np.ndarray:
    """The convex hull of a face in a picture of (height, width): a pixel's value is the share of it inside the hull.

    points, oval: as in `face_outline`, in pixels of this picture.
    """
    mask = np.zeros((height, width), np.float32)
    outline = face_outline(np.asarray(points, float), None if oval is None else np.asarray(oval, float))
    if not len(outline):
        return mask
    low = np.clip(np.floor(outline.min(0)).astype(int), 0, (width, height))
    high = np.clip(np.ceil(outline.max(0)).astype(int), 0, (width, height))
    part = mask[low[1] : high[1], low[0] : high[0]]
    columns = np.arange(low[0], high[0])
    for line in range(LINES):
        heights = np.arange(low[1], high[1]) + (line + 0.5) / LINES
        left, right = _crossings(outline, heights)
        part += np.clip(np.minimum(right, columns + 1) - np.maximum(left, columns), 0, 1) / LINES
    return mask


def _crossings(outline: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where lines at heights (n,) enter and leave a convex outline: x, each (n, 1), equal where they miss it."""
    outline = np.roll(outline, -int(outline[:, 1].argmin()), 0)
    lowest = int(outline[:, 1].argmax())
    sides = outline[: lowest + 1], np.concatenate([outline[lowest:], outline[:1]])[::-1]
    crossings = np.sort([np.interp(heights, side[:, 1], side[:, 0]) for side in sides], 0)
    missed = (heights < outline[0, 1]) | (heights > outline[lowest, 1])
    return crossings[0][:, None], np.where(missed, *crossings)[:, None]


def face_size(mask: np.ndarray) -> float:
    """The side in pixels of a square with the area of a mask: what shares of a face's size are shares of."""
    return float(np.sqrt(mask.sum(dtype=np.float64)))


def soften_mask(mask: np.ndarray, erode: float = 0.02, blur: float = 0.06) -> np.ndarray:
    """The mask of a crop with a soft edge, which reaches no farther out than the mask did.

    Values at the border of the crop are 0, and rise slowly from there, so that no square can be seen in the frame. A
    hole stays a hole: where the mask is low because something is before the face, the result is no higher.

    mask: of a whole crop, with values from 0 to 1.
    erode: by how much the mask shrinks, as a share of the face's size; a negative number lets it grow, into holes too.
    blur: the width over which it fades out inside of that, as a share of the face's size.
    """
    mask = np.clip(np.asarray(mask, np.float32), 0, 1)
    shrink, fade = erode * face_size(mask), max(blur * face_size(mask), 1.0)
    soft = _smooth_step((_depths(mask, (abs(shrink) + fade) / 2) - shrink) / fade)
    if erode >= 0:
        soft = np.minimum(soft, mask)
    soft = np.minimum(soft, _border_ramp(*mask.shape))
    soft[soft < LEAST] = 0
    return soft


def _depths(mask: np.ndarray, sigma: float) -> np.ndarray:
    """How deep each pixel is inside a mask, in pixels; negative outside.

    A Gaussian turns a straight edge into the normal distribution of the distance to it, which is inverted here. So the
    depths follow an edge that moves by a part of a pixel, and a mask does not jump from frame to frame.
    """
    sure = np.clip((mask - UNSURE) / (1 - 2 * UNSURE), 0, 1)
    shares = gaussian_filter(sure, sigma, mode="constant", truncate=3.0)
    return sigma * ndtri(np.clip(shares, 1e-4, 1 - 1e-4))


def _smooth_step(share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def _border_ramp(height: int, width: int) -> np.ndarray:
    """0 at the border of a crop, smoothly 1 from a thirty-second of its side on."""
    ramps = []
    for length in (height, width):
        places = np.arange(length)
        ramps.append(_smooth_step(np.minimum(places, length - 1 - places) / (length * BORDER + 1)).astype(np.float32))
    return ramps[0][:, None] * ramps[1]
