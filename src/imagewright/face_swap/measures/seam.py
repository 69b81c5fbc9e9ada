"""Whether the edge of the swapped face can be seen: steps in colour and sharpness across the edge of what was pasted.

What was pasted is seen from what changed, since the mask of another program is not known. There are steps without a
swap as well, such as from skin to hair: those of the original at the same edge are subtracted.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_closing, binary_fill_holes, gaussian_filter, label

from imagewright.face_swap.measures.intervals import frames_interval, mean_of
from imagewright.face_swap.measures.measure import Aim, Measure, MeasuredValue
from imagewright.faces.seams import INNER, OUTER, RING, colour_step, inner_ring, ring_width, sharpness_step

SMOOTHED = 2.0  # sigma in pixels of the change, before it is compared
NOISES, LEAST_CHANGE = 2.0, 4.0  # changed: more than 2 times the mean change outside the face, and 4 grey levels
LEAST_SHARE = 0.25  # of the hull that must have changed; else the hull is the mask
CLOSED = 3  # pixels: gaps of what changed that are closed

SETTINGS = {
    "mask": "what changed, largest part, holes filled; the hull of the original's face if hardly anything did",
    "changed": [SMOOTHED, NOISES, LEAST_CHANGE, LEAST_SHARE, CLOSED],
    "rings": RING,
    "inside_from": INNER,
    "outside_to": OUTER,
    "subtracted": "the original's step, by the same mask",
}
SOURCE = "own"
COLOUR = Measure(
    "seam/colour_step", "colour step at the face's edge, over the footage's", "Lab units", "lower", SOURCE,
    SETTINGS | {"step": "mean over the edge of the distance of local ring means in CIE Lab"}, Aim("at most", 2.0),
)  # fmt: skip
SHARPNESS = Measure(
    "seam/sharpness_step", "sharpness step at the face's edge, against the footage's", "octaves", "lower", SOURCE,
    SETTINGS | {"step": "log2 of the ratio of amplitudes of fine detail inside and outside; absolute difference"},
    Aim("at most", 0.5),
)  # fmt: skip


CHANGE = Measure(
    "seam/colour_change",
    "change of colour just inside the edge",
    "Lab units",
    "lower",
    SOURCE,
    {name: value for name, value in SETTINGS.items() if name != "subtracted"}
    | {"change": "mean over the inner ring of the distance of local means in CIE Lab"},
)


def pasted_mask(swapped: np.ndarray, original: np.ndarray, hull: np.ndarray, noise: float) -> np.ndarray:
    """The mask that a face was pasted by, as far as it can be seen: where pixels changed, float32 (H, W) of 0 and 1.

    swapped, original: uint8 (H, W, 3).
    hull: of the original's face, float (H, W); it is the mask if less than a quarter of it changed.
    noise: the mean change outside the face in grey levels.
    """
    places = np.argwhere(hull > 0)
    if not len(places):
        return hull
    room = int(np.sqrt(hull.sum()) / 2)  # pasted faces reach beyond the hull, but not far
    low, high = np.maximum(places.min(0) - room, 0), places.max(0) + 1 + room
    part = (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])))
    apart = np.abs(swapped[part].astype(np.float32) - original[part]).mean(-1)
    changed = gaussian_filter(apart, SMOOTHED) > NOISES * noise + LEAST_CHANGE
    labels, count = label(binary_fill_holes(binary_closing(np.pad(changed, CLOSED), iterations=CLOSED)))
    labels = labels[CLOSED:-CLOSED, CLOSED:-CLOSED]
    if not count:
        return hull
    found = labels == 1 + np.bincount(labels.ravel(), minlength=count + 1)[1:].argmax()
    if (found & (hull[part] >= 0.5)).sum() < LEAST_SHARE * hull.sum():
        return hull
    mask = np.zeros(hull.shape, np.float32)
    mask[part] = found
    return mask


def colour_change(swapped: np.ndarray, original: np.ndarray, mask: np.ndarray) -> float:
    """How much the colour just inside the edge differs from the original's there, in units of CIE Lab.

    Local means over the inner ring are compared (Gaussian weights, sigma: the width of the ring), so that another
    person's features do not count. NaN without an edge.
    """
    from skimage.color import rgb2lab

    places = np.argwhere(mask > 0)
    if not len(places):
        return float("nan")
    # With a margin, in which the mask is 0: the edge is there.
    part = (slice(*_reach(places[:, 0])), slice(*_reach(places[:, 1])))
    width = ring_width(mask)
    ring = inner_ring(mask[part], width)
    if not ring.any():
        return float("nan")
    apart = (rgb2lab(swapped[part]) - rgb2lab(original[part])) * ring[..., None]
    spread = gaussian_filter(np.dstack([apart, ring]).astype(np.float32), (width, width, 0), truncate=3.0)
    means = spread[..., :3] / np.maximum(spread[..., 3:], 1e-9)
    return float(np.linalg.norm(means, axis=-1)[ring].mean())


def _reach(places: np.ndarray) -> tuple[int, int]:
    return max(int(places.min()) - 1, 0), int(places.max()) + 2


def edge_steps(swapped: np.ndarray, original: np.ndarray, mask: np.ndarray) -> tuple[float, float, float] | None:
    """The colour step over the original's, the sharpness step less the original's, and the change of colour inside the
    edge; None without an edge.

    swapped, original: uint8 (H, W, 3).
    mask: of `pasted_mask`, float (H, W).
    """
    colour, sharpness = (step(swapped, mask) - step(original, mask) for step in (colour_step, sharpness_step))
    steps = (colour, sharpness, colour_change(swapped, original, mask))
    return steps if np.isfinite(steps).all() else None


def measure_seam(steps: np.ndarray) -> list[MeasuredValue]:
    """The means over frames.

    steps: (T, 3), of `edge_steps`.
    """
    if not len(steps):
        why = "the face has no edge in the frames"
        return [MeasuredValue(each, None, note=why) for each in (COLOUR, CHANGE, SHARPNESS)]
    sharpness = steps[:, 1]
    softer = (
        f"the swapped face is {'softer' if sharpness.mean() < 0 else 'sharper'}" if abs(sharpness.mean()) > 0.1 else ""
    )
    return [
        MeasuredValue(COLOUR, frames_interval(steps[:, 0], mean_of)),
        MeasuredValue(CHANGE, frames_interval(steps[:, 2], mean_of)),
        MeasuredValue(SHARPNESS, frames_interval(np.abs(sharpness), mean_of), note=softer),
    ]
