"""Transfer of colour statistics from one picture of a face to another, inside a mask.

Pictures are float32 RGB (H, W, 3) from 0 to 1. Means, covariances and distributions are weighted by the mask, so that
neither background nor what is before the face counts. The maps are then applied to all pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from imagewright.errors import ConfigError, nearest_name

ColourMethod = Literal["reinhard", "linear", "mkl", "histogram", "none"]
METHODS: tuple[str, ...] = get_args(ColourMethod)
_Match = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
FEWEST = 16.0  # pixels of a mask: fewer say nothing of colours
ROUNDING = 0.25 / 255  # a deviation below this is that of rounding to 8 bits
STEEPEST = 2.0  # how much contrast may grow: more would make blotches of a face that a network drew without detail
QUANTILES = 256
SAMPLED = 8192  # pixels at least, if there are as many, of which quantiles are taken


def check_colour_method(method: str) -> str:
    """`method`, if it is one. Raises `ConfigError` otherwise."""
    if method not in METHODS:
        raise ConfigError(
            f"There is no colour method {method!r}: expected {', '.join(METHODS)}.{nearest_name(method, METHODS)}"
        )
    return method


def match_colours(
    picture: np.ndarray, reference: np.ndarray, mask: np.ndarray, method: ColourMethod = "reinhard"
) -> np.ndarray:
    """A picture whose colours inside the mask are distributed as those of the reference, from 0 to 1.

    picture, reference: of one shape.
    mask: (H, W), the weights of pixels; with fewer than 16 of them the picture is returned as it is.
    method: "reinhard": mean and deviation of each channel of CIE Lab (Reinhard et al. 2001, "Color Transfer between
        Images", in Lab instead of its l-alpha-beta); "linear": mean and covariance of RGB by whitening; "mkl": the same
        by the linear map that changes colours least (Monge-Kantorovich: Pitié and Kokaram 2007, "The linear
        Monge-Kantorovitch linear colour mapping for example-based colour transfer"); "histogram": the distribution of
        each channel of CIE Lab; "none".

    Raises `ConfigError` for another method.
    """
    check_colour_method(method)
    picture, reference = np.asarray(picture, np.float32), np.asarray(reference, np.float32)
    weights = np.asarray(mask, np.float32).ravel()
    if method == "none" or weights.sum() < FEWEST:
        return picture
    if method in ("reinhard", "histogram"):
        match = _match_deviations if method == "reinhard" else _match_histograms
        return _match_lab(picture, reference, weights, match)
    made = _match_covariance(picture.reshape(-1, 3), reference.reshape(-1, 3), weights, whitening=method == "linear")
    return np.clip(made, 0, 1, dtype=np.float32).reshape(picture.shape)


def _match_lab(picture: np.ndarray, reference: np.ndarray, weights: np.ndarray, match: _Match) -> np.ndarray:
    from skimage.color import lab2rgb, rgb2lab

    lab = match(rgb2lab(picture).reshape(-1, 3), rgb2lab(reference).reshape(-1, 3), weights)
    lab[:, 0] = np.clip(lab[:, 0], 0, 100)
    lab[:, 2] = np.minimum(lab[:, 2], (lab[:, 0] + 16) * (199.9 / 116))  # beyond it there is no colour
    matched: np.ndarray = lab2rgb(lab.astype(np.float32).reshape(picture.shape))
    return matched


def _match_deviations(source: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Colours (n, 3) of which each channel has mean and deviation of the target."""
    (mean, covariance), (wanted, spread) = _moments(source, weights), _moments(target, weights)
    deviations, aims = np.sqrt(np.diag(covariance)), np.sqrt(np.diag(spread))
    gains = np.minimum(aims / np.maximum(deviations, 100 * ROUNDING), STEEPEST)
    return (source - mean.astype(np.float32)) * gains.astype(np.float32) + wanted.astype(np.float32)


def _moments(colours: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (3,) and covariance (3, 3) of colours (n, 3)."""
    total = weights.sum(dtype=np.float64)
    mean = (weights @ colours / total).astype(np.float64)
    centred = colours - mean.astype(np.float32)
    return mean, ((centred * weights[:, None]).T @ centred / total).astype(np.float64)


def _match_covariance(source: np.ndarray, target: np.ndarray, weights: np.ndarray, *, whitening: bool) -> np.ndarray:
    """Colours (n, 3) under the linear map that gives them mean and covariance of the target."""
    (mean, covariance), (wanted, spread) = _moments(source, weights), _moments(target, weights)
    floor = np.square(ROUNDING) * np.eye(3)
    root, inverse = _roots(covariance + floor)
    if whitening:
        linear = _roots(spread + floor)[0] @ inverse
    else:
        linear = inverse @ _roots(root @ (spread + floor) @ root)[0] @ inverse
    left, gains, right = np.linalg.svd(linear)
    linear = left @ np.diag(np.minimum(gains, STEEPEST)) @ right
    shift = wanted - linear @ mean
    return source @ linear.T.astype(np.float32) + shift.astype(np.float32)


def _roots(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The square root of a symmetric positive matrix, and its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    roots = np.sqrt(np.maximum(values, 1e-12))
    return vectors * roots @ vectors.T, vectors / roots @ vectors.T


def _match_histograms(source: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Colours (n, 3) of which each channel has the weighted distribution of the target."""
    counted = np.flatnonzero(weights)
    counted = counted[:: max(1, len(counted) // SAMPLED)]
    made = np.empty_like(source)
    for channel, values in enumerate(source.T):
        places, inverse = np.unique(_quantiles(values[counted], weights[counted]), return_inverse=True)
        aims = np.bincount(inverse, _quantiles(target[counted, channel], weights[counted])) / np.bincount(inverse)
        inner = np.clip(values, places[0], places[-1])
        made[:, channel] = np.interp(inner, places, aims) + (values - inner)
    return made


def _quantiles(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values below which the first, third, fifth ... of `QUANTILES` times two parts of the weight are."""
    order = np.argsort(values)
    weights = weights[order].astype(np.float64)
    shares = (np.cumsum(weights) - weights / 2) / weights.sum()
    return np.interp((np.arange(QUANTILES) + 0.5) / QUANTILES, shares, values[order])
