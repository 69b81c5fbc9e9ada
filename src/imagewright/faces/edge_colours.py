"""Colours along the edge of a mask, matched to those of the face that is replaced.

Statistics of a whole face do not say where its light comes from. Near the edge the replaced face does: its own skin
is there in the footage, on both sides of the edge.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from imagewright.faces.masks import face_size
from imagewright.faces.seams import block_sums, inner_ring

REACH = 0.1  # of the face's size: width of the ring that is compared, and sigma of the averages
FADE = 0.02  # of weight: farther from the edge, where less of the ring is near, the correction fades out
LARGEST = 0.2  # difference of a pixel, from 0 to 1: a strand of hair or a part of the background must not decide
COARSE = 4  # sigma of the averages in blocks of pixels


def even_edge(picture: np.ndarray, mask: np.ndarray, footage: np.ndarray) -> np.ndarray:
    """A face whose mean colours near the edge of its mask are those that the replaced face had there.

    The difference of the two faces in a ring inside the edge is averaged (Gaussian, sigma: a tenth of the face's size)
    and added; it fades out towards the middle of the face. The light of the footage returns, as after Poisson blending,
    but no single pixel of the edge decides, so that it does not flicker from frame to frame.

    picture, footage: float32 RGB (H, W, 3) from 0 to 1, of one shape.
    mask: (H, W). Without an edge the picture is returned as it is.
    """
    reach = max(2.0, REACH * face_size(mask))
    ring = inner_ring(mask, reach)
    if not ring.any():
        return picture
    weights = ring[..., None].astype(np.float32)
    block = max(1, int(reach / COARSE))
    apart = np.clip(footage - picture, -LARGEST, LARGEST)
    sums = block_sums(np.concatenate([apart * weights, weights], -1), block) / np.float32(block**2)
    near = gaussian_filter(sums, (reach / block, reach / block, 0), mode="constant", truncate=3.0)
    return np.clip(picture + _enlarge(near[..., :3] / (near[..., 3:] + FADE), block, picture.shape), 0, 1)


def _enlarge(values: np.ndarray, block: int, shape: tuple[int, ...]) -> np.ndarray:
    """Values of blocks (h, w, 3) as a smooth function of pixels, of the first two sides of `shape`."""
    sides = (values.shape[1] * block, values.shape[0] * block)
    channels = [Image.fromarray(np.ascontiguousarray(each)) for each in np.moveaxis(values, -1, 0)]
    large = [np.asarray(each.resize(sides, Image.Resampling.BICUBIC)) for each in channels]
    return np.stack([each[: shape[0], : shape[1]] for each in large], -1)
