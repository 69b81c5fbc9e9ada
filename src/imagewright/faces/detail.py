"""Sharpness of a new face, matched to the footage that it is put into.

Sharpness is the energy of fine detail: the mean square, over a mask, of the luma minus its Gaussian blur.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from imagewright.faces.masks import face_size

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601
FINEST = 1.0  # sigma of the blur in pixels, at least
SHARE = 1 / 100  # of the face's size: sigma for large faces, whose detail is larger too
MOST = 3.0  # of its own detail is added to a soft face at most: more would show noise and blocks
MOST_MOVING = 0.5  # in a video whose faces are not averaged over time, where added detail flickers
ROUNDS = 4  # a blur of one sigma, which is not enough, is followed by one of twice the sigma
FEWEST = 16.0  # pixels of a mask: fewer say nothing of sharpness


def detail_sigma(size: float) -> float:
    """The sigma in pixels of the blur that separates fine detail, for a face of a size in pixels (`face_size`)."""
    return max(FINEST, SHARE * size)


def fine_detail(picture: np.ndarray, sigma: float) -> np.ndarray:
    """The fine detail (H, W) of an RGB picture (H, W, 3), or of its luma (H, W)."""
    luma = picture @ LUMA if picture.ndim == 3 else picture
    return luma - gaussian_filter(luma, sigma, mode="nearest", truncate=3.0)


def detail_energy(detail: np.ndarray, weights: np.ndarray) -> float:
    """The mean square of fine detail over weights of one shape; NaN if they are 0."""
    total = float(weights.sum(dtype=np.float64))
    return float(np.vdot(detail * weights, detail)) / total if total else float("nan")


def match_sharpness(picture: np.ndarray, mask: np.ndarray, footage: np.ndarray, most: float = MOST) -> np.ndarray:
    """A face with as much fine detail inside the mask as the face that it replaces had.

    The luma's detail is enlarged (unsharp masking) or reduced (blur): the amount is the
    root of a quadratic equation, so that nothing is to be chosen. What it is compared with is the replaced face, not
    its surroundings: hair is sharper than skin and a background out of focus is not. So the step in sharpness across
    the edge stays that of the footage.

    picture, footage: float32 RGB (H, W, 3) from 0 to 1, of one shape and resolution: best that of the frame, because a
        crop of a small network cannot hold the detail of a large face.
    mask: (H, W). With fewer than 16 pixels in it the picture is returned as it is.
    most: how many times itself is added to the detail at most.
    """
    size = face_size(mask)
    if size * size < FEWEST:
        return picture
    sigma = detail_sigma(size)
    weights = np.asarray(mask, np.float32)
    wanted = detail_energy(fine_detail(footage, sigma), weights)
    for each in range(ROUNDS):
        detail = fine_detail(picture, sigma)
        band = detail if each == 0 else fine_detail(picture, sigma * 2**each)
        amount = _amount(
            detail, band - gaussian_filter(band, sigma, mode="nearest", truncate=3.0), weights, wanted, most
        )
        picture = np.clip(picture + np.float32(amount) * band[..., None], 0, 1)
        if amount > -1:
            return picture
    return picture


def _amount(detail: np.ndarray, change: np.ndarray, weights: np.ndarray, wanted: float, most: float) -> float:
    """The a of least size, from -1 to `most`, for which `detail + a change` has the energy that is wanted."""
    square = float(np.vdot(change * weights, change))
    mixed = float(np.vdot(detail * weights, change))
    excess = float(np.vdot(detail * weights, detail)) - wanted * float(weights.sum(dtype=np.float64))
    root = mixed * mixed - square * excess
    if square <= 0 or mixed <= 0:
        return 0.0
    nearest = -mixed / square if root < 0 else (-mixed + np.sqrt(root)) / square
    return float(np.clip(nearest, -1.0, most))
