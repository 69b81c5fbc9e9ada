"""Optical flow between two frames of a face: DIS where OpenCV is installed (extra `faces`), else TV-L1 of scikit-image.

Kroeger et al. 2016, "Fast optical flow using dense inverse search", arXiv:1603.03590; Zach et al. 2007, "A duality
based approach for realtime TV-L1 optical flow". Shape letters: H W crop.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates

# Occluded: |forward + backward|^2 > SLOPE (|forward|^2 + |backward|^2) + OFFSET (Sundaram et al. 2010, section 3.2).
OCCLUSION_SLOPE, OCCLUSION_OFFSET = 0.01, 0.5

Flow = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FlowMethod:
    """A way to compute optical flow.

    name: for the recipe, with its parameters.
    compute: from grey pictures uint8 (H, W) at times t and t + 1 to (H, W, 2), x and y: the point p of the first is at
        p + flow[p] of the second.
    """

    name: str
    compute: Flow


def open_flow() -> FlowMethod:
    """DIS if OpenCV is installed, else TV-L1."""
    try:
        cv2: Any = importlib.import_module("cv2")
    except ImportError:
        return FlowMethod("TV-L1, scikit-image, 3 warps of 5 iterations", _tv_l1)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return FlowMethod("DIS, OpenCV, preset medium", lambda first, second: search.calc(first, second, None))


def _tv_l1(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    from skimage.registration import optical_flow_tvl1

    down, right = optical_flow_tvl1(first / 255.0, second / 255.0, num_warp=3, num_iter=5)
    return np.stack([right, down], -1)


def warp_back(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """A picture (H, W) or (H, W, C) of time t + 1, moved back to time t by bilinear interpolation. float32."""
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    places = np.stack([rows + flow[..., 1], columns + flow[..., 0]])
    planes = np.atleast_3d(picture).astype(np.float32)
    moved = [map_coordinates(planes[..., place], places, order=1, mode="nearest") for place in range(planes.shape[2])]
    return np.stack(moved, -1).reshape(picture.shape)


def visible(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Which pixels of time t are seen at time t + 1 too, (H, W): the flow back from where they go leads to them."""
    height, width = forward.shape[:2]
    back = warp_back(backward, forward)
    apart = np.square(forward + back).sum(-1)
    length = np.square(forward).sum(-1) + np.square(back).sum(-1)
    rows, columns = np.mgrid[:height, :width]
    x, y = columns + forward[..., 0], rows + forward[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    seen: np.ndarray = inside & (apart <= OCCLUSION_SLOPE * length + OCCLUSION_OFFSET)
    return seen
